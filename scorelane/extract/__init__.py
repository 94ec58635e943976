"""What hostile attachments contain, read in child processes that may be killed at any moment.

Callers hold one `Extractor` a process and call `extract`; it never raises for what the bytes are.
Results are values to be kept per tenant, attachment hash and `extractor_version()`.
"""

from scorelane.extract.client import Extractor
from scorelane.extract.limits import Limits
from scorelane.extract.protocol import (
    Archive,
    Calendar,
    Extraction,
    Image,
    Lnk,
    Mail,
    Markup,
    Office,
    OneNote,
    Pdf,
    decode,
    encode,
)
from scorelane.extract.sniff import true_type
from scorelane.extract.version import extractor_version

__all__ = [
    "Archive",
    "Calendar",
    "Extraction",
    "Extractor",
    "Image",
    "Limits",
    "Lnk",
    "Mail",
    "Markup",
    "Office",
    "OneNote",
    "Pdf",
    "decode",
    "encode",
    "extractor_version",
    "true_type",
]
