"""Why a stored revision has its score: computed when first read, then stored.

Call `read`. It is a pure function of vector, words and bundle, and costs milliseconds, many times a score.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import zstandard

from db import bases, explanations, messages
from scorelane import stored_bundles
from scorelane.mail import parse
from scorelane.scoring import BundleMismatch, Explanation, explain, own_columns, read_by_model

if TYPE_CHECKING:
    from uuid import UUID

    from db.session import Connection
    from scorelane.mail import Message
    from scorelane.scoring import Bundle

MOST_BUNDLES = 4
MOST_RAW_BYTES = 64 * 1024 * 1024


class Gone(Exception):
    """This revision cannot be explained any more; the text says what is missing."""


_bundles: dict[str, Bundle] = {}
_lock = threading.Lock()


def read(connection: Connection, message_id: UUID, revision: int) -> Explanation:
    """Terms in log-odds that sum to the revision's score. Raises Gone; writes at most the explanation itself."""
    stored = explanations.find(connection, message_id, revision)
    if stored is not None:
        return msgspec.msgpack.decode(stored, type=Explanation)
    basis = explanations.basis(connection, message_id, revision)
    if basis is None:
        raise Gone(f"there is no revision {revision} of this message")
    if basis.vector is None:
        raise Gone("the vector of this revision is no longer stored")
    bundle = load_bundle(connection, basis.bundle, basis.bundle_path)
    columns = bases.signals(connection, basis.signal_set or "")
    if columns is None:
        raise Gone("the signal set of this revision's vector is no longer known")
    wording = float("nan") if basis.text_log_odds is None else basis.text_log_odds
    row = own_columns(bundle, np.frombuffer(basis.vector, "<f4")[np.newaxis, :], columns[0])[0]
    message = _message(connection, message_id)
    # Where the raw mail has expired the terms still sum, and neither words nor places are named.
    explanation = explain(bundle, row, wording, "" if message is None else read_by_model(message), message)
    explanations.store(connection, basis.tenant_id, message_id, revision, msgspec.msgpack.encode(explanation))
    return explanation


def _message(connection: Connection, message_id: UUID) -> Message | None:
    """The message, parsed again; None where the raw mail has expired."""
    raw = messages.raw(connection, message_id)
    if raw is None:
        return None
    content = zstandard.ZstdDecompressor().decompress(raw[0], max_output_size=MOST_RAW_BYTES)
    return parse(content, received_at=raw[1])


def load_bundle(connection: Connection, digest: str, path: str | None) -> Bundle:
    """A bundle by its digest, kept once loaded. Raises Gone."""
    with _lock:
        if digest not in _bundles:
            if path is None:
                raise Gone(f"bundle {digest[:12]} is not registered any more")
            try:
                bundle = stored_bundles.load(connection, digest, path)
            except (BundleMismatch, OSError) as fault:
                raise Gone(f"bundle {digest[:12]} cannot be loaded: {fault}") from fault
            if len(_bundles) >= MOST_BUNDLES:
                _bundles.pop(next(iter(_bundles)))
            _bundles[digest] = bundle
        return _bundles[digest]
