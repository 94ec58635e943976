"""A record of what is held about an address, as it leaves the house."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import zstandard

MOST_RAW_BYTES = 64 * 1024 * 1024


def line(record: dict[str, Any]) -> bytes:
    """One JSON line: digests in hex, the envelope read, raw mail in base64."""
    shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in record.items()}
    if "sightings" in record:
        shown["sightings"] = [{**one, "entity": one["entity"].hex()} for one in record["sightings"]]
    if record.get("envelope") is not None:
        shown["envelope"] = msgspec.msgpack.decode(record["envelope"])
    if "raw_zstd" in record:
        del shown["raw_zstd"]
        raw = zstandard.ZstdDecompressor().decompress(record["raw_zstd"], max_output_size=MOST_RAW_BYTES)
        shown["raw"] = base64.b64encode(raw).decode()
    return msgspec.json.encode(shown) + b"\n"
