import random

import pytest

MAKERS = [
    "docm", "doc", "xls_macro_sheet", "rtf", "pdf_actions", "pdf_hidden_in_object_stream", "svg", "ics", "eml", "msg",
    "login_html", "encrypted_zip", "seven_hidden_names", "docx", "vba_project",
]  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
def test_damaged_files_always_get_an_answer_in_time(maker, samples, extractor):
    whole = getattr(samples, maker)()
    chance = random.Random(maker)
    for _ in range(25):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 30)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        content = bytes(damaged[: chance.randrange(1, len(damaged) + 1)])
        found = extractor.extract(content, filename="x")
        assert found.status in {"ok", "limit", "crashed", "unsupported"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"<svg>" * 100_000,
        b"<html>" + b"<div>" * 200_000,
        b"BEGIN:VCALENDAR\n" + b"A" * 1_000_000,
        b"{\\rtf1" + b"{\\objdata 00" * 50_000,
        b"%PDF-1.7\n" + b"1 0 obj <</Type/ObjStm>> stream\n" * 20_000,
        b"From: a\nTo: b\nSubject: c\n" + b"X: y\n" * 100_000,
        b"<html>" + b"data:text/html;base64,QUFB" * 40_000,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 100_000,
    ],
)
def test_megabytes_of_one_trick_are_answered_in_seconds(content, extractor):
    assert extractor.extract(content, filename="a").status in {"ok", "limit", "crashed", "unsupported"}


def test_a_broken_reader_keeps_what_it_found_before(samples, extractor):
    found = extractor.extract(samples.zipped({"a.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "b.exe": b""}))
    assert found.archive.executable_members == ("b.exe",)
    assert found.children[0].status == "crashed"
