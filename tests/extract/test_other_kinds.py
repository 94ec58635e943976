import base64

import pytest


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
def test_a_code_in_a_picture_is_read(kind, samples, extractor):
    image = samples.code(samples.LURE).convert("RGB")
    found = extractor.extract(samples.picture(image, kind))
    assert found.image.qr == (samples.LURE,)
    assert found.urls == (samples.LURE,)
    assert (found.image.width, found.image.height) == image.size


def test_a_code_on_transparent_ground_is_read(samples, extractor):
    assert extractor.extract(samples.transparent_code(samples.LURE)).image.qr == (samples.LURE,)


@pytest.mark.parametrize("content", [b"GIF87a@\x01\xc8\x00\xa7\x00\x00$$$", b"\xff\xd8\xff\xe0\x00\x10JFIF"])
def test_a_picture_cut_in_its_first_bytes_is_told_apart_from_a_reader_that_died(content, extractor):
    found = extractor.extract(content)
    assert (found.status, found.detail) == ("unsupported", "unreadable")


def test_a_picture_over_the_pixel_limit_is_measured_only(samples, extractor):
    found = extractor.extract(samples.picture(samples.Image.new("1", (9000, 9000))))
    assert (found.status, found.detail) == ("limit", "pixels")
    assert found.image.width == 9000


def test_smuggling_is_recognised_and_its_payload_opened(samples, extractor):
    payload = samples.zipped({"invoice.exe": bytes(range(256)) * 8})
    found = extractor.extract(samples.smuggling_html(payload), filename="invoice.html")
    assert found.markup.smuggling_score == 1.0
    assert {"decode", "blob", "object_url", "download", "click", "encoded_file"} <= set(found.markup.smuggling_marks)
    assert found.markup.payload_types == ("application/zip",)
    assert found.children[0].archive.executable_members == ("invoice.exe",)


def test_small_pictures_in_front_do_not_hide_the_payload(samples, extractor):
    dot = base64.b64encode(samples.picture(samples.Image.new("L", (9, 9)))).decode()
    pictures = "".join(f"<img alt={n} src='data:image/png;base64,{dot}{'A' * n * 4}'>" for n in range(30))
    page = samples.smuggling_html(samples.zipped({"invoice.exe": bytes(range(256)) * 8}))
    found = extractor.extract(pictures.encode() + page, declared_type="text/html")
    assert "application/zip" in found.markup.payload_types


def test_a_login_page_is_described_and_is_no_smuggling(samples, extractor):
    found = extractor.extract(samples.login_html(), filename="a.htm")
    assert found.markup.smuggling_score == 0.0
    assert (found.markup.forms, found.markup.password_inputs) == (1, 1)
    assert found.markup.meta_refresh == samples.LURE
    assert found.markup.title == "Sign in"
    assert {samples.LURE, "https://c.example/p.php"} <= set(found.urls)


def test_a_script_in_an_svg_is_found(samples, extractor):
    found = extractor.extract(samples.svg(), declared_type="image/svg+xml")
    assert found.markup.kind == "svg"
    assert found.markup.scripts == 1
    assert found.markup.event_handlers == 1
    assert found.markup.foreign_objects == 1
    assert samples.LURE in found.urls


def test_an_invitation_is_unfolded(samples, extractor):
    found = extractor.extract(samples.ics(), filename="invite.ics").calendar
    assert (found.method, found.organizer, found.organizer_name) == ("REQUEST", "boss@evil.example", "Payroll: Team")
    assert found.attendees == ("victim@corp.example",)
    assert found.summary == "Bonus, urgent"
    assert found.attachments == 1
    assert set(found.urls) == {samples.LURE, "https://files.evil.example/a.zip"}


def test_a_shortcut_tells_target_and_arguments(samples, extractor):
    found = extractor.extract(samples.lnk("..\\powershell.exe", f"-enc x {samples.LURE}"), filename="a.pdf.lnk")
    assert found.lnk.target == "..\\powershell.exe"
    assert found.lnk.args == f"-enc x {samples.LURE}"
    assert found.urls == (samples.LURE,)


def test_an_internet_shortcut_tells_its_target(extractor):
    found = extractor.extract(b"[InternetShortcut]\r\nURL=file://1.2.3.4/share/a.exe\r\n", filename="a.url")
    assert found.lnk.target == "file://1.2.3.4/share/a.exe"


def test_an_attached_message_is_walked(samples, extractor):
    found = extractor.extract(samples.eml(), declared_type="application/octet-stream", filename="fwd.eml")
    assert found.true_type == "message/rfc822"
    assert (found.mail.subject, found.mail.attachment_names) == ("Wire", ("a.lnk",))
    assert found.children[0].lnk.target == "cmd.exe"
    assert samples.LURE in found.urls


def test_an_outlook_message_is_read(samples, extractor):
    found = extractor.extract(samples.msg(), filename="fwd.msg")
    assert found.mail.kind == "msg"
    assert (found.mail.subject, found.mail.sender) == ("Overdue invoice", "boss@evil.example")
    assert found.mail.attachment_names == ("doc.pdf",)
    assert samples.LURE in found.urls
    assert found.children[0].pdf.launch == 1


def test_the_content_decides_over_name_and_declared_type(samples, extractor):
    found = extractor.extract(samples.zipped({"a.exe": b""}), declared_type="image/png", filename="photo.png")
    assert found.true_type == "application/zip"


def test_a_type_without_a_reader_needs_no_server(samples):
    from scorelane.extract import Extractor  # noqa: PLC0415

    with Extractor() as fresh:
        assert fresh.extract(samples.PE).status == "unsupported"
        assert fresh.pid is None
