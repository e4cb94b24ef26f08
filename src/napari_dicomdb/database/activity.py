"""What was done with the database, for the list of recent activity."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

__all__ = ["record"]


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
