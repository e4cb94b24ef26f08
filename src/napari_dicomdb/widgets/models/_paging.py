"""One page of a query; used on worker threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_dicomdb.widgets.models._roles import PAGE_SIZE

__all__ = ["Order", "Query", "read_page"]

Query = Callable[..., list[Any]]
"""A listing of the database: takes ``limit``, ``offset``, ``order``, ``descending``."""

Order = tuple[str, bool]
"""Name of an order of the database, and whether it is turned round."""


def read_page(query: Query, offset: int, order: Order | None) -> tuple[list[Any], bool]:
    """Return the rows from `offset` on, at most one page, and whether more follow."""
    ordering = {} if order is None else {"order": order[0], "descending": order[1]}
    # One row more than is shown tells whether there is another page.
    rows = query(limit=PAGE_SIZE + 1, offset=offset, **ordering)
    return rows[:PAGE_SIZE], len(rows) > PAGE_SIZE
