"""Listings page by key: each page names the address of the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request


def next_page(request: Request, items: Sequence[Any], limit: int, key: object, name: str = "before") -> str | None:
    """Address of the page after this one, or None where this one is the last."""
    if len(items) < limit:
        return None
    url = request.url.include_query_params(**{name: str(key)})
    return f"{url.path}?{url.query}"
