import bz2
import gzip
import io
import os
import tarfile
import threading
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from scorelane.cli.sources import LIMIT_BYTES, Rejected, Source, read

MAIL = (
    b"Received: from a.example (a.example [192.0.2.1]) by mx.example.com\n"
    b" with ESMTP id 1; Tue, 3 Mar 2026 10:00:00 +0100\n"
    b"From: ann@example.com\nDate: Mon, 1 Jan 2001 00:00:00 +0000\nSubject: hello\n\nHello.\n"
)
STAMP = b"From ann@example.com Sat Jan  3 01:05:34 2026\n"
MBOX = STAMP + MAIL + b"\n" + STAMP + MAIL.replace(b"hello", b"again") + b"\n"


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    return write


def only_rejection(path, limit_bytes=LIMIT_BYTES):
    (found,) = read([path], limit_bytes=limit_bytes)
    assert isinstance(found, Rejected)
    assert "\n" not in found.reason
    return found.reason


def subjects(found):
    assert all(isinstance(item, Source) for item in found), found
    return [item.raw.split(b"Subject: ")[1].split(b"\n")[0].decode() for item in found]


def test_a_message_file_is_read_as_it_is(put):
    path = put("a.eml", MAIL)
    assert list(read([path])) == [Source(path, MAIL, datetime(2026, 3, 3, 9, tzinfo=UTC))]


def test_messages_of_an_mbox_are_numbered(put):
    path = put("box", MBOX)
    found = list(read([path]))
    assert subjects(found) == ["hello", "again"]
    assert [item.name for item in found] == [f"{path}#1", f"{path}#2"]


@pytest.mark.parametrize("name", ["a.eml", "Mail/cur/1.a:2,S", "Mail/new/x"])
def test_a_file_of_one_message_is_kept_byte_for_byte_whatever_it_quotes(put, name):
    content = STAMP + MAIL + b"\n" + STAMP + b">From the archive: words\n"
    (found,) = read([put(name, content)], received_at="mbox")
    assert found.raw == content
    assert found.received_at == datetime(2026, 1, 3, 1, 5, 34, tzinfo=UTC)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("mbox", datetime(2026, 1, 3, 1, 5, 34, tzinfo=UTC)),
        ("header", datetime(2026, 3, 3, 9, tzinfo=UTC)),
        ("now", None),
    ],
)
def test_received_at_comes_from_where_the_caller_says(put, choice, expected):
    path = put("box", STAMP + MAIL)
    (found,) = read([path], received_at=choice)
    assert found.received_at == expected


def test_received_at_is_never_the_date_header(put):
    path = put("a.eml", b"Date: Mon, 1 Jan 2001 00:00:00 +0000\nSubject: x\n\nx\n")
    (found,) = read([path])
    assert found.received_at is None


def test_a_maildir_gives_its_messages_and_not_its_index_files(put, tmp_path):
    put("Mail/cur/1.a:2,S", MAIL)
    put("Mail/new/2.a", MAIL.replace(b"hello", b"new"))
    put("Mail/tmp/3.a", MAIL)
    put("Mail/dovecot-uidlist", b"3 V1 N2\n")
    put("Mail/.Sent/cur/4.a", MAIL.replace(b"hello", b"sent"))
    put("Mail/.Sent/new/.keep", b"")
    assert subjects(list(read([str(tmp_path / "Mail")]))) == ["sent", "hello", "new"]


def test_a_folder_mixes_forms(put, tmp_path):
    put("in/a/1.eml", MAIL)
    put("in/b.mbox", MBOX)
    put("in/c.tar", tar({"x/2.eml": MAIL.replace(b"hello", b"tar")}))
    put("in/.hidden", b"no mail")
    found = list(read([str(tmp_path / "in")]))
    assert subjects(found) == ["hello", "hello", "again", "tar"]
    assert found[-1].name.endswith("in/c.tar:x/2.eml")


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        bz2.compress,
        zstandard.compress,
        lambda content: zstandard.ZstdCompressor(level=19).compress(content),
    ],
    ids=["plain", "gzip", "bzip2", "zstd", "zstd-19"],
)
@pytest.mark.parametrize("form", ["tar", "mbox", "mail"])
def test_every_form_is_read_compressed_too(put, pack, form):
    content = {"tar": tar({"a": MAIL, "b": MAIL}), "mbox": MBOX, "mail": MAIL}[form]
    found = list(read([put("packed", pack(content))]))
    assert len(subjects(found)) == (1 if form == "mail" else 2)


def test_a_window_longer_than_the_default_is_read(put):
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = compressor.compress(tar({"a": MAIL})) + compressor.flush()
    assert subjects(list(read([put("long.tar.zst", packed)]))) == ["hello"]


def test_paths_come_from_standard_input(put):
    listing = [put("a b.eml", MAIL) + "\n", "\n", put("c.eml", MAIL)]
    assert len(subjects(list(read(["-"], listing=listing)))) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\x7fELF\x02\x01\x01" + bytes(100_000), "a program (ELF)"),
        (b"MZ\x90\x00" + bytes(1000), "a program (Windows)"),
        (b"%PDF-1.7\nrest", "a PDF"),
        (b"def main():\n    pass\n", "text without mail headers"),
        (b'{"from": "a", "subject": 1}\n', "text without mail headers"),
        (bytes(range(256)) * 40, "a binary file"),
        (b"\x28\xb5\x2f\xfdgarbage that is no frame", "damaged zstd data"),
        (b"\x1f\x8bgarbage", "damaged gzip data"),
    ],
)
def test_what_is_not_mail_gets_one_clear_line(put, content, words):
    reason = only_rejection(put("x", content))
    assert words in reason


def test_an_archive_without_files_is_named(put):
    assert "holds no files" in only_rejection(put("x.tar", tar({})))


def test_a_path_that_is_not_there_is_named(tmp_path):
    assert "no such file or folder" in only_rejection(str(tmp_path / "gone"))


def test_a_path_that_no_system_allows_is_named():
    assert "cannot be read" in only_rejection("a\x00b")


def test_a_folder_without_mail_is_named(put, tmp_path):
    put("in/readme.txt", b"nothing here\n")
    found = list(read([str(tmp_path / "in")]))
    assert [(type(item), item.name) for item in found] == [(Rejected, str(tmp_path / "in" / "readme.txt"))]


def test_what_cannot_be_looked_into_gets_its_line_and_stops_nothing(put, tmp_path):
    first, last = put("in/a.eml", MAIL), put("in/sub/z.eml", MAIL)
    (tmp_path / "in" / "loop").symlink_to("loop")
    found = list(read([str(tmp_path / "in")]))
    assert [item.name for item in found] == [first, str(tmp_path / "in" / "loop"), last]
    assert "cannot be read (Too many levels of symbolic links)" in found[1].reason


def test_a_folder_deeper_than_a_path_may_be_is_a_line(put, tmp_path, monkeypatch):
    good = put("in/z.eml", MAIL)
    monkeypatch.chdir(tmp_path / "in")
    for _ in range(30):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    found = list(read([str(tmp_path / "in")]))
    assert "File name too long" in found[0].reason
    assert found[-1].name == good


def test_what_a_folder_holds_beside_files_is_counted(put, tmp_path):
    put("in/a.eml", MAIL)
    put("in/.hidden", MAIL)
    put("in/.git/config", b"x")
    for name, target in (("gone", "nowhere"), ("round", "."), ("same.eml", "a.eml")):
        (tmp_path / "in" / name).symlink_to(target)
    os.mkfifo(tmp_path / "in" / "pipe")
    said = []
    found = list(read([str(tmp_path / "in")], say=said.append))
    assert subjects(found) == ["hello", "hello"]
    left_out = "2 hidden files and folders, 2 links to folders or to nothing, 1 pipe, socket or device"
    assert said == [f"{tmp_path / 'in'}: passed over {left_out}"]


def test_a_folder_of_links_alone_says_so(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "gone").symlink_to("nowhere")
    assert "the folder holds only 1 link to a folder or to nothing" in only_rejection(str(tmp_path / "in"))


def test_an_empty_path_is_not_this_folder(put, tmp_path, monkeypatch):
    put("a.eml", MAIL)
    monkeypatch.chdir(tmp_path)
    assert "an empty text is no path" in only_rejection("")


def test_a_pipe_that_is_waited_for_is_named(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said = []
    writer = threading.Thread(target=lambda: pipe.write_bytes(MAIL))
    reading = read([str(pipe)], say=lambda line: (said.append(line), writer.start()))
    assert subjects(list(reading)) == ["hello"]
    writer.join()
    assert said == [f"{pipe}: a pipe; waiting until something is written to it"]


@pytest.mark.parametrize("content", [MAIL, MBOX, tar({"a": MAIL})])
def test_mail_in_place_of_a_list_of_paths_is_one_line(content):
    listing = io.StringIO(content.decode("latin-1"))
    (found,) = read(["-"], listing=listing)
    assert found == Rejected("-", "reads paths, one a line, and this is no path; for mail itself give its file's name")


def test_a_path_that_looks_like_a_header_is_a_path(put, tmp_path, monkeypatch):
    put("Re: hello.eml", MAIL)
    monkeypatch.chdir(tmp_path)
    assert subjects(list(read(["-"], listing=["Re: hello.eml\n"]))) == ["hello"]


def test_a_message_over_the_limit_is_refused_wherever_it_stands(put):
    large = MAIL + b"x" * 5000
    for content in (large, STAMP + large, tar({"a": large})):
        reason = only_rejection(put("x", content), limit_bytes=4000)
        assert "larger than the limit" in reason
        assert "leave it out" in reason


def test_an_oversized_message_is_not_read_into_memory(put):
    path = put("x", MAIL)
    os.truncate(path, 300 << 20)
    tracemalloc.start()
    try:
        assert "larger than the limit" in only_rejection(path, limit_bytes=1 << 20)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 20 << 20


@pytest.mark.parametrize("damage", ["cut", "header"])
@pytest.mark.parametrize("pack", [bytes, zstandard.compress])
def test_a_damaged_tar_gives_what_is_before_the_damage_and_says_so(put, damage, pack):
    content = tar({"a": MAIL, "b": MAIL, "c": MAIL})
    damaged = content[:1400] if damage == "cut" else content[:1024] + b"\xff" * 600
    found = list(read([put("x.tar", pack(damaged))]))
    assert isinstance(found[0], Source)
    assert isinstance(found[-1], Rejected)
    assert "damaged archive after 1 member (" in found[-1].reason


def test_a_cut_compressed_tar_is_an_error_and_not_the_end(put):
    content = zstandard.compress(tar({f"m{n}": os.urandom(20_000) for n in range(5)} | {"z": MAIL}))
    found = list(read([put("x.tar.zst", content[:50_000])]))
    assert "damaged" in found[-1].reason


def test_frames_of_zstd_follow_each_other(put):
    half = len(MBOX) // 2
    content = zstandard.compress(MBOX[:half]) + zstandard.compress(MBOX[half:])
    assert len(subjects(list(read([put("x", content)])))) == 2


def test_archives_cannot_nest_for_ever(put):
    content = MAIL
    for _ in range(8):
        content = gzip.compress(content)
    assert "nested" in only_rejection(put("x", content))


def test_a_name_cannot_write_to_the_terminal(put):
    (found,) = read([put("x\x1b[2J.eml", b"")])
    assert "\x1b" not in found.name


def test_one_bad_path_stops_nothing(put, tmp_path):
    good = put("a.eml", MAIL)
    found = list(read([str(tmp_path / "gone"), good]))
    assert [type(item) for item in found] == [Rejected, Source]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfSubject: bom\n\nx",
        b" Subject: leading space\nFrom: a@example.com\n\nx",
        b"\n\nSubject: blank lines first\n\nx",
        b"Subject: \xff\xfe\x80 not utf-8\n\n\xff\xff\x00",
        b"X-Huge: " + b"a" * 200_000 + b"\nSubject: x\n\nx",
        b"Subject: no body",
    ],
)
def test_malformed_mail_is_still_mail(put, content):
    (found,) = read([put("a.eml", content)])
    assert isinstance(found, Source)
    assert found.raw == content


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_name_as_large_as_memory_is_damage(kind, put):
    info = tarfile.TarInfo("name")
    info.type, info.size = kind, 200_000_000
    packed = zstandard.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(200_000_000))
    tracemalloc.start()
    found = list(read([put("x.tar.zst", packed)]))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "a header of 200,000,000 bytes" in found[0].reason
    assert peak_bytes < 150_000_000
