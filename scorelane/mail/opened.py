"""What was found in an attachment: values that the extraction room makes and that signals read.

They stand here because both rooms may import this one. All text is ``str`` without lone surrogates, all sequences
are capped by the extractor's limits. A kind's field is None when the content is not of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - msgspec reads annotations at run time
from typing import Literal

import msgspec

Status = Literal["ok", "timeout", "crashed", "limit", "unsupported"]
"""ok: read to the end; limit: a cap or the memory limit cut it, findings are of what was read; timeout
and crashed: the child was killed or died, no findings; unsupported: no reader for this type, or, with findings,
no unpacker for a member (detail: no_unpacker), or a picture that no viewer can show (detail: unreadable)."""


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of the findings: immutable, compared by value."""


class Archive(Value, frozen=True):
    """A container of files."""

    kind: str
    """zip, rar, 7z, tar, gzip, bzip2, xz, iso, cab."""
    member_count: int = 0
    """Files named by the archive, before any cap."""
    encrypted: bool = False
    """A member, or the list of members, needs a password."""
    nested_depth: int = 0
    """Levels of archives inside: 0 for none."""
    max_ratio: float = 0.0
    """Largest unpacked over packed size of one member."""
    executable_members: tuple[str, ...] = ()
    """Names of members that run when opened, by extension or content, at any depth."""
    names: tuple[str, ...] = ()
    tricks: tuple[str, ...] = ()
    """path_traversal, rtl_override, double_extension, duplicate_names, hidden_extension_spaces, trailing."""


class Office(Value, frozen=True):
    """A Word, Excel, PowerPoint, RTF or OLE document."""

    has_macros: bool = False
    auto_exec: tuple[str, ...] = ()
    """Procedures that run by themselves: AutoOpen, Document_Open, Workbook_Open, ..."""
    suspicious_keywords: tuple[str, ...] = ()
    remote_template: tuple[str, ...] = ()
    """Targets that are loaded when the document opens: attached templates, frames, linked OLE objects."""
    external_links: tuple[str, ...] = ()
    dde: tuple[str, ...] = ()
    """DDE and DDEAUTO fields and formulas."""
    embedded_objects: tuple[str, ...] = ()
    encrypted: bool = False
    macro_sheet: bool = False
    """An Excel 4.0 macro sheet, visible or not."""


class OneNote(Value, frozen=True):
    """A OneNote section."""

    embedded_files: tuple[str, ...] = ()
    """True type of each file inside, in order."""
    embedded_names: tuple[str, ...] = ()


class Lnk(Value, frozen=True):
    """A Windows shortcut."""

    target: str = ""
    args: str = ""
    icon: str = ""
    working_dir: str = ""


class Pdf(Value, frozen=True):
    """What a PDF can do by itself and whom it points at."""

    javascript: int = 0
    open_action: bool = False
    launch: int = 0
    embedded_files: tuple[str, ...] = ()
    uri_count: int = 0
    page_count: int = 0
    encrypted: bool = False
    forms: bool = False
    """AcroForm or XFA; `submit` tells whether it sends what was typed."""
    submit: int = 0
    image_only: bool = False
    """The pages that were read show pictures and no text."""
    qr: tuple[str, ...] = ()


class Markup(Value, frozen=True):
    """HTML or SVG that stands as a file of its own."""

    kind: str
    """html or svg."""
    scripts: int = 0
    smuggling_score: float = 0.0
    """0 to 1: how much of the HTML smuggling recipe (encoded payload, Blob, download, click) is there."""
    smuggling_marks: tuple[str, ...] = ()
    payload_types: tuple[str, ...] = ()
    """True types of encoded payloads that could be decoded."""
    event_handlers: int = 0
    forms: int = 0
    password_inputs: int = 0
    iframes: int = 0
    foreign_objects: int = 0
    meta_refresh: str = ""
    title: str = ""


class Image(Value, frozen=True):
    """A raster picture."""

    width: int
    height: int
    qr: tuple[str, ...] = ()
    """Texts of QR, Micro QR, Data Matrix and Aztec codes."""
    frames: int = 1


class Calendar(Value, frozen=True):
    """An iCalendar object (RFC 5545)."""

    method: str = ""
    """Upper case: REQUEST, PUBLISH, CANCEL, ..."""
    organizer: str = ""
    """Address in lower case."""
    organizer_name: str = ""
    attendees: tuple[str, ...] = ()
    summary: str = ""
    location: str = ""
    urls: tuple[str, ...] = ()
    attachments: int = 0


class Mail(Value, frozen=True):
    """An attached message: RFC 5322 (eml) or Outlook (msg)."""

    kind: str
    """eml or msg."""
    subject: str = ""
    sender: str = ""
    attachment_names: tuple[str, ...] = ()
    encrypted: bool = False


class Extraction(Value, frozen=True):
    """Everything found in one attachment, files inside it as `children`."""

    status: Status
    true_type: str
    name: str = ""
    archive: Archive | None = None
    office: Office | None = None
    onenote: OneNote | None = None
    lnk: Lnk | None = None
    pdf: Pdf | None = None
    markup: Markup | None = None
    image: Image | None = None
    calendar: Calendar | None = None
    mail: Mail | None = None
    urls: tuple[str, ...] = ()
    """As written, in order of appearance, without repeats; those of children are in the children."""
    url_pages: tuple[int, ...] = ()
    """Page of each URL, counted from 1, 0 where it stands on none; empty when nothing has pages."""
    text: str = ""
    """Excerpt of the text a reader would see."""
    children: tuple[Extraction, ...] = ()
    detail: str = ""
    """What cut or stopped the reading: a limit's name, a signal's number, an exception's type."""

    def walk(self) -> Iterator[Extraction]:
        """This extraction and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def all_urls(self) -> tuple[str, ...]:
        """URLs of this file and all inside it, without repeats."""
        return tuple(dict.fromkeys(url for found in self.walk() for url in found.urls))


class Opened(Value, frozen=True):
    """An attachment of a message with what was found in it."""

    place: str
    """The part's path in its message, "2"; behind a slash for each nested message, "1/2"."""
    filename: str
    found: Extraction
