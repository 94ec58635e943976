"""Brings a database to a schema version. The caller gives the owner role's URL."""

from __future__ import annotations

import warnings
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

ROOT = Path(__file__).resolve().parent.parent


def config(url: str) -> Config:
    """Alembic's configuration for one database, without reading the environment."""
    settings = Config(str(ROOT / "alembic.ini"))
    settings.attributes["url"] = make_url(url).set(drivername="postgresql+psycopg")
    return settings


def upgrade(url: str, revision: str = "head") -> None:
    """Apply all migrations up to a revision; nothing happens when they are applied already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        command.upgrade(config(url), revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Take migrations back down to a revision. Data goes with the tables."""
    command.downgrade(config(url), revision)


def heads() -> tuple[str, ...]:
    """Head revisions of the migration folder; more than one is a mistake."""
    return tuple(ScriptDirectory(str(ROOT / "db" / "migrations")).get_heads())
