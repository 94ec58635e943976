"""An organisation's name in front of an address that anybody gets."""

from __future__ import annotations

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import signal
from scorelane.signals.derived.senders import name_words

LEGAL_FORMS = frozenset(
    {
        "inc",
        "incorporated",
        "ltd",
        "limited",
        "llc",
        "llp",
        "plc",
        "gmbh",
        "ag",
        "sa",
        "srl",
        "bv",
        "corp",
        "corporation",
    }
    | {"company", "group", "holding", "holdings", "bank"}
)
PARTS = frozenset(
    {"department", "dept", "team", "support", "helpdesk", "service", "services", "billing", "payroll", "accounts"}
    | {"accounting", "security", "office", "administration", "administrator", "admin", "center", "centre"}
)
"""Words for a part of an organisation that writes to people."""


@signal(version=1, missing="no author, or no display name", attacks=("bec", "phishing"), monotone=1)
def free_mail_behind_corporate_name(author_free_mail: float | None, author_name: str) -> float | None:
    """1 when the display name speaks for an organisation and the address is one of free mail.

    Source: FBI IC3, "Business Email Compromise: the $55 billion scam", 2024.
    """
    if author_free_mail is None or not author_name:
        return None
    words = name_words(author_name)
    return float(author_free_mail > 0 and not (LEGAL_FORMS.isdisjoint(words) and PARTS.isdisjoint(words)))
