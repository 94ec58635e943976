"""What hostile attachments contain, read in child processes that may be killed at any moment.

Callers hold one `Extractor` a process and call `open_chunk`, which joins messages with what their attachments hold;
it never raises for what the bytes are. Results are values to be kept per tenant, key and `extractor_version()`.
"""

from scorelane.extract.client import Extractor
from scorelane.extract.errors import ExtractError, Unavailable
from scorelane.extract.limits import Limits
from scorelane.extract.opening import BUDGET_S, Key, Opening, join, keys, open_all, open_chunk
from scorelane.extract.protocol import decode, encode
from scorelane.extract.sniff import true_type
from scorelane.extract.version import extractor_version
from scorelane.extract.worth import Wanted, wanted

__all__ = [
    "BUDGET_S",
    "ExtractError",
    "Extractor",
    "Key",
    "Limits",
    "Opening",
    "Unavailable",
    "Wanted",
    "decode",
    "encode",
    "extractor_version",
    "join",
    "keys",
    "open_all",
    "open_chunk",
    "true_type",
    "wanted",
]
