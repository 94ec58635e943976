import pytest


@pytest.mark.parametrize("kind", ["zip", "tar", "7z", "rar", "iso"])
def test_an_executable_inside_an_archive_is_named_and_recognised_by_content(kind, samples, extractor):
    content = {
        "zip": lambda: samples.zipped({"invoice.pdf.exe": samples.PE}),
        "tar": lambda: samples.tarred({"invoice.pdf.exe": samples.PE}),
        "7z": lambda: samples.seven("invoice.pdf.exe", samples.PE),
        "rar": lambda: samples.rar("invoice.pdf.exe", samples.PE),
        "iso": lambda: samples.iso("invoice.pdf.exe", samples.PE),
    }[kind]()
    found = extractor.extract(content, filename="a.bin")
    assert found.status == "ok"
    assert found.archive.kind == kind
    assert found.archive.member_count == 1
    assert found.archive.names == ("invoice.pdf.exe",)
    assert found.archive.executable_members == ("invoice.pdf.exe",)
    assert found.archive.tricks == ("double_extension",)
    assert not found.archive.encrypted
    assert found.children[0].true_type == "application/vnd.microsoft.portable-executable"


def test_a_member_without_a_telling_name_is_executable_by_its_content(samples, extractor):
    found = extractor.extract(samples.zipped({"readme": samples.PE, "note.txt": b"hello"}))
    assert found.archive.executable_members == ("readme",)


@pytest.mark.parametrize(("wrap", "kind"), [("gzipped", "gzip"), ("bzipped", "bzip2"), ("xzipped", "xz")])
def test_a_compressed_tar_is_one_archive_deep(wrap, kind, samples, extractor):
    found = extractor.extract(getattr(samples, wrap)(samples.tarred({"run.js": b"x"})), filename="a.tar.gz")
    assert found.archive.kind == kind
    assert found.archive.nested_depth == 0
    assert found.children[0].archive.kind == "tar"
    assert found.archive.executable_members[0].endswith("/run.js")


def test_nested_zips_are_opened_and_counted(samples, extractor):
    inner = samples.zipped({"run.vbs": b"x", "page.html": samples.login_html()})
    found = extractor.extract(samples.zipped({"b.zip": samples.zipped({"c.zip": inner})}))
    assert found.status == "ok"
    assert found.archive.nested_depth == 2
    assert found.archive.executable_members == ("b.zip/c.zip/run.vbs",)
    assert samples.LURE in found.all_urls


def test_nesting_past_the_limit_is_cut_and_told(samples, extractor):
    content = samples.zipped({"x.txt": b"x"})
    for level in range(8):
        content = samples.zipped({f"{level}.zip": content})
    found = extractor.extract(content)
    assert (found.status, found.detail) == ("limit", "depth")
    assert found.archive.nested_depth == 4


def test_an_encrypted_zip_still_tells_its_names(samples, extractor):
    found = extractor.extract(samples.encrypted_zip())
    assert found.archive.encrypted
    assert found.archive.executable_members == ("invoice.exe",)
    assert found.children == ()


def test_a_7z_with_a_hidden_list_is_encrypted(samples, extractor):
    found = extractor.extract(samples.seven_hidden_names())
    assert found.status == "ok"
    assert found.archive.encrypted
    assert found.archive.member_count == 0


def test_a_7z_with_encrypted_content_is_encrypted(samples, extractor):
    content = samples.seven("a.exe", samples.PE, method=b"\x06\xf1\x07\x01", props=b"\x13\x00")
    found = extractor.extract(content)
    assert found.archive.encrypted
    assert found.archive.executable_members == ("a.exe",)


def test_a_7z_packed_by_lzma_is_unpacked(samples, extractor):
    found = extractor.extract(samples.seven_lzma("page.html", samples.login_html() * 50))
    assert samples.LURE in found.all_urls


def test_a_program_in_a_7z_is_unpacked_behind_its_filter(samples, extractor):
    found = extractor.extract(samples.seven_bcj("readme", samples.PE * 20))
    assert (found.status, found.archive.executable_members) == ("ok", ("readme",))


def test_what_no_unpacker_here_can_read_is_named_and_told(samples, extractor):
    ppmd = samples.seven("a.exe", samples.PE, method=b"\x03\x04\x01", props=b"\x06" + bytes(4))
    torn = samples.rar("a.exe", samples.PE, packed=b"no block")
    for content in (ppmd, torn, samples.cab({"a.exe": samples.PE}, method=0x1503)):
        found = extractor.extract(content)
        assert (found.status, found.detail) == ("unsupported", "no_unpacker")
        assert found.archive.executable_members == ("a.exe",)
        assert not found.archive.encrypted


def test_a_zip_without_a_directory_is_read_by_its_local_headers(samples, extractor):
    content = samples.zipped({"run.hta": samples.login_html()})
    found = extractor.extract(content[: content.find(b"PK\x01\x02")])
    assert found.archive.executable_members == ("run.hta",)
    assert samples.LURE in found.all_urls


def test_a_zip_bomb_is_cut_at_the_budget(samples, extractor):
    found = extractor.extract(samples.zip_bomb())
    assert found.status == "limit"
    assert found.archive.max_ratio > 900
    assert found.archive.member_count == 20


def test_a_gzip_bomb_is_cut_at_the_ratio(samples, extractor):
    found = extractor.extract(samples.gzipped(bytes(100_000_000)))
    assert found.status == "limit"
    assert found.archive.max_ratio > 100


def test_more_members_than_the_limit_are_counted_and_cut(samples, extractor):
    found = extractor.extract(samples.zipped({f"{number}.txt": b"x" for number in range(300)}))
    assert found.status == "limit"
    assert found.archive.member_count == 300
    assert len(found.archive.names) == 200


def test_traversal_and_right_to_left_names_are_told(samples, extractor):
    found = extractor.extract(samples.zipped({"../../x.txt": b"", "fdp\u202eexe.txt": b""}))
    assert found.archive.tricks == ("path_traversal", "rtl_override")


def test_packed_members_of_rar_and_cabinet_are_opened(samples, extractor):
    page = samples.login_html() * 20
    for content in (samples.rar_packed("page.html", page), samples.cab({"a.txt": bytes(50_000), "page.html": page})):
        found = extractor.extract(content)
        assert found.status == "ok"
        assert samples.LURE in found.all_urls


def test_a_program_under_a_harmless_name_is_seen_in_packed_members(samples, extractor):
    for content in (samples.rar_packed("readme", samples.PE), samples.cab({"a": b"x", "readme": samples.PE})):
        assert extractor.extract(content).archive.executable_members == ("readme",)


@pytest.mark.parametrize("is_solid", [False, True])
def test_members_of_an_old_rar_are_named_and_opened(is_solid, samples, extractor):
    members = {"note.txt": b"see inside", "page.html": samples.login_html(), "invoice.pdf.exe": samples.PE}
    found = extractor.extract(samples.rar3(members, is_solid=is_solid), filename="a.rar")
    assert found.status == "ok"
    assert (found.archive.kind, found.archive.member_count, found.archive.encrypted) == ("rar", 3, False)
    assert found.archive.executable_members == ("invoice.pdf.exe",)
    assert samples.LURE in found.all_urls


def test_an_old_rar_with_a_password_still_tells_its_names(samples, extractor):
    found = extractor.extract(samples.rar3({"invoice.exe": samples.PE}, is_encrypted=True))
    assert found.archive.encrypted
    assert found.archive.executable_members == ("invoice.exe",)
