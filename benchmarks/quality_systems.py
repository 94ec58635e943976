"""The systems that are compared: each learns from raw messages with labels and scores raw messages."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from scorelane.scoring.training.fit import Trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.scoring.training.corpus import Dataset

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

READ_BYTES = 4_000
BUCKETS = 1 << 20
_BASE = np.uint32(0x01000193)
# Written by the receiving side, or by lists and archives on the way to where the source was collected.
_RECEIVER = re.compile(
    rb"^(?:from |(?:received|return-path|delivered-to|x-original-to|envelope-to|x-envelope-.*|authentication-results"
    rb"|arc-.*|received-spf|x-spam-.*|x-virus-.*|x-google-.*|x-gm-.*|x-received|status|x-status|content-length|lines"
    rb"|x-keywords|x-uid|x-mozilla-.*|x-barracuda-.*|x-ms-exchange-.*|x-forefront-.*|list-.*|precedence|errors-to"
    rb"|x-mailman-version|x-beenthere|archived-at|x-loop|x-mailing-list|x-message-id-hash)[ \t]*:)",
    re.IGNORECASE,
)


class System(Protocol):
    """Something that learns and scores."""

    name: str

    def scores(self, learn: Mask, judge: Mask) -> Floats:
        """Scores of the judged messages, in order, after learning from others; higher is worse."""


class Scorelane:
    """This project's model, trained as the shipped one is."""

    name = "scorelane"

    def __init__(self, data: Dataset) -> None:
        """Take vectors and words of all messages."""
        self.trainer = Trainer(data)

    def scores(self, learn: Mask, judge: Mask) -> Floats:
        """Raw scores: calibration changes no order."""
        return self.trainer.fit(learn)[1][judge]


class Bogofilter:
    """Debian's bogofilter with its own defaults, trained on everything that is learnt."""

    name = "bogofilter"

    def __init__(self, raws: Sequence[bytes], unwanted: Mask) -> None:
        """Write the messages once, a file each."""
        self._folder = tempfile.TemporaryDirectory(prefix="quality-")
        self._unwanted = unwanted
        self._paths = []
        for number, raw in enumerate(raws):
            path = Path(self._folder.name) / f"{number:06}"
            path.write_bytes(raw)
            self._paths.append(f"{path}\n")

    def scores(self, learn: Mask, judge: Mask) -> Floats:
        """Log-odds of bogofilter's spamicity."""
        with tempfile.TemporaryDirectory(prefix="quality-") as lists:
            for flag, chosen in (("-n", learn & ~self._unwanted), ("-s", learn & self._unwanted)):
                subprocess.run(["bogofilter", "-d", lists, flag, "-b"], input=self._listing(chosen), check=True)
            told = subprocess.run(
                ["bogofilter", "-d", lists, "-T", "-b"], input=self._listing(judge), capture_output=True, check=False
            )
        found = [float(line.rsplit(b" ", 1)[1]) for line in told.stdout.splitlines()]
        assert len(found) == int(judge.sum()), told.stderr.decode()
        return np.array(found)

    def _listing(self, chosen: Mask) -> bytes:
        return "".join(self._paths[at] for at in np.flatnonzero(chosen)).encode()


class Bytes:
    """Logistic regression on hashed byte 4-grams of the first bytes."""

    def __init__(self, raws: Sequence[bytes], unwanted: Mask, *, is_stripped: bool) -> None:
        """Hash the messages once."""
        self.name = "4-grams, stripped" if is_stripped else "4-grams, unstripped"
        self._unwanted = unwanted
        read = [(stripped(raw) if is_stripped else raw)[:READ_BYTES] for raw in raws]
        found = [_buckets(raw) for raw in read]
        starts = np.cumsum([0, *(len(one) for one in found)])
        values = np.concatenate([np.full(len(one), 1 / np.sqrt(max(len(one), 1)), np.float32) for one in found])
        self._features: Any = sparse.csr_matrix((values, np.concatenate(found), starts), shape=(len(raws), BUCKETS))

    def scores(self, learn: Mask, judge: Mask) -> Floats:
        """Log-odds."""
        model = LogisticRegression(C=100.0, solver="lbfgs", max_iter=60, tol=1e-3)
        model.fit(self._features[learn], self._unwanted[learn])
        return np.asarray(model.decision_function(self._features[judge]))


def _buckets(raw: bytes) -> npt.NDArray[np.int32]:
    data = np.frombuffer(raw, np.uint8).astype(np.uint32)
    if len(data) < 4:
        return np.zeros(0, np.int32)
    grams = data[:-3] | data[1:-2] << np.uint32(8) | data[2:-1] << np.uint32(16) | data[3:] << np.uint32(24)
    mixed = (grams ^ (grams >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    return np.unique(((mixed ^ (mixed >> np.uint32(12))) % np.uint32(BUCKETS)).astype(np.int32))


def stripped(raw: bytes) -> bytes:
    """A message without the headers that the receiving side added, and what continues them."""
    head, gap, body = raw.partition(b"\n\n") if b"\r\n\r\n" not in raw else raw.partition(b"\r\n\r\n")
    kept, skipping = [], False
    for line in head.split(b"\n"):
        if not (line[:1] in b" \t" and line[:1]):
            skipping = _RECEIVER.match(line) is not None
        if not skipping:
            kept.append(line)
    return b"\n".join(kept) + gap + body
