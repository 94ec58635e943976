"""What can go wrong with the server; hostile content is never one of these."""

from __future__ import annotations


class ExtractError(Exception):
    """Root of the room."""


class Unavailable(ExtractError):
    """The server cannot be started at all: the installation's fault, not the content's; try later."""


class ServerGone(ExtractError):
    """The server died, hung or said something that is not a frame; a new one is started."""
