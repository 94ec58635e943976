"""Mail that attacks its reader: from subject, display name, filename, link and body, nothing runs, loads or leads away.

The `page` fixture fails a test on any script error, dialog, refused load or request to another host.
"""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from scorelane.enqueuer import Incoming

pytestmark = pytest.mark.browser

MARKUP = "\"'><script>window.pwned=1</script><img src=x onerror=window.pwned=1><svg onload=window.pwned=1>"
BODY = """<html><head><base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example/">
<style>@import url(https://evil.example/a.css); body{background:url(https://evil.example/b.png)}</style>
<link rel="stylesheet" href="https://evil.example/c.css"></head>
<body onload="window.pwned=1" background="https://evil.example/d.png"><script>window.pwned=1</script>
<img src="https://evil.example/e.png" onerror="window.pwned=1"><img src="x" onerror="top.pwned=1">
<iframe src="https://evil.example/f"></iframe><object data="https://evil.example/g"></object>
<form action="https://evil.example/h"><input name="p" autofocus onfocus="window.pwned=1"><button>Go</button></form>
<a href="javascript:window.pwned=1" onclick="window.pwned=1">javascript</a>
<a href="https://evil.example/login" target="_top">Open your account</a>
<a href="data:text/html,<script>window.pwned=1</script>">data</a>
<svg><script>window.pwned=1</script><a xlink:href="javascript:window.pwned=1">x</a></svg>
<math><mtext></mtext><mglyph><style><img src=x onerror=window.pwned=1></style></mglyph></math>
<div style="position:fixed;inset:0;background:url(https://evil.example/i.png)">Read me</div>
<div hx-get="https://evil.example/j" hx-trigger="load" hx-on:load="window.pwned=1">htmx</div>
<video src="https://evil.example/k" autoplay></video><p>The body &lt;script&gt;window.pwned=1&lt;/script&gt; ends.</p>
</body></html>"""


def encoded(text):
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="


@pytest.fixture(scope="module")
def hostile(console):
    """Id of one message that attacks from everywhere."""
    raw = "\r\n".join(
        [
            f"From: {encoded('Support ' + MARKUP)} <attacker@evil.example>",
            f"To: {encoded(MARKUP)} <all@harbourline.example>",
            f"Subject: {encoded('Invoice ' + chr(0x202E) + 'fdp.exe ' + MARKUP)}",
            f"Message-ID: <{MARKUP.replace(' ', '')}@evil.example>",
            f"X-Note: {MARKUP}",
            "MIME-Version: 1.0",
            'Content-Type: multipart/mixed; boundary="b"',
            "",
            "--b",
            "Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: base64",
            "",
            base64.encodebytes(BODY.encode()).decode(),
            "--b",
            "Content-Type: text/html",
            f"Content-Disposition: attachment; filename*=utf-8''{quote(MARKUP, safe='')}.html",
            "",
            BODY,
            "--b--",
            "",
        ]
    ).encode()
    return console.accept([Incoming(raw)])[0]


def test_the_list_shows_hostile_text_as_text(page, console, hostile):
    page.goto(f"{console.url}/messages?verdict=any&sender=attacker@evil.example")
    row = page.locator("tr", has=page.locator(f"a[href='/messages/{hostile}']"))
    expect(row).to_contain_text("<script>window.pwned=1</script>")
    expect(row.locator(".hidden-char")).to_have_text("U+202E")
    assert page.evaluate("window.pwned") is None


def test_the_message_page_shows_hostile_text_as_text(page, console, hostile):
    page.goto(f"{console.url}/messages/{hostile}")
    main = page.locator("main")
    expect(main.get_by_role("heading", level=1)).to_contain_text("<script>window.pwned=1</script>")
    expect(main.get_by_role("region", name="Attachments")).to_contain_text("onerror=window.pwned=1")
    expect(main.get_by_role("region", name="Links")).to_contain_text("hxxps://evil[.]example/login")
    expect(main.get_by_role("region", name="Headers").first).to_contain_text("<svg onload=window.pwned=1>")
    assert page.locator("main script, main img, main base, main object, main embed").count() == 0
    assert page.locator("main a[href^='http'], main a[href^='javascript'], main a[href^='data']").count() == 0
    page.get_by_role("button", name="Show source").click()
    expect(page.get_by_label("Source of this message")).to_contain_text("Content-Disposition: attachment")
    assert page.evaluate("window.pwned") is None


def test_html_mail_can_neither_run_nor_load_nor_lead_away(page, console, hostile):
    page.goto(f"{console.url}/messages/{hostile}")
    page.get_by_role("button", name="Show sanitised HTML").click()
    frame = page.frame_locator("iframe.mail")
    expect(frame.locator("body")).to_contain_text("Open your account")
    expect(frame.locator("body")).to_contain_text("The body <script>window.pwned=1</script> ends.")
    active = "script, style, img, iframe, object, embed, form, input, button, svg, math, video, base, meta[http-equiv]"
    assert frame.locator(active).count() == 0
    assert frame.locator("[href]:not(link), [src], [style], [onclick], [onload], [background], [hx-get]").count() == 0
    assert page.locator("iframe.mail").get_attribute("sandbox") == ""
    frame.get_by_text("Open your account").click()
    frame.get_by_text("javascript", exact=True).click()
    page.wait_for_timeout(300)
    assert page.url == f"{console.url}/messages/{hostile}"
    assert page.evaluate("window.pwned") is None


def test_html_nested_too_deep_is_not_rendered(page, console):
    deep = f"From: a@b.example\r\nSubject: deep\r\nContent-Type: text/html\r\n\r\n{'<div>' * 20_000}x".encode()
    (message_id,) = console.accept([Incoming(deep)])
    page.goto(f"{console.url}/messages/{message_id}")
    page.get_by_role("button", name="Show sanitised HTML").click()
    expect(page.locator("#shown .fault")).to_contain_text("levels deep")


def test_a_search_and_a_filter_reflect_markup_as_text(page, console):
    page.goto(f"{console.url}/messages")
    page.get_by_label("Search words").fill(MARKUP)
    page.keyboard.press("Enter")
    expect(page.get_by_text("No message matches").or_(page.locator(".messages"))).to_be_visible()
    expect(page.get_by_role("list", name="Filters in force")).to_contain_text("<script>window.pwned=1")
    assert page.evaluate("window.pwned") is None
