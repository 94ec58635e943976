from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from scorelane.mail import Envelope, Limits, parse


def paths(message):
    return [(part.path, part.declared_type, part.is_attachment) for part in message.parts]


def test_parts_stand_in_document_order_with_their_place(build_parts):
    inner = b"".join(
        b"--in\r\nContent-Type: " + kind + b"\r\n\r\n" + content + b"\r\n"
        for kind, content in ((b"text/plain", b"a"), (b"text/html", b"<p>b</p>"))
    )
    message = parse(
        build_parts(
            (["Content-Type: multipart/alternative; boundary=in"], inner + b"--in--"),
            (['Content-Type: application/pdf; name="a.pdf"'], b"%PDF-1.7"),
        )
    )
    assert paths(message) == [("1.1", "text/plain", False), ("1.2", "text/html", False), ("2", "application/pdf", True)]
    assert message.content_type == "multipart/mixed"
    assert (message.plain_text, message.text) == ("a", "b")


def test_an_attachment_has_its_name_type_and_hash(build_parts):
    head = [
        'Content-Type: text/plain; name="../../x.txt"',
        "Content-Disposition: attachment; filename*=utf-8''invoice%E2%80%AEfdp.exe",
        "Content-ID: <part1@a.test>",
    ]
    part = parse(build_parts((["Content-Type: text/plain"], b"x"), (head, b"MZ\x90"))).attachments[0]
    assert part.filename == "invoice\u202efdp.exe"
    assert (part.declared_type, part.true_type) == ("text/plain", "application/x-dosexec")
    assert part.sha256 == sha256(part.content).hexdigest()
    assert (part.disposition, part.content_id, part.size_bytes) == ("attachment", "part1@a.test", 3)


@pytest.mark.parametrize("name", ["C:\\temp\\a.exe", "/etc/a.exe", "..\\a.exe", "a\x07.exe", " a.exe "])
def test_a_file_name_has_no_path_and_no_control(name, build_parts):
    head = [f'Content-Disposition: attachment; filename="{name}"']
    part = parse(build_parts((["Content-Type: text/plain"], b"x"), (head, b"y"))).attachments[0]
    assert part.filename.endswith("a.exe")
    assert not set(part.filename) & set("/\\\x07")


def test_a_text_that_is_attached_is_no_body(build_parts):
    message = parse(
        build_parts(
            (["Content-Type: text/plain"], b"body"),
            (["Content-Type: text/html", "Content-Disposition: attachment"], b"<p>file</p>"),
            (["Content-Type: text/html; name=a.html"], b"<p>file</p>"),
            (["Content-Type: text/csv"], b"1,2"),
        )
    )
    assert message.text == "body"
    assert [part.true_type for part in message.attachments] == ["text/html", "text/html", "text/csv"]


def test_nested_messages_are_kept_and_visited(build, build_parts):
    deep = build(b"deepest", head=("X-Level: 2",))
    parts = ((["Content-Type: text/plain"], b"middle"), (["Content-Type: message/rfc822"], deep))
    middle = build_parts(*parts, boundary="inner")
    message = parse(build_parts((["Content-Type: text/plain"], b"top"), (["Content-Type: message/rfc822"], middle)))
    assert message.text == "top"
    assert message.nested[0].text == "middle"
    assert message.nested[0].nested[0].text == "deepest"
    assert message.nested[0].nested[0].first("x-level") == "2"
    assert paths(message) == [("1", "text/plain", False)]


def test_nested_messages_end_at_their_limits(build, kinds):
    raw = build(b"x")
    for _ in range(8):
        raw = build(raw, "message/rfc822")
    message = parse(raw)
    levels = 0
    while message.nested:
        message, levels = message.nested[0], levels + 1
    assert levels == Limits().nested_levels
    assert "nested_limit" in kinds(message)


def test_no_more_nested_messages_than_the_limit_in_all(build_parts, build, kinds):
    parts = [(["Content-Type: message/rfc822"], build(b"x")) for _ in range(30)]
    message = parse(build_parts(*parts))
    assert len(message.nested) == Limits().nested_messages
    assert "nested_limit" in kinds(message)


def test_depth_is_limited(kinds):
    raw = b"From: a@b.test\r\n"
    for level in range(60):
        raw += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
    message = parse(raw + b"\r\nx")
    assert "depth_limit" in kinds(message)


def test_parts_are_limited_and_those_before_the_cut_are_read(build_parts, kinds):
    message = parse(build_parts(*[(["Content-Type: text/csv"], b"%d" % n) for n in range(250)]))
    assert len(message.parts) == Limits().parts
    assert message.parts[0].content == b"0"
    assert "part_limit" in kinds(message)


def test_lines_that_look_like_boundaries_do_not_blind_the_parser(build_parts, kinds):
    patch = b"\r\n--- a/file\r\n" * 5_000
    message = parse(build_parts((["Content-Type: text/html"], b"<p>pay</p>"), (["Content-Type: text/plain"], patch)))
    assert message.text == "pay"
    assert "part_limit" in kinds(message)


@pytest.mark.parametrize(
    ("limit", "value", "kind"),
    [
        ("message_bytes", 200, "message_truncated"),
        ("header_block_bytes", 40, "header_truncated"),
        ("header_count", 2, "header_truncated"),
        ("header_value_chars", 10, "header_truncated"),
        ("part_bytes", 10, "part_truncated"),
        ("text_chars", 10, "body_truncated"),
    ],
)
def test_each_limit_that_cuts_is_named(limit, value, kind, build, kinds):
    raw = build(b"hello world " * 40)
    assert kind not in kinds(parse(raw))
    assert kind in kinds(parse(raw, limits=replace(Limits(), **{limit: value})))


@pytest.mark.parametrize(
    "head",
    [
        'multipart/mixed; boundary=""',
        "multipart/mixed",
        'multipart/mixed; boundary="cut',
        "multipart/mixed; boundary=other",
        'multipart/alternative; boundary="cut;"',
    ],
)
def test_a_multipart_without_its_boundary_is_still_read(head, build):
    message = parse(build(b"--cut\r\nContent-Type: text/plain\r\n\r\npay at http://evil.test/\r\n--cut--\r\n", head))
    assert message.links[0].url.host == "evil.test"


def test_a_boundary_with_a_semicolon_parts_the_message(build):
    body = b"--a;b\r\nContent-Type: text/html\r\n\r\n<p>pay</p>\r\n--a;b--\r\n"
    message = parse(build(body, 'multipart/mixed; boundary="a;b"'))
    assert message.text == "pay"


def test_unclosed_and_repeated_boundaries_lose_nothing(build):
    body = b"--cut\r\nContent-Type: text/plain\r\n\r\none\r\n--cut\r\n--cut\r\nContent-Type: text/plain\r\n\r\ntwo"
    assert parse(build(body, "multipart/mixed; boundary=cut")).plain_text.split() == ["one", "two"]


def test_nul_bytes_are_noted_and_hide_nothing(read, kinds):
    message = read(b"pass\0word")
    assert message.plain_text == "password"
    assert "nul_bytes" in kinds(message)


def test_receipt_is_the_callers_or_the_newest_hops_never_the_date_header(read_header, build):
    assert read_header("Date: Mon, 05 Jan 2026 09:00:00 +0000").received_at.hour == 10
    message = parse(b"Received: by mx.test; Mon, 5 Jan 2026 11:00:00 +0000\r\n" + build())
    assert message.received_at.hour == 11
    assert parse(build()).received_at.year == 1970


def test_the_envelope_is_kept(build):
    envelope = Envelope("bounce@a.test", ("bob@b.test",), "203.0.113.9", "helo.test")
    message = parse(b"Return-Path: <other@c.test>\r\n" + build(), envelope=envelope)
    assert message.envelope == envelope
    assert message.return_path.addr == "bounce@a.test"


def test_the_message_is_immutable_and_equal_each_time(build):
    raw = build(b"<p>x</p>", "text/html")
    message = parse(raw)
    assert message == parse(raw)
    with pytest.raises(AttributeError):
        message.subject = "other"
    with pytest.raises(AttributeError):
        message.html.visible_text = "other"


def test_a_quote_that_never_closes_before_many_semicolons_is_read(kinds):
    message = parse(b'From: a@b.test\nContent-Type: multipart/mixed; x="' + b";" * 1_000_000 + b"\n\nPay now")
    assert message.text == "Pay now"
    assert "mime_fallback" in kinds(message)


@pytest.mark.parametrize("has_boundary_fault", [False, True], ids=["fast", "patient"])
def test_a_text_before_html_is_read_with_it_unless_it_is_an_alternative(has_boundary_fault):
    end = b"" if not has_boundary_fault else b"\n--b\nContent-Type: multipart/mixed\n\nnothing"
    parts = b"--b\nContent-Type: text/plain\n\nPay now\n--b\nContent-Type: text/html\n\n<p>Sent from my phone</p>" + end
    for kind, text in (("mixed", "Pay now\nSent from my phone"), ("alternative", "Sent from my phone")):
        message = parse(b"From: a@b.test\nContent-Type: multipart/%b; boundary=b\n\n" % kind.encode() + parts)
        assert message.text == text
        assert message.full_text == text


def test_a_text_behind_html_is_what_lists_add_and_is_not_read_as_the_authors(build_parts):
    message = parse(build_parts((["Content-Type: text/html"], b"<p>Hello"), (["Content-Type: text/plain"], b"List")))
    assert message.text == "Hello"


@pytest.mark.parametrize(
    ("head", "body"),
    [("text/html; name=a.html", b"<p>Pay now"), ("text/plain; name=a.txt", b"Pay now"), ("text/foo", b"Pay now")],
)
def test_the_only_part_is_shown_whatever_its_name_and_kind_of_text(head, body):
    message = parse(f"From: a@b.test\nContent-Type: {head}\n\n".encode() + body)
    assert message.text == "Pay now"
    assert not message.attachments


@pytest.mark.parametrize("head", ["text/calendar", "text/html\nContent-Disposition: attachment"])
def test_the_only_part_is_a_file_where_it_is_no_text_to_read_or_says_so(head):
    message = parse(f"From: a@b.test\nContent-Type: {head}\n\nx".encode())
    assert message.text == ""
    assert len(message.attachments) == 1


def multipart(inside):
    return parse(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + inside)


def kinds(message):
    return {defect.kind for defect in message.defects} - {"no_from", "no_date"}


def test_a_part_whose_header_does_not_end_keeps_its_text():
    message = multipart(b"--b\r\nContent-Type: text/plain\r\nPay now\r\n--b\r\n\r\nor else\r\n--b--\r\n")
    assert message.plain_text.split() == ["Pay", "now", "or", "else"]
    assert kinds(message) == {"part_header_malformed", "mime_fallback"}


def test_a_multipart_that_no_line_opens_shows_what_stands_before_its_end():
    message = multipart(b"Pay now\r\n--b--\r\n")
    assert message.plain_text == "Pay now"
    assert kinds(message) == {"boundary_missing", "mime_fallback"}


def test_a_line_that_goes_on_after_the_boundary_ends_a_part_and_is_a_defect():
    message = multipart(b"--b\r\n\r\nPay now\r\n--b--</html>\r\nunseen\r\n")
    assert message.plain_text == "Pay now"
    assert kinds(message) == {"boundary_malformed"}


@pytest.mark.parametrize(
    "part",
    [
        b"--b\r\n\r\nx",
        b"--b \t\r\nA: b\r\n c\r\n\r\nx",
        b"--b\nA:b\n\nx",
        b"--b\r\nA: b\r\n--b\r\n\r\nx",
        b"--b\r\n\r\nx -- --b x\r\n",
    ],
)
def test_parts_as_programs_write_them_have_no_such_defect(part):
    assert kinds(multipart(part + b"\r\n--b--\r\n")) == set()


@pytest.mark.parametrize("name", ["Content-Type ", "Content-type\t"])
def test_blanks_before_a_colon_hide_no_html(name):
    alone = parse(f"From: a@b.test\n{name}: text/html\n\n<p>Pay <b>now</b>".encode())
    assert alone.text == "Pay now"
    coded = parse(f"From: a@b.test\n{name}: text/html\nContent-Transfer-Encoding : base64\n\nPHA+UGF5".encode())
    assert coded.text == "Pay"
    inside = "--b\nContent-Type: text/html\n\n<p>Pay\n--b--\n"
    apart = parse(f"From: a@b.test\n{name}: multipart/mixed; boundary=b\n\n{inside}".encode())
    assert apart.text == "Pay"


def test_a_comment_before_the_type_hides_no_html():
    message = parse(b"From: a@b.test\nContent-Type: (plain) text/html (x)\n\n<p>Pay")
    assert message.text == "Pay"
    assert message.content_type == "text/html"


def test_a_second_content_type_is_named_and_the_first_one_counts(kinds):
    message = parse(b"From: a@b.test\nContent-Type: text/html\nContent-Type: text/plain\n\n<p>Pay")
    assert message.text == "Pay"
    assert "duplicate_header" in kinds(message)
