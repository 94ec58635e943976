"""From messages with attachments to messages that know what is in them."""

# ruff: noqa: ANN002 - files are given freely

from __future__ import annotations

import hashlib
from email.message import EmailMessage

import pytest

from scorelane.extract import Extractor, Limits, join, keys, open_chunk, wanted
from scorelane.extract.worth import MOST_FILES, MOST_PICTURES, may_hold_code, picture_size
from scorelane.mail import parse


def mail(*files, text="See the file."):
    """A parsed message with (name, content) attached."""
    message = EmailMessage()
    message["From"] = "Ann <ann@example.com>"
    message["To"] = "bob@example.org"
    message["Subject"] = "Files"
    message.set_content(text)
    for name, content in files:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return parse(message.as_bytes())


def places(message):
    return [(link.url.raw, link.source, link.place) for link in message.links]


def test_mail_without_attachments_starts_no_server():
    plain = mail()
    with Extractor() as extractor:
        opening = open_chunk([plain], extractor)
        assert extractor.pid is None
    assert opening.messages[0].opened == ()
    assert opening.new == {}
    assert plain.opened is None


def test_links_of_attachments_stand_behind_the_messages_own_with_their_place(samples, extractor):
    message = mail(
        ("bill.pdf", samples.pdf_actions()),
        ("code.png", samples.picture(samples.code("https://qr.example/a"))),
        ("all.zip", samples.zipped({"page.html": samples.login_html()})),
        text="First https://first.example/",
    )
    opened = open_chunk([message], extractor).messages[0]
    assert places(opened) == [
        ("https://first.example/", "text", ""),
        (samples.LURE, "pdf", "2 page 1"),
        ("https://qr.example/a", "qr", "3"),
        ("https://c.example/p.php", "page", "4/page.html"),
        (samples.LURE, "page", "4/page.html"),
    ]
    assert [one.place for one in opened.opened] == ["2", "3", "4"]
    assert [one.filename for one in opened.opened] == ["bill.pdf", "code.png", "all.zip"]


def test_a_code_drawn_in_a_pdf_is_a_code_on_its_page(samples, extractor):
    opened = open_chunk([mail(("a.pdf", samples.pdf_with_code(samples.LURE)))], extractor).messages[0]
    assert places(opened) == [(samples.LURE, "qr", "2 page 1")]


def test_attachments_of_a_forwarded_message_are_opened_at_their_place(samples, extractor):
    outer = EmailMessage()
    outer["From"] = "a@b.test"
    inner = EmailMessage()
    inner["From"] = "c@d.test"
    inner.set_content("x")
    inner.add_attachment(samples.pdf_actions(), maintype="application", subtype="pdf", filename="a.pdf")
    outer.set_content("see below")
    outer.add_attachment(inner)
    opened = open_chunk([parse(outer.as_bytes())], extractor).messages[0]
    assert [one.place for one in opened.opened] == ["1/2"]
    assert (samples.LURE, "pdf", "1/2 page 1") in places(opened)


def test_known_results_are_reused_and_equal_bytes_are_opened_once(samples):
    messages = [mail(("a.pdf", samples.pdf_actions())), mail(("b.pdf", samples.pdf_actions()))]
    with Extractor() as extractor:
        first = open_chunk(messages, extractor)
        assert len(first.new) == 1
        assert first.messages[0].opened[0].found == first.messages[1].opened[0].found
    with Extractor() as extractor:
        again = open_chunk(messages, extractor, known=first.new)
        assert extractor.pid is None
    assert again.messages == first.messages
    assert again.new == {}
    assert [join(message, wanted(message), first.new) for message in messages] == first.messages


def test_a_result_depends_on_content_and_type_alone(samples, extractor):
    content = samples.gzipped(samples.tarred({"run.js": b"x"}))
    one, two = (open_chunk([mail((name, content))], extractor).new for name in ("a.tgz", "b.bin"))
    assert one == two


def test_text_of_two_types_has_two_results():
    content = b"hello https://a.example/"
    message = mail(("a.html", content), ("b.url", content))
    assert {kind for _, kind in keys([wanted(message)])} == {"text/html", "application/x-mswinurl"}


def test_only_files_worth_opening_are_sent(samples):
    banner = samples.picture(samples.Image.new("L", (600, 60)))
    dot = samples.picture(samples.Image.new("L", (1, 1)))
    message = mail(("run.exe", samples.PE), ("notes.txt", b"hello"), ("banner.png", banner), ("dot.png", dot))
    assert wanted(message) == []


def test_files_and_pictures_are_capped(samples):
    pictures = [(f"{n}.png", samples.picture(samples.code(f"https://{n}.example/"))) for n in range(12)]
    pages = [(f"{n}.html", b"<html>%d" % n) for n in range(30)]
    assert len(wanted(mail(*pictures))) == MOST_PICTURES
    assert len(wanted(mail(*pages))) == MOST_FILES


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp"])
def test_the_sides_of_a_picture_are_read_from_its_header(kind, samples):
    assert picture_size(samples.picture(samples.Image.new("RGB", (320, 200)), kind)) == (320, 200)


def test_a_picture_whose_header_does_not_tell_is_opened():
    assert may_hold_code(b"\xff\xd8\xff" + b"\xff" * 100)
    assert may_hold_code(b"\x89PNG")


def test_the_budget_leaves_the_rest_unopened_and_names_it(extractor):
    small, large = b"<html>small", b"<html>large" + b" " * 100
    message = mail(("a.html", large), ("b.html", small))
    times = iter([0.0, 0.0, 30.0])
    opening = open_chunk([message], extractor, budget_s=20.0, clock=lambda: next(times))
    assert opening.skipped == [(hashlib.sha256(large).digest(),)]
    assert [(one.filename, one.found.status, one.found.detail) for one in opening.messages[0].opened] == [
        ("a.html", "timeout", "chunk_budget"),
        ("b.html", "ok", ""),
    ]
    assert len(opening.new) == 1
    # Replayed when the other was opened later: still what this vector saw.
    later = open_chunk([message], extractor).new
    assert join(message, wanted(message), later, opening.skipped[0]) == opening.messages[0]


def test_bombs_and_megabytes_leave_a_chunk_in_bounded_time(samples):
    """25 MB of every kind of trouble, in one message, is a status each."""
    deep = b"<html>deep"
    for level in range(30):
        deep = samples.zipped({f"{level}.zip": deep})
    files = [
        ("bomb.zip", samples.zip_bomb(), ("limit", "ratio")),
        ("bomb.gz", samples.gzipped(bytes(200_000_000)), ("limit", "member_bytes")),
        ("deep.zip", deep, ("limit", "depth")),
        ("many.zip", samples.zipped({f"{n}": b"x" for n in range(5_000)}), ("limit", "members")),
        ("long.html", b"<html>" + b"<a href=//x.test/>" * 1_400_000, ("limit", "markup_bytes")),
        ("zeros.pdf", b"%PDF-1.7\n" + bytes(25_000_000), ("ok", "")),
        ("huge.png", samples.picture(samples.Image.new("1", (20_000, 20_000))), ("limit", "pixels")),
        ("page.rtf", b"{\\rtf1" + b"{\\objdata " + b"41" * 12_000_000, ("limit", "objects")),
    ]
    with Extractor(Limits(wall_s=4.0, cpu_s=3)) as extractor:
        for name, content, expected in files:
            opened = open_chunk([mail((name, content))], extractor, budget_s=20.0).messages[0].opened
            assert (opened[0].found.status, opened[0].found.detail) == expected, name
        assert open_chunk([mail(("a.pdf", samples.pdf_actions()))], extractor).messages[0].links
