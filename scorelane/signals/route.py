"""Signals of the route family."""
