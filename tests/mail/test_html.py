from __future__ import annotations

import pytest

from scorelane.mail import parse
from scorelane.mail.nesting import FEW_CHARS, MOST_ATTRIBUTES, without_crowds


def test_blocks_are_lines_and_inline_elements_are_not(read_html):
    message = read_html(
        "<h1>Your  bill</h1><p>pay <b>n</b>ow<br>or</p><ul><li>a<li>b</ul><table><tr><td>c<td>d</table>"
    )
    assert message.text == "Your bill\npay now\nor\na\nb\ncd"


def test_entities_scripts_styles_and_titles_are_not_text(read_html):
    message = read_html(
        "<head><title>Title</title><style>p{color:red}</style></head><p>1 &lt; 2 &amp; caf&eacute;</p>"
        "<script>alert('x')</script><noscript>off</noscript><!-- secret -->"
    )
    assert message.text == "1 < 2 & café"
    assert message.html.script_count == 1
    assert message.html.script_bytes == len("alert('x')")
    assert message.html.style_bytes == len("p{color:red}")
    assert message.html.comment_bytes == len(" secret ")


@pytest.mark.parametrize(
    ("way", "source"),
    [
        ("display_none", '<p style="display:none">salad</p>'),
        ("display_none", '<p style="DISPLAY : NONE !important">salad</p>'),
        ("display_none", '<p style="visibility:hidden">salad</p>'),
        ("display_none", '<p style="mso-hide:all">salad</p>'),
        ("display_none", "<p hidden>salad</p>"),
        ("display_none", "<style>.x{display:none}</style><p class='big x'>salad</p>"),
        ("display_none", "<style>#x , p.y{ color:red; display : none }</style><p id=x>salad</p>"),
        ("display_none", "<p class=x>salad</p><style>/* a */ p.x{display:none}</style>"),
        ("zero_font", '<p style="font-size:0">salad</p>'),
        ("zero_font", '<p style="font-size: 0.0px;">salad</p>'),
        ("zero_font", '<p style="font-size:1px">salad</p>'),
        ("zero_font", '<p style="font:0/0 a">salad</p>'),
        ("zero_font", '<font size="0">salad</font>'),
        ("zero_font", "<style>.x{font-size:0}</style><p class=x>salad</p>"),
        ("same_colour", '<p style="color:#ffffff">salad</p>'),
        ("same_colour", '<p style="color:white">salad</p>'),
        ("same_colour", '<p style="color: rgb(254, 255, 250)">salad</p>'),
        ("same_colour", '<font color="#FFFFF3">salad</font>'),
        ("same_colour", '<p style="color:transparent">salad</p>'),
        ("same_colour", '<table bgcolor="#000"><td><font color="#010101">salad</font></table>'),
        ("same_colour", '<div style="background:#eee"><p style="color:#efefef">salad</p></div>'),
        ("same_colour", "<style>.x{color:#fff}</style><p class=x>salad</p>"),
        ("offscreen", '<p style="position:absolute;left:-9999px">salad</p>'),
        ("offscreen", '<p style="text-indent:-999em">salad</p>'),
        ("offscreen", "<style>.x{position:absolute;top:-5000px}</style><p class=x>salad</p>"),
        ("zero_opacity", '<p style="opacity:0">salad</p>'),
        ("clipped", '<p style="max-height:0;overflow:hidden">salad</p>'),
        ("clipped", '<p style="overflow:hidden;height:0px">salad</p>'),
        ("clipped", '<p style="position:absolute;clip:rect(0,0,0,0)">salad</p>'),
    ],
)
def test_each_way_to_hide_a_text_is_found(way, source, read_html):
    message = read_html(f"<p>Dear Bob</p>{source}<p>Regards</p>")
    assert message.html.visible_text == "Dear Bob\nRegards"
    assert message.html.hidden_text == "salad"
    assert message.html.hidden_kinds == {way}


@pytest.mark.parametrize(
    "source",
    [
        '<p style="font-size:12px">salad</p>',
        '<p style="color:#fff;background-color:#036">salad</p>',
        '<table bgcolor="#003366"><td><font color="white">salad</font></table>',
        '<div style="background-image:url(x.png)"><p style="color:white">salad</p></div>',
        '<td style="font-size:0px"><div style="font-size:13px">salad</div></td>',
        '<div style="color:#fff"><p style="color:#000">salad</p></div>',
        "<style>@media (max-width:600px){.x{display:none}}</style><p class=x>salad</p>",
        '<style>.x{display:none}</style><p class=x style="display:block">salad</p>',
        '<p style="opacity:0.9;height:0">salad</p>',
        '<p style="margin-left:-10px">salad</p>',
        '<p style="max-height:20px;overflow:hidden">salad</p>',
    ],
)
def test_what_a_reader_sees_is_not_called_hidden(source, read_html):
    message = read_html(f"<p>Dear Bob</p>{source}")
    assert "salad" in message.html.visible_text
    assert message.html.hidden_kinds == frozenset()


def test_text_shown_again_inside_a_hidden_one_is_apart_from_it(read_html):
    message = read_html(
        '<div style="font-size:0">salad<b>of</b><i style="font-size:14px">pay<u hidden>no</u></i>words</div>'
    )
    assert message.html.visible_text == "pay"
    assert sorted(message.html.hidden_text.split()) == ["no", "of", "salad", "words"]
    assert message.html.hidden_kinds == {"zero_font", "display_none"}


def test_zero_width_characters_are_taken_out_and_told(read_html):
    message = read_html("<p>pass\u200bwo\u2060rd\u00ad</p>")
    assert message.text == "password"
    assert message.html.hidden_kinds == {"zero_width_chars"}


def test_a_link_inside_a_hidden_text_is_marked(read_html):
    message = read_html('<div style="display:none"><a href="http://a.test/">x</a></div><a href="http://b.test/">y</a>')
    assert [(link.url.host, link.hidden) for link in message.links] == [("a.test", True), ("b.test", False)]


def test_links_carry_their_visible_text(read_html):
    message = read_html(
        '<a href="http://evil.test/">www.\n<b>bank</b>.test</a><map><area href="http://map.test/"></map>'
    )
    assert [(link.url.host, link.text, link.source) for link in message.links[:2]] == [
        ("evil.test", "www. bank.test", "html_anchor"),
        ("map.test", "", "html_anchor"),
    ]


def test_a_base_moves_relative_links(read_html):
    message = read_html(
        '<base href="https://evil.test/a/"><a href="login">Sign in</a><a href="/x">x</a><a href="//c.test/">y</a>'
    )
    clicked = [link.url.href for link in message.links if link.source == "html_anchor"]
    assert clicked == ["https://evil.test/a/login", "https://evil.test/x", "http://c.test/"]
    assert message.html.base_href == "https://evil.test/a/"


def test_a_relative_link_without_a_base_leads_nowhere(read_html):
    assert read_html('<a href="login">x</a><a href="#top">y</a>').links == ()


def test_meta_refresh_is_a_link(read_html):
    message = read_html("<meta http-equiv=Refresh content=\"0; URL='http://evil.test/x'\">Please wait")
    assert [(link.url.href, link.source) for link in message.links] == [("http://evil.test/x", "html_other")]
    assert message.html.meta_refresh == "0; URL='http://evil.test/x'"


def test_forms_and_their_fields_are_counted_and_their_targets_are_links(read_html):
    message = read_html(
        '<form action="http://evil.test/take"><input name=user><input type="PASSWORD">'
        '<button formaction="http://evil.test/other">Go</button></form>'
    )
    assert message.html.form_actions == ("http://evil.test/take",)
    assert (message.html.input_count, message.html.password_inputs) == (2, 1)
    assert [(link.url.href, link.source) for link in message.links] == [
        ("http://evil.test/take", "html_form"),
        ("http://evil.test/other", "html_form"),
    ]


def test_images_are_told_apart(read_html):
    message = read_html(
        '<img src="https://a.test/logo.png" width=200 height=50><img src="http://t.test/p.gif" width=1 height="1px">'
        '<img src="cid:part1"><img src="data:image/png;base64,AAAA"><table background="//b.test/bg.png"></table>'
    )
    html = message.html
    assert (html.image_count, html.remote_image_count, html.data_image_count, html.tiny_image_count) == (4, 2, 1, 1)
    assert [link.url.host for link in message.links if link.source == "html_image"] == [
        "a.test", "t.test", "", "", "b.test",
    ]  # fmt: skip


def test_active_content_is_counted(read_html):
    html = read_html(
        '<body onload="go()"><iframe src="https://a.test/"></iframe><a href="data:text/html,x">x</a>'
        "<script>location='blob:https://a.test/1'</script><object data='https://b.test/x'></object>"
    ).html
    assert (html.event_handlers, html.iframe_count, html.data_urls, html.blob_urls, html.script_count) == (
        1,
        1,
        1,
        1,
        1,
    )


def test_html_over_the_limit_is_cut_and_noted(read_html, kinds):
    message = read_html("<p>begin</p>" + "<p>x</p>" * 80_000 + "<p>end</p>")
    assert message.text.startswith("begin")
    assert "end" not in message.text
    assert "html_truncated" in kinds(message)


@pytest.mark.parametrize("tag", ["<div>", "<div></x>", "<table><tr><td>", "<div><span><b>", "<b id=1></i>"])
def test_deep_html_is_read_flat_with_its_links(tag, read_html, kinds):
    message = read_html(tag * 3_000 + 'Click <a href="http://evil.test/">here</a><form action="http://f.test/">')
    assert "html_depth_limit" in kinds(message)
    assert message.text == "Click here"
    assert [(link.url.host, link.source) for link in message.links] == [
        ("evil.test", "html_anchor"),
        ("f.test", "html_form"),
    ]


def test_long_flat_html_is_not_called_deep(read_html, kinds):
    row = '<tr><td><p><font color="#333333">a</td><td><a href="http://a.test/">b</a><li>c<li>d<br>'
    assert kinds(read_html("<table>" + row * 1_500 + "</table>")) <= {"link_limit", "html_style_limit"}


def test_more_styled_elements_than_are_looked_at_are_a_defect(read_html, kinds):
    assert "html_style_limit" in kinds(read_html('<p style="color:red">x</p>' * 4_000))


def test_several_html_bodies_are_shown_one_after_the_other(build_parts):
    parts = [(["Content-Type: text/html"], f"<p>part {n}</p>".encode()) for n in range(3)]
    assert parse(build_parts(*parts)).text == "part 0\npart 1\npart 2"


@pytest.mark.parametrize(
    "crowd",
    [
        " ".join(f"a{at}" for at in range(60_000)),
        " ".join(f'a{at}="<b"' for at in range(30_000)),
        "/".join(f"a{at}='>'" for at in range(30_000)),
    ],
    ids=["bare", "tags inside", "ends inside"],
)
def test_a_tag_with_thousands_of_attributes_is_cut_and_hides_nothing(crowd, read_html, kinds):
    message = read_html(f"<div {crowd}>Pay now<a href=http://evil.test/x>here</a></div>")
    assert message.text == "Pay nowhere"
    assert [link.url.host for link in message.links] == ["evil.test"]
    assert "html_truncated" in kinds(message)


def test_long_html_with_ordinary_tags_is_read_whole(read_html, kinds):
    row = '<tr class="a b" style=\'color: red\' data-x = "1 > 0" ><td align=left>cell</td></tr>'
    message = read_html("<table>" + row * 1000 + "</table>")
    assert message.text.count("cell") == 1000
    assert "html_truncated" not in kinds(message)


def test_links_inside_links_are_read_until_their_texts_are_too_much(read_html, kinds):
    message = read_html("<a href=http://a.test/><table><tr><td>" * 480 + "word\n" * 60_000)
    assert len(message.links) == 480
    assert message.links[0].text.startswith("word word")
    assert len(message.links[0].text) == 500
    assert "html_truncated" in kinds(message)


def test_hidden_texts_inside_each_other_are_read_until_they_are_too_much(read_html, kinds):
    message = read_html('<div style="font-size:0">' * 1900 + "salad " * 70_000)
    assert "html_style_limit" in kinds(message)


def test_attributes_whose_values_hold_tags_are_cut_without_being_read_again():
    few = "<p " + " ".join(f"a{n}=<text/html=b" for n in range(MOST_ATTRIBUTES)) + ">"
    crowd = few[:-1] + " more=1 again=2>"
    padding = "x" * FEW_CHARS
    assert without_crowds(few + padding) == few + padding
    assert without_crowds(crowd + padding) == few + padding


@pytest.mark.parametrize("condition", ["mso", "gte mso 9", "(mso)|(IE)", "!vml", "!foo & mso"])
def test_what_outlook_alone_shows_is_read(condition, read_html):
    message = read_html(
        f"<p>News</p><!--[if {condition}]><xml><o:PixelsPerInch>96</o:PixelsPerInch></xml><style>p{{}}</style>"
        '<p>Verify your account</p><a href="https://evil.test/">here</a><![endif]-->'
    )
    assert message.text.split("\n") == ["News", "Verify your account", "here"]
    assert [(link.url.host, link.text, link.source) for link in message.links] == [("evil.test", "here", "html_anchor")]


def test_a_button_that_is_drawn_for_outlook_and_linked_for_others_is_one_link(read_html):
    message = read_html(
        '<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" href="https://a.test/go"><w:anchorlock/>'
        '<center>Go</center></v:roundrect><![endif]--><!--[if !mso]><!--><p><a href="https://a.test/go">Go</a></p>'
        "<!--<![endif]-->"
    )
    assert message.text == "Go"
    assert [(link.url.href, link.text) for link in message.links] == [("https://a.test/go", "Go")]


def test_a_target_for_outlook_alone_is_a_link_beside_the_one_for_others(read_html):
    message = read_html(
        '<p><a href="https://a.test/">Go</a></p><!--[if mso]><v:rect href="https://evil.test/">Go</v:rect><![endif]-->'
    )
    assert [link.url.host for link in message.links] == ["a.test", "evil.test"]


def test_comments_of_other_kinds_are_read_by_nobody(read_html):
    message = read_html("<p>Hi</p><!-- [if you read this] <p>x</p> --><!--[if mso--><!-- <p>y</p> --><!--[if mso]>")
    assert message.text == "Hi"


def test_links_of_drawings_are_links(read_html):
    message = read_html(
        '<svg><a xlink:href="https://svg.test/"><text>Sign in</text></a><a href="https://new.test/">x</a>'
        '<image xlink:href="https://picture.test/a.png"></svg><v:shape href="https://vml.test/">Pay</v:shape>'
    )
    assert [(link.url.host, link.text, link.source) for link in message.links] == [
        ("svg.test", "Sign in", "html_anchor"),
        ("new.test", "x", "html_anchor"),
        ("vml.test", "Pay", "html_anchor"),
        ("picture.test", "", "html_image"),
    ]


def test_deep_html_in_a_conditional_comment_is_read_flat_with_its_links(read_html, kinds):
    message = read_html(
        "<!--[if mso]>" + "<div>" * 3000 + '<a href="http://deep.test/">x</a>' + "</div>" * 3000 + "<![endif]-->"
    )
    assert "html_depth_limit" in kinds(message)
    assert [link.url.host for link in message.links] == ["deep.test"]


@pytest.mark.parametrize(
    ("source", "handlers"),
    [
        ('<p onclick="x()" title="a">y</p>', 1),
        ('<p title="a"onclick=x()>y</p>', 1),
        ("<p/onclick=x()>y</p>", 1),
        ("<p once>the reason=1</p>", 0),
    ],
)
def test_handlers_of_events_are_counted(source, handlers, read_html):
    assert read_html(source).html.event_handlers == handlers
