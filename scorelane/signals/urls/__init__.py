"""Signals of the urls family."""
