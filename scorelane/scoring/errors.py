"""What this room raises, in one line for a person each."""

from __future__ import annotations


class ScoringError(Exception):
    """Root of this room's errors."""


class Rejected(ScoringError):
    """What was given can never work as it is."""


class BundleMismatch(Rejected):
    """A bundle does not fit this code, or its files do not fit each other; nothing of it was loaded."""


class TrainingRejected(Rejected):
    """The labelled mail, or what was asked of it, cannot give a model."""
