"""What all pages share: the database under the API's role, templates, and loaded bundles."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import psycopg
from sqlalchemy import exc

from db.session import pooled_engine
from db.tenancy import scope
from scorelane.console import wording
from scorelane.console.errors import Unavailable
from scorelane.signals.reference import read_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.tenancy import Scope

HERE = Path(__file__).resolve().parent
POOL_CONNECTIONS = 8
STATEMENT_TIMEOUT_S = 5


class House:
    """One a process; safe in many threads."""

    def __init__(self, database_url: str, *, https: bool, lists: Path | None = None) -> None:
        self.https = https
        self._lists = lists
        self._engine = pooled_engine(
            database_url,
            application="scorelane-console",
            connections=POOL_CONNECTIONS,
            statement_timeout_s=STATEMENT_TIMEOUT_S,
        )
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(wording.FILTERS)
        self._templates.globals.update(wording.GLOBALS)

    @contextlib.contextmanager
    def transaction(
        self, tenant_id: int | None = None, *, user_id: int | None = None, read_only: bool = False
    ) -> Iterator[Scope]:
        """One transaction under row-level security. Raises Unavailable where the database does not answer in time."""
        try:
            with scope(self._engine, tenant_id, user_id=user_id, read_only=read_only) as opened:
                yield opened
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
            raise Unavailable(_SLOW) from None
        except (exc.OperationalError, exc.TimeoutError, psycopg.OperationalError) as fault:
            if isinstance(getattr(fault, "orig", None), psycopg.errors.QueryCanceled):
                raise Unavailable(_SLOW) from None
            raise Unavailable("The database does not answer. Scores are safe; try again in a moment.") from fault

    @property
    def lists_digest(self) -> str:
        """Of the reference lists in force, those that workers of the same settings score with."""
        return read_reference(self._lists).digest

    def render(self, template: str, **context: object) -> str:
        """HTML of a template; everything in the context is escaped."""
        return self._templates.get_template(template).render(**context)

    def close(self) -> None:
        """Give connections back."""
        self._engine.dispose()


_SLOW = f"This took longer than {STATEMENT_TIMEOUT_S} s and was stopped. Narrow it: add a date, a sender or a verdict."
