"""Urls: (signal, message, value, other message, its value)."""

# ruff: noqa: ANN002, ANN003, E501 - a row of the table is one line, and its parts are free

from __future__ import annotations

from base64 import b64encode

import msgspec

from scorelane.signals.context import Directory

NO_LINK = {}
TENANT = Directory(domains=frozenset({"contoso.test"}))


def link(*urls, **more):
    return {"text": "see " + " and ".join(urls), **more}


def anchor(href, text, **more):
    return {"html": f'<p>Hello there</p><a href="{href}">{text}</a>', "text": None, **more}


OWN = link("https://www.example.com/a")
CODED = b64encode(b"bob@example.org").decode()

INVITE = (
    b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Audit\r\nURL:https://evil.test/x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def seen_as(source):
    """The same message with its links seen elsewhere."""

    def edit(message):
        seen = tuple(msgspec.structs.replace(item, source=source) for item in message.links)
        return msgspec.structs.replace(message, links=seen)

    return edit


ROWS = [
    ("link_in_qr_code", {**OWN, "edit": seen_as("qr")}, 1, OWN, 0),
    ("link_only_in_attachment", {"files": [("invite.ics", "text/calendar", INVITE)]}, 1, OWN, 0),
    ("link_only_in_attachment", {**OWN, "edit": seen_as("page")}, 1, {**OWN, "edit": seen_as("file")}, 0),
    ("link_count", {**OWN, "edit": seen_as("shortcut")}, 1, {**OWN, "edit": seen_as("nested")}, 0),
    ("images_from_author", {**OWN, "edit": seen_as("html_image")}, 1, {**OWN, "edit": seen_as("header")}, None),
    ("link_count", link("https://a.test/", "https://b.test/"), 2, NO_LINK, 0),
    ("link_domain_count", link("https://a.test/1", "https://a.test/2", "https://b.test/"), 2, NO_LINK, 0),
    ("link_to_ip", link("http://203.0.113.7/x"), 1, OWN, 0),
    ("link_max_dots", link("https://a.b.c.example.com/"), 4, OWN, 2),
    ("link_max_length", link("https://a.test/"), 15, NO_LINK, None),
    ("link_max_host_length", link("https://a.test/"), 6, NO_LINK, None),
    ("link_domain_entropy", link("https://abcd.com/"), 2, link("https://aaaa.com/"), 0),
    ("link_domain_digit_share", link("https://a1b2.com/"), 0.5, OWN, 0),
    ("link_max_hyphens", link("https://log-in-now.test/"), 2, OWN, 0),
    ("link_obfuscations", link("http://paypal.com@203.0.113.7/"), 1, OWN, 0),
    ("link_userinfo", link("http://paypal.com@evil.test/"), 1, OWN, 0),
    ("link_punycode", link("https://xn--pypal-4ve.com/"), 1, OWN, 0),
    ("link_odd_port", link("http://evil.test:8081/x"), 1, OWN, 0),
    ("link_https_share", link("https://a.test/", "http://b.test/"), 0.5, NO_LINK, None),
    ("link_shortener", link("https://bit.ly/3abc"), 1, OWN, 0),
    ("link_free_host", link("https://secure-login.pages.dev/"), 1, OWN, 0),
    ("link_form_builder", link("https://docs.google.com/forms/d/e/1/viewform"), 1, OWN, 0),
    ("link_suspicious_tld", link("https://shiny.top/"), 1, OWN, 0),
    ("link_open_redirect", link("https://www.bing.com/ck/a?u=https://evil.test/"), 1, link("https://www.bing.com/search?q=cats"), 0),
    ("link_rewriter_depth", link("https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.test%2F&data=1"), 1, OWN, 0),
    ("link_lure_words", link("https://evil.test/secure/login.php"), 1, OWN, 0),
    ("link_broken_into_site", link("https://bakery.test/wp-content/x/"), 1, OWN, 0),
    ("link_to_program", link("https://a.test/setup.exe"), 1, OWN, 0),
    ("link_bare_domain_share", link("https://a.test/"), 1, OWN, 0),
    ("link_data_or_script", anchor("javascript:alert(1)", "open"), 1, anchor("https://a.test/x", "open"), 0),
    ("link_hidden_share", {"html": '<p>Hi</p><div style="display:none"><a href="https://a.test/x">x</a></div>', "text": None}, 1, OWN, 0),
    ("link_text_names_other_domain", anchor("https://evil.test/x", "www.bank.test"), 1, anchor("https://bank.test/x", "www.bank.test"), 0),
    ("link_text_brand_mismatch", anchor("https://evil.test/x", "https://www.paypal.com/"), 1, anchor("https://paypal.com/x", "www.paypal.com"), 0),
    ("call_to_action_leaves_author", anchor("https://evil.test/x", "Click here"), 1, anchor("https://example.com/x", "Click here"), 0),
    ("link_share_to_author", OWN, 1, link("https://other.test/a"), 0),
    ("link_share_to_author_or_mailer", link("https://x.list-manage.com/a"), 1, link("https://other.test/a"), 0),
    ("images_from_author", {"html": '<p>Hi</p><img src="https://img.example.com/a.png">'}, 1, {"html": '<p>Hi</p><img src="https://other.test/a.png">'}, 0),
    ("images_from_brand_links_elsewhere", {"html": '<img src="https://www.paypal.com/logo.png"><a href="https://evil.test/x">go</a>'}, 1, {"html": '<img src="https://www.paypal.com/logo.png"><a href="https://paypal.com/x">go</a>'}, 0),
    ("link_host_carries_brand", link("https://paypal.evil.test/x"), 1, link("https://www.paypal.com/x"), 0),
    ("link_path_carries_brand", link("https://evil.test/paypal/x"), 1, link("https://evil.test/a"), 0),
    ("link_near_brand", link("https://paypa1.com/x"), 1, link("https://paypal.com/x"), 0),
    ("link_near_own_domain", link("https://c0ntoso.test/x", directory=TENANT), 1, link("https://contoso.test/x", directory=TENANT), 0),
    ("link_carries_recipient", link(f"https://evil.test/x#{CODED}"), 1, link("https://evil.test/unsubscribe?e=bob@example.org"), 0),
    ("link_names_recipient_organisation", link("https://evil.test/x?d=example.org"), 1, link("https://evil.test/x"), 0),
    ("form_leaves_author", {"html": '<p>Hi</p><form action="https://evil.test/p"><input name="a"></form>'}, 1, {"html": '<p>Hi</p><form action="https://example.com/p"><input name="a"></form>'}, 0),
    ("link_main_domain_share", link("https://a.test/1", "https://b.test/"), 0.5, NO_LINK, None),
    ("link_to_brand_share", link("https://www.paypal.com/x"), 1, OWN, 0),
    ("lone_stranger_link", link("https://evil.test/x"), 1, OWN, 0),
]  # fmt: skip
