"""Signals of the history family."""
