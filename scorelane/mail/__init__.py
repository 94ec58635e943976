"""Raw bytes to one immutable `Message`: total, bounded, without IO.

Call `parse`; everything that signals may read of a message is in what it returns.
"""

from scorelane.mail.defang import refang
from scorelane.mail.join import with_opened
from scorelane.mail.limits import Limits
from scorelane.mail.message import (
    Address,
    AuthResult,
    AuthResults,
    Defect,
    Envelope,
    Hop,
    Html,
    Link,
    Message,
    Part,
    Url,
    trusted_auth,
)
from scorelane.mail.opened import Extraction, Opened
from scorelane.mail.parse import parse

__all__ = [
    "Address",
    "AuthResult",
    "AuthResults",
    "Defect",
    "Envelope",
    "Extraction",
    "Hop",
    "Html",
    "Limits",
    "Link",
    "Message",
    "Opened",
    "Part",
    "Url",
    "parse",
    "refang",
    "trusted_auth",
    "with_opened",
]
