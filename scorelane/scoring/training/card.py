"""The model card: what a bundle was trained on, what it is worth, and where it fails, from its own figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scorelane.scoring.training.fit import FLAG_RATE, SUSPECT_RATE
from scorelane.scoring.training.leaks import FAMILIES, LEAKS
from scorelane.scoring.training.models import TEXT_C, TEXT_SHARE

if TYPE_CHECKING:
    from scorelane.scoring.training.corpus import Dataset
    from scorelane.scoring.training.fit import Fitted
    from scorelane.scoring.training.models import Recipe

LIMITS = """- Wanted mail in the training sources is mostly technical list mail; ordinary and bulk mail is scarce, and
  generated mail stands in for part of it. News, alerts and receipts of senders that nobody saw are what it flags first.
- Authentication, history, facts and the directory come from the additive table, whose figures are judgement, not data.
- Languages other than English are known from few real messages.
- Attachments: the public mail holds few, so attachment signals are learnt mostly from generated mail.
- A label may be wrong: about 3 % of the list spam, and some wanted list mail is spam by any reading.
"""

INTERVALS = """Intervals here and below are of 95 %, from campaigns drawn again with replacement (wanted and unwanted
apart, so that a threshold moves with the mail that it is taken from): copies of one mail count once. Where nothing or
everything is flagged, they are Wilson's of as many trials as there are campaigns."""

CHOSEN = """Some thirty recipes were compared as `make bench-quality` compares systems: each source left out in turn,
the rest learnt but for a third of its campaigns. What each gave is in docs/decisions/2026-11-24-the-shipped-recipe.md.
TREC07p joined no training, but its wanted mail was among what recipes were judged by, so its figures flatter.
About eight wanted messages of lists_modern are spam by any reading and set its 0.1 %. With two seeds the figures of
unseen sources move by a hundredth or two."""


def written(name: str, fitted: Fitted, data: Dataset, metrics: dict[str, Any]) -> str:
    """Markdown of the card."""
    lines = [
        f"# {name}",
        "",
        "Probability that a message is unwanted: words by logistic regression, signals and the words' score by",
        f"{len(fitted.model.boosters)} boosted tree ensembles, and a monotone additive table.",
        "",
        f"Data digest `{data.digest}`.",
        f"Flag from {fitted.thresholds['flag']:.3f} log-odds, suspect from {fitted.thresholds['suspect']:.3f}:",
        f"the budget is {FLAG_RATE:.1%} and {SUSPECT_RATE:.0%} of the real wanted mail below, each message judged by",
        "a model that did not see its campaign but did see its source. Sources not seen have a table of their own.",
        "",
        *_recipe(fitted.recipe),
        "## Data",
        "",
        "| source | wanted | unwanted |",
        "|---|---|---|",
    ]
    for source in np.unique(data.sources):
        mine = data.sources == source
        lines.append(f"| {source} | {int((mine & ~data.unwanted).sum())} | {int((mine & data.unwanted).sum())} |")
    lines += [
        "",
        "## Each source, left out of training",
        "",
        INTERVALS,
        "",
        *_left_out(metrics["leave_one_source_out"]),
    ]
    for title, key in (
        ("Flagged in campaigns not seen", "unseen_campaigns_at_flag"),
        (
            "Flagged in the last fifth of each source, after learning from earlier mail of other campaigns",
            "later_mail_at_flag",
        ),
        ("Flagged in sources not seen", "unseen_sources_at_flag"),
    ):
        lines += ["", f"## {title}", "", "| mail | flagged | 95 % | messages |", "|---|---|---|---|"]
        lines += [f"| {kind} | {_rate(found)} | {found['of']} |" for kind, found in metrics[key].items()]
    if fitted.empty:
        lines += ["", "## Not learnt", "", f"No value in any message: {', '.join(fitted.empty)}."]
    lines += ["", *_without(metrics), "## Source probe", ""]
    lines += ["Strongest single signals that tell two sources of wanted mail apart, of those in the trees:", ""]
    lines += [
        f"- {row['signal']}: {' and '.join(row['sources'])}, AUC {row['area']}" for row in metrics["source_probe"]
    ]
    lines += ["", "Left out of the trees:", ""]
    lines += [f"- {reason}: {', '.join(names)}" for reason, names in LEAKS.items()]
    lines += [f"- family {family}: {reason}" for family, reason in FAMILIES.items()]
    return "\n".join([*lines, "", "## Known limits", "", LIMITS])


def _recipe(recipe: Recipe) -> list[str]:
    rows = {**recipe._asdict(), "text C": TEXT_C, "text share": TEXT_SHARE}
    return ["## Recipe", "", *(f"- {name}: {value}" for name, value in rows.items()), "", CHOSEN, ""]


def _left_out(rows: dict[str, Any]) -> list[str]:
    head = (
        "source",
        "1-AUC %",
        "recall at 0.1 % of others' wanted",
        "own wanted flagged there",
        "recall at 0.1 % of own",
    )
    out = [f"| {' | '.join(head)} |", "|---|---|---|---|---|"]
    for source, row in rows.items():
        others = row.get("at_0.001_of_other_wanted", {})
        own = row.get("at_0.001_of_own_wanted", {}).get("recall")
        cells = [_area(row), _cell(others.get("recall")), _cell(others.get("flagged")), _cell(own)]
        out.append(f"| {source} | {' | '.join(cells)} |")
    return out


def _without(metrics: dict[str, Any]) -> list[str]:
    found = metrics.get("without_generated_mail")
    if not found:
        return []
    lines = [
        "## Without generated mail",
        "",
        "The same figures of the same model trained without the generated mail:",
        "",
    ]
    return [*lines, *_left_out(found["leave_one_source_out"]), ""]


def _area(row: dict[str, Any]) -> str:
    if row["lost_area_percent"] is None:
        return "-"
    low, high = row["lost_area_interval"]
    return f"{row['lost_area_percent']:.3f} ({low:.3f} to {high:.3f})"


def _cell(found: dict[str, Any] | None) -> str:
    if not found or found["rate"] is None:
        return "-"
    return f"{found['rate']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _rate(found: dict[str, Any]) -> str:
    return f"{found['rate']:.4f} | {found['low']:.4f} to {found['high']:.4f}"
