"""What opened pages, pictures, invitations and attached messages show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.signals.attachments.contents import NOBODY, Reading, of_kind
from scorelane.signals.declaration import Missing, derived, signal
from scorelane.signals.derived.links import CLICKED, WEB
from scorelane.signals.derived.senders import registrable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.mail.message import Message
    from scorelane.mail.opened import Calendar, Extraction, Mail, Markup

NO_PAGE = "no web page or SVG was opened (timeout or failed: its reader was stopped)"
NO_INVITATION = "no invitation was opened (timeout or failed: its reader was stopped)"
NO_MAIL = "no attached message was opened (timeout or failed: its reader was stopped)"
PAGE_TYPES = frozenset({"text/html", "image/svg+xml"})
CALENDAR_TYPES = frozenset({"text/calendar"})
MAIL_TYPES = frozenset({"message/rfc822", "application/vnd.ms-outlook"})
HARMLESS = ("image/", "font/")


@derived
def pages(found: tuple[Extraction, ...] | None) -> Sequence[Markup] | Missing | None:
    """HTML and SVG files that were opened, those in archives too."""
    return of_kind(found, [one.markup for one in found or ()], PAGE_TYPES)


@derived
def invitations(found: tuple[Extraction, ...] | None) -> Sequence[Calendar] | Missing | None:
    """Calendar objects that were opened."""
    return of_kind(found, [one.calendar for one in found or ()], CALENDAR_TYPES)


@derived
def attached_mails(found: tuple[Extraction, ...] | None) -> Sequence[Mail] | Missing | None:
    """Messages attached as files (EML, MSG) that were opened."""
    return of_kind(found, [one.mail for one in found or ()], MAIL_TYPES)


@signal(version=1, missing=NO_PAGE, attacks=("malware", "phishing"), monotone=1)
def page_smuggles(pages: Sequence[Markup] | Missing | None) -> Reading:
    """How much of the smuggling recipe a page has (encoded payload, Blob, download, click); 0 to 1.

    Source: MITRE ATT&CK T1027.006, "HTML smuggling".
    """
    if pages is None or isinstance(pages, Missing):
        return pages
    return max(one.smuggling_score for one in pages)


@signal(version=1, missing=NO_PAGE, attacks=("malware", "phishing"), monotone=1)
def page_holds_file(pages: Sequence[Markup] | Missing | None) -> Reading:
    """1 when a page carries an encoded file that is no picture or font."""
    if pages is None or isinstance(pages, Missing):
        return pages
    return float(any(not kind.startswith(HARMLESS) for one in pages for kind in one.payload_types))


@signal(version=1, missing=NO_PAGE, attacks=("phishing",), monotone=1)
def page_asks_password(pages: Sequence[Markup] | Missing | None) -> Reading:
    """1 when a page, also one inside an archive or put together by script, has a password field."""
    if pages is None or isinstance(pages, Missing):
        return pages
    return float(any(one.password_inputs for one in pages))


@signal(version=1, missing=NO_PAGE, attacks=("phishing",), monotone=1)
def page_redirects(pages: Sequence[Markup] | Missing | None) -> Reading:
    """1 when a page sends its reader on by itself: meta refresh to a URL, or a script that sets the location."""
    if pages is None or isinstance(pages, Missing):
        return pages
    return float(any(one.meta_refresh or (one.scripts and "click" in one.smuggling_marks) for one in pages))


@signal(version=1, missing=NO_PAGE, attacks=("phishing", "malware"), range=(0, 50))
def page_scripts(pages: Sequence[Markup] | Missing | None) -> Reading:
    """Scripts and event handlers of the page with most, at most 50."""
    if pages is None or isinstance(pages, Missing):
        return pages
    return float(min(max(one.scripts + one.event_handlers for one in pages), 50))


@signal(version=1, missing="no SVG was opened", attacks=("phishing", "malware"), monotone=1)
def svg_has_script(pages: Sequence[Markup] | Missing | None) -> Reading:
    """1 when an SVG has a script, an event handler or HTML inside (ATT&CK T1027.017)."""
    if pages is None or isinstance(pages, Missing):
        return pages
    drawings = [one for one in pages if one.kind == "svg"]
    if not drawings:
        return None
    return float(any(one.scripts or one.event_handlers or one.foreign_objects for one in drawings))


@signal(version=1, missing=NOBODY, attacks=("phishing",), range=(0, 10), monotone=1)
def codes_seen(found: tuple[Extraction, ...] | None) -> float | None:
    """QR and other codes in pictures and on PDF pages, at most 10."""
    if found is None:
        return None
    codes = {code for one in found for code in (one.image.qr if one.image else one.pdf.qr if one.pdf else ())}
    return float(min(len(codes), 10))


@signal(version=2, missing=NOBODY, attacks=("phishing",), monotone=1)
def code_link_only(message: Message, found: tuple[Extraction, ...] | None) -> float | None:
    """1 when a code holds a link and the mail has no other to follow: the reader must use a phone ("quishing")."""
    if found is None:
        return None
    links = [link for link in message.links if link.url.scheme in WEB and link.source in CLICKED]
    return float(bool(links) and all(link.source == "qr" for link in links))


@signal(version=1, missing=NO_INVITATION, attacks=("phishing", "callback"))
def invitation_by_stranger(invitations: Sequence[Calendar] | Missing | None, author_org: str) -> Reading:
    """1 when the organiser's domain is not the author's; mailers of calendars do that as well."""
    if invitations is None or isinstance(invitations, Missing):
        return invitations
    organizers = [one.organizer for one in invitations if "@" in one.organizer]
    if not organizers or not author_org:
        return None
    return float(any(registrable(one.rpartition("@")[2]) != author_org for one in organizers))


@signal(version=1, missing=NO_INVITATION, attacks=("phishing",), range=(0, 20))
def invitation_links(invitations: Sequence[Calendar] | Missing | None) -> Reading:
    """Links in invitations, at most 20."""
    if invitations is None or isinstance(invitations, Missing):
        return invitations
    return float(min(len({url for one in invitations for url in one.urls}), 20))


@signal(version=1, missing=NO_INVITATION, attacks=("phishing",))
def invitation_asks(invitations: Sequence[Calendar] | Missing | None) -> Reading:
    """1 when an invitation asks for an answer (METHOD:REQUEST) and so enters the calendar by itself (RFC 5546)."""
    if invitations is None or isinstance(invitations, Missing):
        return invitations
    return float(any(one.method == "REQUEST" for one in invitations))


@signal(version=1, missing=NO_MAIL, attacks=("phishing", "malware"))
def attached_mail_has_file(attached_mails: Sequence[Mail] | Missing | None) -> Reading:
    """1 when a message attached as a file has files of its own."""
    if attached_mails is None or isinstance(attached_mails, Missing):
        return attached_mails
    return float(any(one.attachment_names for one in attached_mails))


@signal(version=1, missing=NO_MAIL, attacks=("phishing",))
def attached_mail_is_outlook(attached_mails: Sequence[Mail] | Missing | None) -> Reading:
    """1 when a message is attached in Outlook's binary format, which few scanners open."""
    if attached_mails is None or isinstance(attached_mails, Missing):
        return attached_mails
    return float(any(one.kind == "msg" for one in attached_mails))
