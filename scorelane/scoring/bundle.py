"""A model bundle: a folder that is loaded whole or refused with the reason."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

# LightGBM's OpenMP threads hang in a child forked after they ran; a chunk is too small to need them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightgbm
import numpy as np
import numpy.typing as npt

from scorelane.scoring.errors import BundleMismatch
from scorelane.scoring.text_model import TextModel
from scorelane.scoring.tokens import EDITION
from scorelane.signals import SignalSet, signal_set

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
SHIPPED = Path(__file__).resolve().parent / "bundles"
FILES = ("model.txt", "text.bin", "golden.npz")
GOLDEN_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Bundle:
    """Everything that turns a vector into a score."""

    path: Path
    name: str
    digest: str
    """Hex SHA-256 over the manifest, which names the digest of every file."""
    signal_set: SignalSet
    booster: lightgbm.Booster
    text_model: TextModel
    slope: float
    intercept: float
    """Calibration: log-odds = slope * raw + intercept."""
    thresholds: Mapping[str, float]
    """Log-odds: `flag` at the stated false-positive budget, `suspect` at ten times it."""

    @classmethod
    def load(cls, path: str | Path) -> Bundle:
        """The bundle in a folder. Raises BundleMismatch saying what does not fit."""
        folder = Path(path)
        manifest = _manifest(folder)
        for file, wanted in manifest["files"].items():
            found = _digest(folder / file)
            if found != wanted:
                raise BundleMismatch(f"bundle {folder.name}: {file} is not the file that the manifest names")
        _check_signals(folder.name, manifest["signals"])
        bundle = cls(
            path=folder.resolve(),
            name=manifest["name"],
            digest=hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest(),
            signal_set=signal_set([entry["name"] for entry in manifest["signals"]]),
            booster=lightgbm.Booster(model_file=str(folder / "model.txt")),
            text_model=TextModel.load(folder / "text.bin", **manifest["text"]),
            slope=manifest["calibration"]["slope"],
            intercept=manifest["calibration"]["intercept"],
            thresholds=manifest["thresholds"],
        )
        bundle._check_model()
        return bundle

    def predict(
        self, matrix: npt.NDArray[np.float32], text_log_odds: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Calibrated log-odds of each row; NaN is missing, and the model was trained with it."""
        raw = self.booster.predict(columns(matrix, text_log_odds), raw_score=True, num_threads=1)
        return self.slope * np.asarray(raw, np.float64) + self.intercept

    def contributions(
        self, matrix: npt.NDArray[np.float32], text_log_odds: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """TreeSHAP in calibrated log-odds: (rows, signals + text + base), each row sums to its log-odds."""
        raw = self.booster.predict(columns(matrix, text_log_odds), pred_contrib=True, num_threads=1)
        out = np.asarray(raw, np.float64) * self.slope
        out[:, -1] += self.intercept
        return out

    def _check_model(self) -> None:
        wanted = [*self.signal_set.names, "text_log_odds"]
        if self.booster.feature_name() != wanted:
            raise BundleMismatch(f"bundle {self.name}: the model's columns are not its signal set's, in that order")
        with np.load(self.path / "golden.npz") as golden:
            found = self.predict(golden["matrix"], golden["text_log_odds"])
            worst = float(np.abs(found - golden["log_odds"]).max())
        if not worst <= GOLDEN_TOLERANCE:
            raise BundleMismatch(f"bundle {self.name}: golden rows score {worst:g} log-odds away from what was written")


def columns(matrix: npt.NDArray[np.float32], text_log_odds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What the trees see: the signals, then the text model's log-odds rounded as a vector stores it."""
    return np.column_stack((matrix, text_log_odds.astype(np.float32))).astype(np.float64)


def default_bundle_path() -> Path:
    """The bundle that ships: the newest by name."""
    found = sorted(folder for folder in SHIPPED.glob("*") if (folder / "manifest.json").exists())
    if not found:
        raise BundleMismatch(f"no bundle in {SHIPPED}; train one with: scorelane model train")
    return found[-1]


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Close a bundle: the manifest names the digest of every file."""
    content = {
        "format": FORMAT,
        "tokens": EDITION,
        **content,
        "files": {file: _digest(folder / file) for file in FILES},
    }
    (folder / "manifest.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as fault:
        raise BundleMismatch(f"{folder} is no bundle: its manifest.json cannot be read") from fault
    if manifest.get("format") != FORMAT or manifest.get("tokens") != EDITION:
        raise BundleMismatch(
            f"bundle {folder.name}: format {manifest.get('format')} and tokens {manifest.get('tokens')}, "
            f"this code reads {FORMAT} and {EDITION}"
        )
    return manifest


def _check_signals(name: str, wanted: list[dict[str, Any]]) -> None:
    known = {signal.name: signal.version for signal in signal_set().signals}
    for entry in wanted:
        version = known.get(entry["name"])
        if version is None:
            raise BundleMismatch(f"bundle {name}: signal {entry['name']} is not in this code")
        if version != entry["version"]:
            raise BundleMismatch(
                f"bundle {name}: signal {entry['name']} was version {entry['version']}, this code has {version}"
            )


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return "missing"
