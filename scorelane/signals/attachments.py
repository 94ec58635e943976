"""Signals of the attachments family."""
