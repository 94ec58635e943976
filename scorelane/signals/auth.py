"""Signals of the auth family."""
