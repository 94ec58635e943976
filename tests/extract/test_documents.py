import pytest


@pytest.mark.parametrize("make", ["docm", "doc"])
def test_a_macro_that_runs_by_itself_is_told_with_what_it_calls(make, samples, extractor):
    found = extractor.extract(getattr(samples, make)(), filename="invoice.doc")
    assert found.status == "ok"
    assert found.office.has_macros
    assert "AutoOpen" in found.office.auto_exec
    assert {"Shell", "PowerShell", "CreateObject", "WScript.Shell"} <= set(found.office.suspicious_keywords)
    assert samples.LURE in found.urls


def test_a_plain_document_has_nothing_to_tell(samples, extractor):
    found = extractor.extract(samples.docx(), filename="a.docx")
    assert found.true_type.endswith("wordprocessingml.document")
    assert found.office == type(found.office)()
    assert found.text == "Quarterly report"


def test_a_remote_template_and_a_link_are_told_apart(samples, extractor):
    template = "http://evil.example/t.dotm"
    relations = samples.relation("attachedTemplate", template) + samples.relation("hyperlink", samples.LURE)
    found = extractor.extract(samples.docx(relations))
    assert found.office.remote_template == (template,)
    assert found.office.external_links == (samples.LURE,)
    assert {template, samples.LURE} <= set(found.urls)


def test_a_dde_field_split_over_runs_is_found(samples, extractor):
    body = "<w:instrText>DDEA</w:instrText><w:instrText>UTO c:\\\\cmd.exe</w:instrText>"
    assert extractor.extract(samples.docx(body=body)).office.dde


def test_an_old_document_shows_dde_and_the_program_inside(samples, extractor):
    found = extractor.extract(samples.doc())
    assert found.true_type == "application/msword"
    assert found.office.dde == ("DDEAUTO",)
    assert found.office.embedded_objects == ("run.exe",)
    assert found.children[0].true_type == "application/vnd.microsoft.portable-executable"


def test_an_excel_4_macro_sheet_is_found(samples, extractor):
    found = extractor.extract(samples.xls_macro_sheet())
    assert found.true_type == "application/vnd.ms-excel"
    assert found.office.macro_sheet


def test_rtf_templates_and_equation_objects_are_found(samples, extractor):
    office = extractor.extract(samples.rtf()).office
    assert office.remote_template == ("http://templates.evil.example/t.dotm",)
    assert "Equation.3" in office.embedded_objects


def test_an_encrypted_package_is_encrypted(samples, extractor):
    assert extractor.extract(samples.ole({"EncryptedPackage": b"x"})).office.encrypted


def test_a_onenote_section_gives_up_its_embedded_file(samples, extractor):
    found = extractor.extract(samples.onenote(samples.login_html()), filename="a.one")
    assert found.onenote.embedded_files == ("text/html",)
    assert "Open.hta" in found.onenote.embedded_names
    assert found.children[0].markup.password_inputs == 1


def test_pdf_actions_are_counted_though_the_name_is_escaped(samples, extractor):
    found = extractor.extract(samples.pdf_actions())
    assert found.pdf.javascript == 2
    assert found.pdf.open_action
    assert found.pdf.launch == 1
    assert found.pdf.page_count == 1
    assert found.urls == (samples.LURE,)
    assert found.pdf.uri_count == 1
    assert found.text == "Hello"


def test_a_plain_pdf_does_nothing(samples, extractor):
    found = extractor.extract(samples.pdf(text="Minutes"))
    assert found.pdf == type(found.pdf)(page_count=1)


def test_javascript_in_an_object_stream_is_found(samples, extractor):
    assert extractor.extract(samples.pdf_hidden_in_object_stream()).pdf.javascript


def test_a_file_inside_a_pdf_is_analysed(samples, extractor):
    found = extractor.extract(samples.pdf_with_file("a.lnk", samples.lnk("cmd.exe", "/c x")))
    assert found.pdf.embedded_files == ("a.lnk",)
    assert found.children[0].lnk.args == "/c x"


def test_a_code_drawn_in_a_pdf_is_read(samples, extractor):
    found = extractor.extract(samples.pdf_with_code(samples.LURE))
    assert found.pdf.qr == (samples.LURE,)
    assert found.pdf.image_only
    assert found.urls == (samples.LURE,)
