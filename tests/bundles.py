"""Bundles to test with, made of the shipped one."""

from __future__ import annotations

import json
import shutil

import numpy as np

from scorelane.scoring import default_bundle_path
from scorelane.scoring.bundle import write_manifest


def shifted(folder, by, *, mutes_words=False):
    """The shipped bundle with `by` added to each log-odds, in a new folder whose name is the bundle's.

    With `mutes_words` its text model says the intercept of every text, so that no part of it is the shipped one's.
    """
    shutil.copytree(default_bundle_path(), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["calibration"]["intercept"] += by
    with np.load(folder / "golden.npz") as golden:
        rows = {name: golden[name] for name in golden.files}
    rows["log_odds"] = rows["log_odds"] + by
    np.savez(folder / "golden.npz", **rows)
    if mutes_words:
        (folder / "text.bin").write_bytes(bytes((folder / "text.bin").stat().st_size))
    content = {name: value for name, value in manifest.items() if name not in ("format", "tokens", "files")}
    write_manifest(folder, {**content, "name": folder.name})
    return folder
