"""What was done with the database, for the list of recent activity."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

__all__ = ["KEPT", "ActivityRecord", "activities", "record"]

KEPT = 1000
"""Entries that are kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class ActivityRecord:
    """One thing that was done.

    Parameters
    ----------
    at : float
        When, in seconds since the epoch.
    kind : str
        "import", "remove", "merge" ...
    counts : mapping of str to int
        How many of what.
    """

    at: float
    kind: str
    counts: Mapping[str, int]


def activities(connection: sqlite3.Connection, limit: int | None = None) -> list[ActivityRecord]:
    """List what was done, latest first."""
    rows = connection.execute(
        "SELECT at, kind, counts FROM activity ORDER BY id DESC LIMIT ?",
        (KEPT if limit is None else limit,),
    )
    return [ActivityRecord(at, kind, _counts(text)) for at, kind, text in rows]


def _counts(text: str) -> dict[str, int]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}  # of a damaged row nothing else is told
    return told if isinstance(told, dict) else {}


def record(connection: sqlite3.Connection, kind: str, counts: Mapping[str, int]) -> None:
    """Note that something was done; use inside its transaction.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a write transaction.
    kind : str
        "import", "remove", "merge" ...
    counts : mapping of str to int
        How many of what; never a value of a patient's.
    """
    connection.execute(
        "INSERT INTO activity (at, kind, counts) VALUES (?, ?, ?)",
        (time.time(), kind, json.dumps(dict(counts))),
    )
    connection.execute(
        "DELETE FROM activity WHERE id <= (SELECT max(id) FROM activity) - ?", (KEPT,)
    )
