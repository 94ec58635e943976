"""Every cap of the extraction, and the budget that one job spends."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """Caps of one job. The times bound the child from outside, the others bound the readers inside."""

    content_bytes: int = 32 << 20
    """Larger attachments are not sent at all: status limit."""
    wall_s: float = 10.0
    cpu_s: int = 5
    memory_bytes: int = 512 << 20
    """Address space above what the warmed server already maps."""
    unpacked_bytes: int = 64 << 20
    """Sum over all members and streams of a job."""
    member_bytes: int = 16 << 20
    ratio: float = 1000.0
    """Members packed tighter than this are named but not unpacked."""
    members_read: int = 100
    """Members unpacked in a job."""
    names: int = 200
    depth: int = 4
    urls: int = 200
    url_chars: int = 2048
    text_chars: int = 16_384
    items: int = 50
    """Entries of any other list."""
    item_chars: int = 512
    pixels: int = 24_000_000
    images_scanned: int = 20
    """Pictures searched for QR codes in a job."""
    pdf_pages: int = 8
    """Pages whose text and links are read."""
    pdf_rendered: int = 3
    """Pages rendered for QR codes."""


DEFAULT = Limits()


class Budget:
    """What is left for one job. The first thing refused is remembered in `cut`."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self.unpacked_bytes = limits.unpacked_bytes
        self.members = limits.members_read
        self.images = limits.images_scanned
        self.cut = ""
        self.missing = ""

    def refuse(self, why: str) -> None:
        """Remember that something was cut."""
        self.cut = self.cut or why

    def lack(self, tool: str) -> None:
        """Remember that a member could not be read for want of a tool."""
        self.missing = self.missing or tool

    def allowance(self) -> int:
        """Bytes that the next stream may unpack to."""
        return max(0, min(self.unpacked_bytes, self.limits.member_bytes))

    def spend(self, size_bytes: int) -> None:
        """Account for unpacked bytes."""
        self.unpacked_bytes -= size_bytes

    def take_member(self) -> bool:
        """Whether one more member may be unpacked; False is remembered."""
        if self.members <= 0:
            self.refuse("members")
            return False
        if self.unpacked_bytes <= 0:
            self.refuse("unpacked_bytes")
            return False
        self.members -= 1
        return True

    def take_image(self) -> bool:
        """Whether one more picture may be searched for codes."""
        self.images -= 1
        return self.images >= 0
