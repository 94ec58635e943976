"""Signals of the content family."""
