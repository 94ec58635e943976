"""Scorelane."""
