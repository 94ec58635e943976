"""What was found inside attachments: archives, limits that were met, links and words.

Values come from `message.opened`, filled by the extraction room. They are missing where nobody looked and where
nothing of the kind is attached; where the reader of the kind was stopped, they say so in their status.
"""

from __future__ import annotations

from math import log1p
from typing import TYPE_CHECKING, TypeVar

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import Missing, derived, signal
from scorelane.signals.derived.texts import fold
from scorelane.signals.phrases import FINDER, MOST_PHRASES, Phrases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.mail.message import Link, Message
    from scorelane.mail.opened import Archive, Extraction

Reading = float | Missing | None
V = TypeVar("V")

NOBODY = "attachments were not opened"
NO_ARCHIVE = "no archive was opened (timeout or failed: its reader was stopped)"
NO_TEXT = "no text was found in attachments"
MOST_FOUND = 300
ARCHIVE_TYPES = frozenset(
    {
        "application/zip", "application/vnd.rar", "application/x-7z-compressed", "application/gzip",
        "application/x-bzip2", "application/x-xz", "application/x-tar", "application/x-iso9660-image",
        "application/vnd.ms-cab-compressed", "application/java-archive", "application/vnd.android.package-archive",
    }
)  # fmt: skip
LURES = frozenset({"text/html", "image/svg+xml", "application/x-ms-shortcut", "application/x-mswinurl"})
"""Types that an archive carries past filters which look at attachments alone."""
CONTAINERS = frozenset({"application/x-iso9660-image", "application/onenote", "application/vnd.ms-htmlhelp"})
IN_FILES = frozenset({"pdf", "office", "qr", "page", "shortcut", "file"})
"""Sources of links that were found by opening attachments."""
TEXT_CHARS = 8_192
MOST_LOG = 20.0
MOST_TRICKS = 6


@derived
def found(message: Message) -> tuple[Extraction, ...] | None:
    """All files that were opened and all inside them, at most 300; None when nobody looked."""
    if message.opened is None:
        return None
    return tuple(inner for one in message.opened for inner in one.found.walk())[:MOST_FOUND]


def of_kind(
    found: Sequence[Extraction] | None, values: Sequence[V | None], types: frozenset[str]
) -> Sequence[V] | Missing | None:
    """Findings of one kind; without any, why: absent, or the status of a reader of these types that was stopped."""
    got = [value for value in values if value is not None]
    if got or not found:
        return got or None
    for one in found:
        if one.true_type in types and one.status in {"timeout", "crashed"}:
            return Missing.TIMEOUT if one.status == "timeout" else Missing.FAILED
    return None


@derived
def archives(found: tuple[Extraction, ...] | None) -> Sequence[Archive] | Missing | None:
    """Archives that were opened, inner ones too."""
    return of_kind(found, [one.archive for one in found or ()], ARCHIVE_TYPES)


@signal(version=1, missing=NO_ARCHIVE, attacks=("malware",), monotone=1)
def archive_holds_program(archives: Sequence[Archive] | Missing | None) -> Reading:
    """1 when an archive holds what runs on a click, by name or content, at any depth (ATT&CK T1027, T1566.001)."""
    if archives is None or isinstance(archives, Missing):
        return archives
    return float(any(one.executable_members for one in archives))


@signal(version=1, missing=NO_ARCHIVE, attacks=("malware", "phishing"), monotone=1)
def archive_holds_lure(found: tuple[Extraction, ...] | None, archives: Sequence[Archive] | Missing | None) -> Reading:
    """1 when an archive holds a web page, an SVG or a shortcut."""
    if found is None or archives is None or isinstance(archives, Missing):
        return archives if isinstance(archives, Missing) else None
    return float(any(inner.true_type in LURES for one in found if one.archive for inner in one.children))


@signal(version=1, missing=NO_ARCHIVE, attacks=("malware",), monotone=1)
def archive_needs_password(archives: Sequence[Archive] | Missing | None) -> Reading:
    """1 when a member of an archive, or its list of members, is encrypted (zip, rar, 7z)."""
    if archives is None or isinstance(archives, Missing):
        return archives
    return float(any(one.encrypted for one in archives))


@signal(version=1, missing=NO_ARCHIVE, attacks=("malware",), monotone=1)
def archive_password_in_mail(archives: Sequence[Archive] | Missing | None, phrases: Phrases) -> Reading:
    """1 when an archive is encrypted and the mail gives a password: only the reader can look inside (T1027.013)."""
    if archives is None or isinstance(archives, Missing):
        return archives
    return float(phrases.archive_password > 0 and any(one.encrypted for one in archives))


@signal(version=1, missing=NO_ARCHIVE, attacks=("malware",), range=(0, MOST_TRICKS), monotone=1)
def archive_depth(archives: Sequence[Archive] | Missing | None) -> Reading:
    """Levels of archives inside archives, at most 6."""
    if archives is None or isinstance(archives, Missing):
        return archives
    return float(min(max(one.nested_depth for one in archives), MOST_TRICKS))


@signal(version=1, missing=NO_ARCHIVE, attacks=("malware",), range=(0, MOST_LOG))
def archive_ratio_log(archives: Sequence[Archive] | Missing | None) -> Reading:
    """log1p of the largest unpacked over packed size of a member: bombs, and programs blown up with zeros."""
    if archives is None or isinstance(archives, Missing):
        return archives
    return min(log1p(max(one.max_ratio for one in archives)), MOST_LOG)


@signal(version=1, missing=NO_ARCHIVE, attacks=("malware",), range=(0, MOST_TRICKS), monotone=1)
def archive_name_tricks(archives: Sequence[Archive] | Missing | None) -> Reading:
    """Kinds of deceit in members' names (double endings, right-to-left marks, "../", blanks), at most 6."""
    if archives is None or isinstance(archives, Missing):
        return archives
    return float(min(len({trick for one in archives for trick in one.tricks}), MOST_TRICKS))


@signal(version=1, missing=NO_ARCHIVE, attacks=("malware",))
def archive_of_one_file(archives: Sequence[Archive] | Missing | None) -> Reading:
    """1 when the outermost archive holds a single file, as a wrapper of one payload does."""
    if archives is None or isinstance(archives, Missing):
        return archives
    return float(archives[0].member_count == 1)


@signal(version=1, missing=NOBODY, attacks=("malware",), monotone=1)
def attachment_stops_reader(found: tuple[Extraction, ...] | None) -> float | None:
    """1 when the reader of an attachment crashed or ran out of time: broken, or made to."""
    return None if found is None else float(any(one.status in {"timeout", "crashed"} for one in found))


@signal(version=1, missing=NOBODY, attacks=("malware",))
def attachment_over_limit(found: tuple[Extraction, ...] | None) -> float | None:
    """1 when an attachment met a limit of size, ratio, depth or count: a bomb, or simply large."""
    return None if found is None else float(any(one.status == "limit" for one in found))


@signal(version=1, missing=NOBODY, attacks=("malware", "phishing"), monotone=1)
def attachment_hides_container(message: Message, found: tuple[Extraction, ...] | None) -> float | None:
    """1 when a disk image, OneNote section or help file stands inside another attachment."""
    if found is None:
        return None
    outer = {id(one.found) for one in message.opened or ()}
    return float(any(one.true_type in CONTAINERS and id(one) not in outer for one in found))


EXPECTED_TYPES = {
    "pdf": ("application/pdf",),
    "doc": ("application/msword", "application/x-ole", "application/rtf", "wordprocessingml"),
    "xls": ("application/vnd.ms-excel", "application/x-ole", "spreadsheetml"),
    "ppt": ("application/vnd.ms-powerpoint", "application/x-ole", "presentationml"),
    "docx": ("wordprocessingml", "application/x-ole-encrypted"),
    "xlsx": ("spreadsheetml", "application/x-ole-encrypted"),
    "pptx": ("presentationml", "application/x-ole-encrypted"),
    "zip": ("application/zip", "openxmlformats", "application/java-archive"),
    "rar": ("application/vnd.rar",), "7z": ("application/x-7z-compressed",),
    "gz": ("application/gzip",), "iso": ("application/x-iso9660-image",),
    "png": ("image/",), "jpg": ("image/",), "jpeg": ("image/",), "gif": ("image/",),
    "one": ("application/onenote",), "msg": ("application/vnd.ms-outlook",), "ics": ("text/calendar",),
    "eml": ("message/rfc822",), "txt": ("text/plain",), "csv": ("text/plain", "text/csv"),
}  # fmt: skip
"""Name endings to what the true type of such a file contains."""


@signal(version=1, missing="no file with a known ending was opened", attacks=("malware", "phishing"), monotone=1)
def opened_type_lies(message: Message) -> float | None:
    """1 when the true type of an opened file, or of a member of an archive, is none that its name's ending allows."""
    if not message.opened:
        return None
    judged = [
        any(part in inner.true_type for part in EXPECTED_TYPES[ending])
        for one in message.opened
        for name, inner in ((one.filename, one.found), *((child.name, child) for child in one.found.children))
        if inner.status != "unsupported" and (ending := name.rpartition(".")[2].lower()) in EXPECTED_TYPES
    ]
    return float(not all(judged)) if judged else None


@derived
def file_links(message: Message) -> tuple[Link, ...]:
    """Links to a host that were found inside attachments."""
    return tuple(link for link in message.links if link.place and link.source in IN_FILES and link.url.host)


@signal(version=1, missing=NOBODY, attacks=("phishing",), range=(0, 50))
def file_link_domains(message: Message, file_links: tuple[Link, ...]) -> float | None:
    """Registrable domains of links inside attachments, at most 50."""
    return None if message.opened is None else float(min(len({link.url.domain for link in file_links}), 50))


@signal(version=1, missing="no link inside an attachment, or no author", attacks=("phishing",))
def file_links_leave_sender(file_links: tuple[Link, ...], author_org: str) -> float | None:
    """Share of links inside attachments that lead away from the author's domain; 0 to 1."""
    if not file_links or not author_org:
        return None
    return sum(link.url.domain != author_org for link in file_links) / len(file_links)


@signal(version=1, missing="no link inside an attachment", attacks=("phishing",), monotone=1)
def file_link_only(message: Message, file_links: tuple[Link, ...]) -> float | None:
    """1 when the mail's only links to follow stand inside its attachments, out of sight of a filter of links."""
    if not file_links:
        return None
    return float(all(link.place or link.source in {"html_image", "header"} for link in message.links))


@derived
def file_text(found: tuple[Extraction, ...] | None) -> str:
    """Text of attachments in the form that phrases are looked for, at most 8,192 characters."""
    if not found:
        return ""
    return fold(" ".join(one.text for one in found if one.text)[:TEXT_CHARS])


@derived
def file_phrases(file_text: str) -> Phrases | None:
    """Phrases in the text of attachments; None without text."""
    return FINDER.find(file_text, 0)[0] if file_text else None


@signal(version=1, missing=NOBODY, range=(0, MOST_LOG))
def file_text_log(found: tuple[Extraction, ...] | None) -> float | None:
    """log1p of the characters of text that attachments show, as far as they were read."""
    return None if found is None else min(log1p(sum(len(one.text) for one in found)), MOST_LOG)


@signal(version=1, missing=NO_TEXT, attacks=("phishing",), range=(0, MOST_PHRASES), monotone=1)
def file_credential_language(file_phrases: Phrases | None) -> float | None:
    """Phrases that ask to sign in or confirm an account, in attachments' text, at most 20."""
    return None if file_phrases is None else float(file_phrases.credential)


@signal(version=1, missing=NO_TEXT, attacks=("invoice_fraud",), range=(0, 2 * MOST_PHRASES))
def file_payment_language(file_phrases: Phrases | None) -> float | None:
    """Phrases of invoices and of changed bank details, in attachments' text, at most 40."""
    return None if file_phrases is None else float(file_phrases.invoice + file_phrases.payment_change)


@signal(version=1, missing=NO_TEXT, attacks=("callback",), range=(0, MOST_PHRASES), monotone=1)
def file_callback_language(file_phrases: Phrases | None) -> float | None:
    """Phrases that ask to call a number, in attachments' text, at most 20: the bill is a PDF, the link is a phone."""
    return None if file_phrases is None else float(file_phrases.callback)


@signal(version=1, missing=NO_TEXT, attacks=("malware",), range=(0, MOST_PHRASES), monotone=1)
def file_document_lure(file_phrases: Phrases | None) -> float | None:
    """Phrases that offer a protected document or ask to enable its content, in attachments' text, at most 20."""
    return None if file_phrases is None else float(file_phrases.document_lure)
