"""The HTTP interface, versioned under /v1: intake, verdicts and reasons, labels, lanes, keys, privacy.

Call `create_app` with an `ApiConfig`; ``python -m scorelane.api`` serves it. Every row read comes through the role that
row-level security holds, under the tenant of the caller's key.
"""

from scorelane.api.app import create_app
from scorelane.api.config import ApiConfig

__all__ = ["ApiConfig", "create_app"]
