"""Where a message wants its reader to click, against what the tenant has seen before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import signal

if TYPE_CHECKING:
    from scorelane.signals.context import History


@signal(
    version=2, missing="history unknown, or no link says click, log in or the like", attacks=("phishing",), monotone=1
)
def call_to_action_beside_new_domain(history: History, call_to_action_leaves_author: float | None) -> float | None:
    """1 when a "click here" leads outside the author's domain and the tenant never saw one of the link domains."""
    if call_to_action_leaves_author is None or history.link_domain_min_count is None:
        return None
    return float(call_to_action_leaves_author > 0 and history.link_domain_min_count == 0)
