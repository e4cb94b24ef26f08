"""Pages of a query; used on worker threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_dicomdb.widgets.models._roles import PAGE_SIZE

if TYPE_CHECKING:
    from napari_dicomdb.progress import Progress

__all__ = ["Order", "Query", "read_page", "read_rest"]

Query = Callable[..., list[Any]]
"""A listing of the database: takes ``limit``, ``offset``, ``order``, ``descending``."""

Order = tuple[str, bool]
"""Name of an order of the database, and whether it is turned round."""

_MANY = 10_000  # rows between two looks at whether somebody cancelled


def read_page(
    query: Query, offset: int, order: Order | None, size: int = PAGE_SIZE
) -> tuple[list[Any], bool]:
    """Return the rows from `offset` on, at most `size`, and whether more follow."""
    # One row more than is shown tells whether there is another page.
    rows = query(limit=size + 1, offset=offset, **_ordering(order))
    return rows[:size], len(rows) > size


def read_rest(
    query: Query, offset: int, order: Order | None, *, progress: Progress
) -> tuple[list[Any], bool]:
    """Return all rows from `offset` on; cancelled between two large pages."""
    found: list[Any] = []
    while True:
        progress(len(found), None, "Listing")
        rows = query(limit=_MANY, offset=offset + len(found), **_ordering(order))
        found += rows
        if len(rows) < _MANY:
            return found, False


def _ordering(order: Order | None) -> dict[str, Any]:
    return {} if order is None else {"order": order[0], "descending": order[1]}
