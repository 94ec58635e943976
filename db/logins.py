"""Failed logins: counted by name and address together, by name, and by address; each count locks on its own.

A name that nobody has is counted like any other, so that a lock does not tell who is a user.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.session import Connection

ANY = b""
"""Hash that stands for every name; as an address the empty text stands for every address."""
FREE, FREE_OF_NAME, FREE_OF_ADDRESS = 5, 50, 100
"""Failures in a row that lock a name at one address, a name everywhere, and an address for every name."""
FIRST_LOCK_S, MOST_LOCK_S, MOST_LOOSE_LOCK_S = 60, 3600, 900
KNOWN_DAYS = 30
"""How long an address from which a user has logged in is spared the lock of the name alone."""
SWEPT = 1000


def hash_of(name: str) -> bytes:
    """What stands for a name as it was typed."""
    return hashlib.sha256(name.encode()).digest()


def locked_s(connection: Connection, name: str, address: str) -> float:
    """Seconds until somebody at an address may try a name again; 0 when at once."""
    row = connection.execute(
        """SELECT coalesce(max(extract(epoch FROM a.locked_until - clock_timestamp())), 0)::float8
           FROM login_attempts a
           WHERE a.locked_until > clock_timestamp()
             AND ((a.name_hash = %(name)s AND a.address = %(address)s)
               OR (a.name_hash = %(any)s AND a.address = %(address)s)
               OR (a.name_hash = %(name)s AND a.address = '' AND NOT EXISTS (
                     SELECT FROM login_attempts k WHERE k.name_hash = %(name)s AND k.address = %(address)s
                       AND k.succeeded_at > now() - make_interval(days => %(days)s))))""",
        {"name": hash_of(name), "any": ANY, "address": address, "days": KNOWN_DAYS},
    ).fetchone()
    assert row is not None
    return float(str(row[0]))


def failed(connection: Connection, name: str, address: str) -> None:
    """Count a failed login; past its free ones a count locks, twice as long each further time. A day forgets it."""
    hashed = hash_of(name)
    connection.execute(
        """INSERT INTO login_attempts AS a (name_hash, address, failures)
           SELECT n, d, 1 FROM unnest(%(names)s::bytea[], %(addresses)s::text[]) AS t (n, d) ORDER BY n, d
           ON CONFLICT (name_hash, address) DO UPDATE
           SET failures = CASE WHEN a.failed_at < now() - interval '1 day' THEN 1 ELSE a.failures + 1 END,
               failed_at = now(),
               locked_until = CASE WHEN a.failed_at < now() - interval '1 day' THEN NULL ELSE
                   (SELECT clock_timestamp() + make_interval(secs => least(
                              most, %(first)s * 2.0 ^ least(20, a.failures + 1 - free)))
                    FROM (SELECT CASE WHEN a.name_hash = %(any)s THEN %(of_address)s
                                      WHEN a.address = '' THEN %(of_name)s ELSE %(free)s END AS free,
                                 CASE WHEN a.name_hash = %(any)s OR a.address = ''
                                      THEN %(loose)s ELSE %(most)s END AS most) AS limits
                    WHERE a.failures + 1 >= free) END""",
        {
            "names": [hashed, hashed, ANY], "addresses": [address, "", address], "any": ANY, "free": FREE,
            "of_name": FREE_OF_NAME, "of_address": FREE_OF_ADDRESS, "first": FIRST_LOCK_S, "most": MOST_LOCK_S,
            "loose": MOST_LOOSE_LOCK_S,
        },
    )  # fmt: skip
    _sweep(connection)


def succeeded(connection: Connection, name: str, address: str) -> None:
    """A login that worked ends the count of its name at its address, and makes the address known for a while."""
    connection.execute(
        """INSERT INTO login_attempts (name_hash, address, succeeded_at) VALUES (%s, %s, now())
           ON CONFLICT (name_hash, address) DO UPDATE
           SET failures = 0, locked_until = NULL, succeeded_at = excluded.succeeded_at""",
        (hash_of(name), address),
    )


def forget(connection: Connection, name: str) -> None:
    """End every lock of a name."""
    connection.execute("DELETE FROM login_attempts WHERE name_hash = %s", (hash_of(name),))


def _sweep(connection: Connection) -> None:
    """Clear away counts that a day has forgotten, some at a time."""
    connection.execute(
        """DELETE FROM login_attempts WHERE (name_hash, address) IN (
               SELECT name_hash, address FROM login_attempts
               WHERE failed_at < now() - interval '1 day'
                 AND (succeeded_at IS NULL OR succeeded_at < now() - make_interval(days => %s))
               LIMIT %s FOR UPDATE SKIP LOCKED)""",
        (KNOWN_DAYS, SWEPT),
    )
