"""Analysts' pages, rendered on the server: flagged mail, why it was flagged, labels, lanes, models, rescans.

Call `create_app`; `python -m scorelane.console` serves it under the role that row-level security holds.
"""

from scorelane.console.app import Config, create_app

__all__ = ["Config", "create_app"]
