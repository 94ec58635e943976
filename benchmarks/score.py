"""What scoring costs once a message is parsed and measured: text model, predict, shadow, policy, explanation."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from mail import load
from rich.console import Console
from rich.table import Table

from scorelane.mail import parse
from scorelane.scoring import Bundle, Policy, Scorer, default_bundle_path, explain, read_by_model
from scorelane.scoring.text_model import log_odds_of
from scorelane.signals import compute_chunk

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES = 4_000
CHUNKS = (1, 64, 512)
ROUNDS = 5
EXPLAINED = 100
BUDGET_US = 150
US = 1_000_000


def main() -> None:
    """One table: microseconds of processor time a message, the middle of ROUNDS rounds."""
    mail = load("trec07p", int(os.environ.get("MESSAGES", MESSAGES)))
    bundle = Bundle.load(default_bundle_path())
    scorer = Scorer(bundle, Policy.from_bundle(bundle))
    messages = [parse(one.raw, received_at=one.received_at) for one in mail.messages]
    matrix, statuses = compute_chunk(messages, set_=bundle.signal_set)
    text = log_odds_of(bundle.text_model, messages)

    def words(begin: int, end: int) -> None:
        log_odds_of(bundle.text_model, messages[begin:end])

    def predict(begin: int, end: int) -> None:
        bundle.predict(matrix[begin:end], text[begin:end])

    def judge(begin: int, end: int) -> None:
        scorer.judge(matrix[begin:end], statuses[begin:end], text[begin:end])

    table = Table(title=f"{bundle.name}, {mail.title}", title_justify="left")
    for name in ("us a message", *(f"chunks of {chunk}" for chunk in CHUNKS)):
        table.add_column(name, justify="left" if name == "us a message" else "right")
    costs = {step.__name__: [_cost(step, len(messages), chunk) for chunk in CHUNKS] for step in (words, predict, judge)}
    together = [a + b for a, b in zip(costs["words"], costs["predict"], strict=True)]
    for name, found in (
        ("text model", costs["words"]),
        ("predict: trees, additive table, calibration", costs["predict"]),
        (f"text model and predict together (at most {BUDGET_US} is wanted)", together),
        ("predict, category and verdict", costs["judge"]),
    ):
        table.add_row(name, *(f"{cost:.1f}" for cost in found))
    started = time.process_time()
    for at in range(min(EXPLAINED, len(messages))):
        explain(bundle, matrix[at], float(text[at]), read_by_model(messages[at]), messages[at])
    spent = (time.process_time() - started) / min(EXPLAINED, len(messages)) * US
    table.add_row("explanation, computed when first read", f"{spent:.0f}", "", "")
    Console().print(table)


def _cost(step: Callable[[int, int], None], messages: int, chunk: int) -> float:
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for begin in range(0, messages, chunk):
            step(begin, begin + chunk)
        rounds.append((time.process_time() - started) / messages * US)
    return float(np.median(rounds))


if __name__ == "__main__":
    main()
