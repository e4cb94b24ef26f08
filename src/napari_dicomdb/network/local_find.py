"""Asks the local database what nodes are asked, and answers as they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.key_search import KeySearch, search_keys
from napari_dicomdb.network.identifiers import clean_text
from napari_dicomdb.network.node import Limits
from napari_dicomdb.network.query import LEVELS, UNIQUE_KEYS, Match, NodeOutcome, Query
from napari_dicomdb.network.query_keys import default_keys
from napari_dicomdb.network.wire import Waiting, no_waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.database import Database

__all__ = ["find_here"]

_PAGE = 200


def find_here(
    database: Database,
    query: Query,
    found: Callable[[list[Match]], None],
    waiting: Waiting = no_waiting,
) -> NodeOutcome:
    """Look for what a query asks in the index alone.

    Parameters
    ----------
    database : Database
    query : Query
    found : callable
        Receives the matches page by page; their `node` is "".
    waiting : callable
        Called between pages; may raise `Cancelled`.

    Raises
    ------
    DicomDbError
        If the index does not know a key (reason "unknown-key"), or is too slow.
    """
    limit = query.limit or Limits().max_results
    level = "study" if query.level == "patient" else query.level
    seen: dict[str, None] = {}
    offset = 0
    while True:
        waiting()
        page = search_keys(
            database._connections,
            KeySearch(level, query.matching(), fuzzy=query.fuzzy, limit=_PAGE, offset=offset),
        )
        new: list[Match] = []
        is_cut = False
        for values in page.values:
            match = _match(query.level, values)
            key = f"{match.uid}\\{match.text('IssuerOfPatientID')}\\{match.text('PatientName')}"
            if key in seen:
                continue
            if len(seen) >= limit:
                is_cut = True
                break
            seen[key] = None
            new.append(match)
        if new:
            found(new)
        offset += len(page.values)
        if is_cut or not page.remaining or not page.values:
            break
    if not is_cut:
        return NodeOutcome("", "done", len(seen))
    text = f"stopped after {len(seen)}: there are more here; narrow the search"
    return NodeOutcome("", "done", len(seen), True, "limit", text)


def _match(level: str, values: dict[str, Any]) -> Match:
    told = {keyword: _text(value) for keyword, value in values.items()}
    below = LEVELS[LEVELS.index(level) + 1 :]
    keys = ["" if name in below else told.get(UNIQUE_KEYS[name], "") for name in LEVELS]
    if level == "patient":
        told = {k: v for k, v in told.items() if k in default_keys("patient")}
    return Match(
        "",
        level,
        told,
        patient_id=keys[0],
        study_uid=keys[1],
        series_uid=keys[2],
        instance_uid=keys[3],
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\\".join(_text(one) for one in value)
    return clean_text(value) if isinstance(value, str) else f"{value:.10g}"
