"""Bundles as every process finds them: by digest, from their folder where it is there, else from the database.

Call `store` with a loaded bundle, and `load` with what a pointer names. No worker needs a folder that others share.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import zstandard

from db import bundles
from scorelane.scoring import Bundle, BundleMismatch

if TYPE_CHECKING:
    from db.session import Connection

MOST_BYTES = 64 * 1024 * 1024
"""Of a bundle's files together: what ships is a fortieth of it."""


def store(connection: Connection, bundle: Bundle) -> None:
    """Make a bundle known, with its content. Raises BundleMismatch for one that is too large to store."""
    stored = bundles.has_content(connection, bundle.digest)
    bundles.register(
        connection,
        digest=bundle.digest,
        name=bundle.name,
        path=str(bundle.path),
        signal_set=bundle.signal_set.hash,
        content=None if stored else pack(bundle.path),
    )


def load(connection: Connection, digest: str, path: str | Path) -> Bundle:
    """The bundle of a digest, every check of `Bundle.load` passed. Raises BundleMismatch saying what does not fit.

    A folder that was damaged since it was stored does no harm while what is stored is whole.
    """
    damage: BundleMismatch | None = None
    if _is_in(Path(path), digest):
        try:
            return Bundle.load(path)
        except BundleMismatch as fault:
            damage = fault
    bundle = load_content(connection, digest)
    if bundle is None:
        raise damage or BundleMismatch(
            f"bundle {digest[:12]} is not in {path}, and its content is not stored; "
            "give its folder to: scorelane model promote FOLDER"
        )
    return bundle


def load_content(connection: Connection, digest: str) -> Bundle | None:
    """The bundle from what is stored, as a process loads it that has no folder; None where nothing is stored."""
    content = bundles.content(connection, digest)
    if content is None:
        return None
    with tempfile.TemporaryDirectory(prefix="scorelane-bundle-") as parent:
        folder = Path(parent) / digest[:12]
        folder.mkdir()
        unpack(content, folder)
        bundle = Bundle.load(folder)
    if bundle.digest != digest:
        raise BundleMismatch(f"what is stored as bundle {digest[:12]} is bundle {bundle.digest[:12]}")
    return bundle


def pack(folder: Path) -> bytes:
    """A folder's files as one piece, the same for the same files. Raises BundleMismatch above MOST_BYTES."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    size = sum(path.stat().st_size for path in files)
    if size > MOST_BYTES:
        raise BundleMismatch(f"bundle {folder.name} has {size:,} bytes; at most {MOST_BYTES:,} can be stored")
    content = {path.name: path.read_bytes() for path in files}
    return zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(content))


def unpack(content: bytes, folder: Path) -> None:
    """Write what `pack` made into an empty folder. Raises BundleMismatch for anything else."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(content, max_output_size=2 * MOST_BYTES)
        files = msgspec.msgpack.decode(raw, type=dict[str, bytes])
    except (zstandard.ZstdError, msgspec.MsgspecError) as fault:
        raise BundleMismatch(f"the stored content of a bundle is damaged: {fault}") from fault
    for name, file in files.items():
        if name != Path(name).name or name in ("", ".", ".."):
            raise BundleMismatch(f"the stored content of a bundle names a file outside of it: {name[:80]!r}")
        (folder / name).write_bytes(file)


def _is_in(folder: Path, digest: str) -> bool:
    try:
        return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == digest
    except OSError:
        return False
