"""How much of one message is read. What is over a limit is cut, and the cut is a defect."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of time and memory; the defaults fit mail that people send."""

    message_bytes: int = 64 * 1024 * 1024
    header_block_bytes: int = 256 * 1024
    header_count: int = 1000
    header_value_chars: int = 16 * 1024
    addresses: int = 200
    boundary_lines: int = 4000
    parts: int = 200
    depth: int = 32
    part_bytes: int = 50 * 1024 * 1024
    bodies: int = 8
    """HTML bodies that are read; the rest are parts only."""
    text_chars: int = 64 * 1024
    html_bytes: int = 512 * 1024
    html_depth: int = 256
    html_elements: int = 60_000
    links: int = 500
    url_chars: int = 2048
    hops: int = 100
    nested_levels: int = 4
    nested_messages: int = 20


DEFAULT_LIMITS = Limits()
