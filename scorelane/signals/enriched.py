"""Signals of the enriched family."""
