"""A model bundle: a folder that is loaded whole or refused with the reason."""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

# LightGBM's OpenMP threads hang in a child forked after they ran; a chunk is too small to need them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightgbm
import msgspec
import numpy as np
import numpy.typing as npt

from scorelane.scoring.additive import Table
from scorelane.scoring.errors import BundleMismatch
from scorelane.scoring.text_model import TextModel
from scorelane.scoring.tokens import EDITION
from scorelane.signals import SignalSet, signal_set

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT = 2
SHIPPED = Path(__file__).resolve().parent / "bundles"
GOLDEN_TOLERANCE = 1e-9
TEXT_MOST = 6.0
"""Log-odds of the text that are added to the trees beside the text column, at most."""


@dataclass(frozen=True)
class Bundle:
    """Everything that turns a vector into a score."""

    path: Path
    name: str
    digest: str
    """Hex SHA-256 over the manifest, which names the digest of every file."""
    signal_set: SignalSet
    seen_by_trees: npt.NDArray[np.intp]
    """Columns of the signal set that the trees read, in the trees' order."""
    boosters: tuple[lightgbm.Booster, ...]
    """Of different seeds; their mean is the raw score."""
    text_model: TextModel
    text_share: float
    """Part of the text's log-odds that is added to what the trees say."""
    additive: Table
    slope: float
    intercept: float
    """Calibration: log-odds = slope * (trees + text share) + intercept, plus what the additive table says."""
    thresholds: Mapping[str, float]
    """Log-odds: `flag` at the stated false-positive budget, `suspect` at ten times it."""

    @classmethod
    def load(cls, path: str | Path) -> Bundle:
        """The bundle in a folder. Raises BundleMismatch saying what does not fit."""
        folder = Path(path)
        sealed, manifest = _manifest(folder)
        try:
            return cls._made(folder, sealed, manifest)
        except KeyError as fault:
            raise BundleMismatch(f"bundle {folder.name}: its manifest names no {fault.args[0]}") from fault
        except (TypeError, ValueError, lightgbm.basic.LightGBMError) as fault:
            raise BundleMismatch(f"bundle {folder.name}: a file or value of the wrong type: {fault}") from fault

    @classmethod
    def _made(cls, folder: Path, sealed: bytes, manifest: dict[str, Any]) -> Bundle:
        files = _files(folder, manifest["files"])
        _check_signals(folder.name, manifest["signals"])
        names = [entry["name"] for entry in manifest["signals"]]
        bundle = cls(
            path=folder.resolve(),
            name=manifest["name"],
            digest=hashlib.sha256(sealed).hexdigest(),
            signal_set=signal_set(names),
            seen_by_trees=np.array([names.index(name) for name in manifest["trees"]], np.intp),
            boosters=tuple(lightgbm.Booster(model_str=files[file].decode()) for file in manifest["boosters"]),
            text_model=TextModel.read(files["text.bin"], **manifest["text"]),
            text_share=manifest["text_share"],
            additive=msgspec.convert({"rows": manifest["additive"]}, Table),
            slope=manifest["calibration"]["slope"],
            intercept=manifest["calibration"]["intercept"],
            thresholds={name: float(manifest["thresholds"][name]) for name in ("flag", "suspect")},
        )
        bundle._check_model(manifest["trees"], files["golden.npz"])
        return bundle

    def predict(
        self, matrix: npt.NDArray[np.float32], text_log_odds: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Log-odds of each row; NaN is missing, and the model was trained with it."""
        seen = columns(matrix[:, self.seen_by_trees], text_log_odds)
        said = self.additive.parts(matrix, self.signal_set.names).sum(axis=1)
        raw = raw_score(self.boosters, seen) + self.text_part(text_log_odds)
        return np.asarray(self.slope * raw + self.intercept + said)

    def text_part(self, text_log_odds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What the text adds beside the trees, in raw log-odds."""
        stored = np.clip(text_log_odds.astype(np.float32).astype(np.float64), -TEXT_MOST, TEXT_MOST)
        return np.asarray(self.text_share * np.nan_to_num(stored, nan=0.0))

    def tree_parts(
        self, matrix: npt.NDArray[np.float32], text_log_odds: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """TreeSHAP in raw log-odds: (rows, columns of the trees + text + base); each row sums to its raw score."""
        seen = columns(matrix[:, self.seen_by_trees], text_log_odds)
        found = [np.asarray(one.predict(seen, pred_contrib=True, num_threads=1), np.float64) for one in self.boosters]
        return np.asarray(sum(found) / len(found))

    def _check_model(self, trees: list[str], golden_rows: bytes) -> None:
        for booster in self.boosters:
            if booster.feature_name() != [*trees, "text_log_odds"]:
                raise BundleMismatch(f"bundle {self.name}: the model's columns are not those that the manifest names")
        self.additive.check(self.name, self.signal_set)
        with np.load(io.BytesIO(golden_rows)) as golden:
            matrix, text, wanted = golden["matrix"], golden["text_log_odds"], golden["log_odds"]
        if matrix.shape[1:] != (len(self.signal_set),) or matrix.dtype != np.float32:
            raise BundleMismatch(
                f"bundle {self.name}: golden rows are {matrix.dtype} of {matrix.shape[1:]}, "
                f"expected float32 of ({len(self.signal_set)},)"
            )
        worst = float(np.abs(self.predict(matrix, text) - wanted).max())
        if not worst <= GOLDEN_TOLERANCE:
            raise BundleMismatch(f"bundle {self.name}: golden rows score {worst:g} log-odds away from what was written")


def raw_score(boosters: Sequence[lightgbm.Booster], seen: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean raw score of the boosters, always summed in their order."""
    found = [np.asarray(one.predict(seen, raw_score=True, num_threads=1), np.float64) for one in boosters]
    return np.asarray(sum(found) / len(found))


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
    files = sorted(path.name for path in folder.iterdir() if path.name != "manifest.json")
    content = {
        "format": FORMAT,
        "tokens": EDITION,
        **content,
        "files": {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files},
    }
    (folder / "manifest.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def _manifest(folder: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        sealed = (folder / "manifest.json").read_bytes()
        manifest = json.loads(sealed)
    except (OSError, ValueError) as fault:
        raise BundleMismatch(f"{folder} is no bundle: its manifest.json cannot be read") from fault
    if not isinstance(manifest, dict):
        raise BundleMismatch(f"{folder} is no bundle: its manifest.json holds no object")
    if manifest.get("format") != FORMAT or manifest.get("tokens") != EDITION:
        raise BundleMismatch(
            f"bundle {folder.name}: format {manifest.get('format')} and tokens {manifest.get('tokens')}, "
            f"this code reads {FORMAT} and {EDITION}"
        )
    return sealed, manifest


def _files(folder: Path, wanted: dict[str, str]) -> dict[str, bytes]:
    """Content of every file, each read once: what was checked is what is used, whoever writes there meanwhile."""
    found = {file: _read(folder / file) for file in wanted}
    for file, digest in wanted.items():
        content = found[file]
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            raise BundleMismatch(f"bundle {folder.name}: {file} is not the file that the manifest names")
    return {file: content for file, content in found.items() if content is not None}


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


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
