"""Which attack a message is best explained by: the tags of the signals that fired, and nothing hidden."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorelane.signals import Signal, SignalSet

CATEGORIES = ("credential_phishing", "bec", "callback", "advance_fee", "extortion", "malware", "spam")
TAGS: Mapping[str, str] = {
    "phishing": "credential_phishing",
    "invoice_fraud": "bec",
    "job_scam": "advance_fee",
    "romance": "advance_fee",
    "investment": "spam",
} | {name: name for name in CATEGORIES}
"""What the signals' tags mean here; `spoofing` alone says nothing of what the author wants."""
STYLE = frozenset({
    "text_upper_share", "subject_upper_share", "text_exclamations", "text_money_signs", "subject_exclamations",
    "plain_and_html_agree", "hidden_text_share", "hidden_text_kinds", "subject_names_recipient", "text_greets_address",
    "generic_greeting", "urgency_language", "department_sign_off", "document_lure_language", "call_to_action_language",
})  # fmt: skip
"""Signals of how a message is written, whose tags say that an attack may look so: they support half as much."""
CERTAIN = frozenset({
    "attached_program", "attached_script", "attached_disk_image", "attached_macro_file", "office_macro_traces",
    "archive_first_name_runs", "archive_encrypted", "html_smuggling", "attachment_double_ending", "link_to_program",
    "attachment_name_disguised", "archive_with_password_in_text", "html_password_field", "shows_coin_address",
    "callback_language", "gift_card_language", "payroll_language", "payment_change_language",
})  # fmt: skip
"""Signals of one attack's own means; they and every `..._pattern` support twice as much."""
LEAST_SUPPORT = 1.0
MOST_COUNT = 3.0
"""Counts beyond this say no more."""


@lru_cache(maxsize=8)
def _votes(signal_set: SignalSet) -> npt.NDArray[np.float64]:
    """(signals, categories): a signal's voice, split over the categories that it is tagged with."""
    table = np.zeros((len(signal_set), len(CATEGORIES)))
    for row, signal in enumerate(signal_set.signals):
        known = sorted({TAGS[tag] for tag in signal.attacks if tag in TAGS})
        for name in known:
            table[row, CATEGORIES.index(name)] = _voice(signal) / len(known)
    return table


def _voice(signal: Signal) -> float:
    if signal.name in CERTAIN or signal.name.endswith("_pattern"):
        return 2.0
    if signal.monotone == 0 and signal.family in ("urls", "identity", "route"):
        return 0.1  # properties that links and senders of any kind have
    return 0.5 if signal.name in STYLE else 1.0


def categorise(matrix: npt.NDArray[np.float32], signal_set: SignalSet) -> list[str | None]:
    """Best-supported category of each row, or None where no category has enough support.

    A signal supports with the logarithm of its value, so that a phrase found three times counts twice. Shares
    count as what they are: half the links support half as much.
    """
    fired = np.log2(1 + np.clip(np.nan_to_num(matrix, nan=0.0), 0, MOST_COUNT))
    support = fired @ _votes(signal_set)
    best = support.argmax(axis=1)
    return [
        CATEGORIES[index] if support[row, index] >= LEAST_SUPPORT else None for row, index in enumerate(best.tolist())
    ]


def evidence(row: npt.NDArray[np.float32], signal_set: SignalSet, category: str) -> list[str]:
    """Names of the signals that speak for a category in one vector, strongest first."""
    return list(support(row, signal_set, category))


def support(row: npt.NDArray[np.float32], signal_set: SignalSet, category: str) -> dict[str, float]:
    """How much each signal speaks for a category in one vector, strongest first; signals that are silent are left out.

    A category needs LEAST_SUPPORT in sum, and more than any other.
    """
    fired = np.log2(1 + np.clip(np.nan_to_num(row, nan=0.0), 0, MOST_COUNT))
    said = (fired * _votes(signal_set)[:, CATEGORIES.index(category)]).tolist()
    strongest = sorted(range(len(said)), key=lambda at: -said[at])
    return {signal_set.names[at]: said[at] for at in strongest if said[at] > 0}
