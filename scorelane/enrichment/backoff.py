"""When to ask again: exponential with full jitter, never sooner than the provider said.

Source: Brooker 2015, "Exponential Backoff And Jitter".
"""

from __future__ import annotations

import random

BASE_S = 2.0
MOST_S = 900.0
MOST_DOUBLINGS = 12
LEAST_S = 0.25
MOST_RETRY_AFTER_S = 86_400.0


def delay_s(
    attempts: int, retry_after_s: float | None = None, *, base_s: float = BASE_S, most_s: float = MOST_S
) -> float:
    """Seconds before the next attempt after `attempts` failed ones (1 or more).

    Uniform in (0, min(most, base * 2^attempts)); with Retry-After that long at least, spread over a tenth more.
    """
    spread = random.random()  # noqa: S311 - spreads load, hides nothing
    if retry_after_s is not None:
        asked = min(max(retry_after_s, 0.0), MOST_RETRY_AFTER_S)
        return asked + spread * max(1.0, asked / 10)
    return max(LEAST_S, spread * min(most_s, base_s * 2.0 ** min(attempts, MOST_DOUBLINGS)))
