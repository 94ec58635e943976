"""Signals of the identity family."""
