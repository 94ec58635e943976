"""Signals that the trees must not see, and why: what tells one source of mail from another tells no attack.

Measured with the source probe (two sources of one class told apart by one signal) over the development mail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scorelane.signals import SignalSet

FAMILIES = {
    "auth": "no receiver of the training mail is trusted, so their presence is the source",
    "enriched": "public mail is too old to ask anybody about; the additive table stands in",
    "history": "sources are no mailboxes of one organisation; the additive table stands in",
}
LEAKS = {
    "the receiver wrote it, or had to keep it": (
        "hop_count", "hop_span_hours", "date_lag_hours", "date_in_future", "date_missing", "handover_without_name",
        "handover_from_home", "helo_malformed", "helo_differs_from_name", "handover_is_authors", "handover_encrypted",
        "return_path_differs", "return_path_differs_and_no_bulk_mailer", "bulk_chain_aligned", "defect_count",
        "is_bounce", "dkim_signer_is_author", "mime_version_missing", "repeated_single_headers",
    ),
    "public lists are talks, so it tells list mail from other mail": (
        "recipient_count", "reference_count", "reply_with_references", "reply_without_references", "quoted_text_log",
        "bulk_headers", "sender_header_differs", "subject_length", "subject_says_forward", "unsubscribe_is_authors",
        "one_click_unsubscribe", "bulk_mailer", "claims_high_priority", "message_id_missing", "message_id_malformed",
    ),
    "each source has its own kind of recipient": (
        "subject_names_recipient", "message_id_by_recipient", "author_shares_recipient_domain", "author_is_recipient",
        "recipient_name_is_address", "recipients_undisclosed", "text_greets_address",
        "display_name_says_recipient_domain",
    ),
    "it tells the year or the length of a source's mail": (
        "size_log", "html_size_log", "text_words", "words_per_link", "link_https_share", "text_foreign_share",
        "subject_foreign_share", "language_is_english",
    ),
    "it needs a directory": (
        "author_near_own_domain", "author_contains_own_name", "employee_name_from_outside", "vip_name_from_outside",
        "display_name_says_own_organisation", "author_is_partner", "link_near_own_domain",
    ),
}  # fmt: skip


def left_out() -> dict[str, str]:
    """Reason by signal name."""
    return {name: reason for reason, names in LEAKS.items() for name in names}


def seen_by_trees(signal_set: SignalSet) -> tuple[str, ...]:
    """Names of the signals that the trees may read, in the set's order."""
    leaks = left_out()
    return tuple(s.name for s in signal_set.signals if s.name not in leaks and s.family not in FAMILIES)
