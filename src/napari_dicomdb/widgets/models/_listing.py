"""Pages of records out of a query, in any order; used on worker threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Generic, TypeVar

__all__ = ["Listing"]

R = TypeVar("R")


class Listing(Generic[R]):
    """The rows of one query, read as far as somebody asked for them.

    Parameters
    ----------
    query : callable
        Returns the records in the database's own order; called on the first
        page, so making a listing costs nothing.
    """

    def __init__(self, query: Callable[[], Iterable[R]]) -> None:
        self._query = query
        self._lock = threading.Lock()
        self._rest: Any = None
        self._rows: list[R] = []
        self._is_complete = False

    def page(
        self,
        offset: int,
        limit: int,
        key: Callable[[R], Any] | None = None,
        descending: bool = False,
    ) -> tuple[list[R], bool]:
        """Return up to `limit` records from `offset` on, and whether more follow.

        `key` sorts all rows, which reads all of them; without it only what is
        needed is read.
        """
        with self._lock:
            self._read(None if key is not None else offset + limit + 1)
            rows = self._rows
        if key is not None:
            rows = sorted(rows, key=key, reverse=descending)
        return rows[offset : offset + limit], offset + limit < len(rows)

    def _read(self, wanted: int | None) -> None:
        if self._is_complete:
            return
        if self._rest is None:
            self._rest = iter(self._query())
        missing = None if wanted is None else max(wanted - len(self._rows), 0)
        before = len(self._rows)
        self._rows.extend(islice(self._rest, missing))
        if missing is None or len(self._rows) - before < missing:
            self._is_complete = True
            self._rest = None
