"""Asks several nodes and the local database at once; what they have comes as it arrives."""

from __future__ import annotations

import queue
import sqlite3
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import Cancelled, DicomDbError
from napari_dicomdb.network.dimse_find import find_dimse
from napari_dicomdb.network.find_report import FindReport, Merged, merge
from napari_dicomdb.network.holdings import with_holdings
from napari_dicomdb.network.identifiers import clean_text
from napari_dicomdb.network.local_find import find_here
from napari_dicomdb.network.query import Match, NodeOutcome, Query, Values
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.database import Database
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.wire import Waiting

    Ask = Callable[[Callable[[list[Match]], None], Waiting], NodeOutcome]

__all__ = ["FindReport", "Merged", "NodeOutcome", "find", "merge"]

_TURN = 0.1  # seconds between two looks whether to go on


def find(
    nodes: Sequence[Node],
    query: Query,
    *,
    database: Database | None = None,
    here: bool = True,
    found: Callable[[list[Match]], None] | None = None,
    progress: Progress = no_progress,
) -> FindReport:
    """Ask nodes side by side, and the local database with them.

    Parameters
    ----------
    nodes : sequence of Node
        DIMSE and DICOMweb nodes; a thread each.
    query : Query
    database : Database, optional
        Says of each match how much of it is here.
    here : bool
        Whether the database is asked, too; its matches have `node` "".
    found : callable, optional
        Called with matches as they arrive, in the thread that called `find`.
    progress : Progress
        Called a few times a second, in that thread, with how many of the nodes have
        answered; may raise `Cancelled`: the nodes are told to stop.

    Returns
    -------
    FindReport
        Also of what failed or was cancelled: an outcome for each node.
    """
    asks: dict[str, Ask] = {node.name: _ask_of(node, query) for node in nodes}
    if database is not None and here:
        local = database

        def ask_here(take: Callable[[list[Match]], None], waiting: Waiting) -> NodeOutcome:
            return find_here(local, query, take, waiting)

        asks[""] = ask_here
    running = _Running(asks)
    report = FindReport(query)
    outcomes: dict[str, NodeOutcome] = {}
    try:
        while len(outcomes) < len(asks):
            matches, ended = running.news()
            outcomes.update({outcome.node: outcome for outcome in ended})
            if matches:
                if database is not None:
                    matches = with_holdings(database, matches)
                report.matches += matches
                if found is not None:
                    found(matches)
            if not running.is_stopped:
                try:
                    progress(len(outcomes), len(asks), _text(report, asks, outcomes))
                except Cancelled:
                    running.stop()
    finally:
        running.stop()
    report.nodes = [outcomes[name] for name in asks]
    return report


def _text(report: FindReport, asks: dict[str, Ask], outcomes: dict[str, NodeOutcome]) -> str:
    waiting = [name or "this database" for name in asks if name not in outcomes]
    told = f"{len(report.matches)} found"
    return f"{told}; asking {', '.join(waiting)}" if waiting else told


def _ask_of(node: Node, query: Query) -> Ask:
    def ask(take: Callable[[list[Match]], None], waiting: Waiting) -> NodeOutcome:
        if node.kind == "dimse":
            return find_dimse(node, query, take, waiting)
        from napari_dicomdb.network.dicomweb.searching import search_dicomweb

        return search_dicomweb(node, query, lambda found: take(_clean(found)), waiting)

    return ask


def _clean(matches: list[Match]) -> list[Match]:
    """Take out of JSON's texts what C-FIND's never have: whatever acts on a screen."""
    return [replace(match, values=_clean_values(match.values)) for match in matches]


def _clean_values(values: Values) -> Values:
    told: dict[str, Any] = {}
    for keyword, value in values.items():
        if isinstance(value, str) and not value.isprintable():
            told[keyword] = clean_text(value, lines="\n" in value)
        elif isinstance(value, list):
            told[keyword] = [_clean_values(item) for item in value]
        else:
            told[keyword] = value
    return told


class _Running:
    """A thread for each that is asked, and a queue for what they find."""

    def __init__(self, asks: dict[str, Ask]) -> None:
        self._news: queue.SimpleQueue[list[Match] | NodeOutcome] = queue.SimpleQueue()
        self._stopped = threading.Event()
        for name, ask in asks.items():
            # A daemon: a node that hangs does not keep the program from ending.
            threading.Thread(
                target=self._run, args=(name, ask), name=f"dicomdb-find-{name}", daemon=True
            ).start()

    def stop(self) -> None:
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def _waiting(self) -> None:
        if self._stopped.is_set():
            raise Cancelled("cancelled")

    def _run(self, name: str, ask: Ask) -> None:
        count = 0

        def take(matches: list[Match]) -> None:
            nonlocal count
            count += len(matches)
            self._news.put(matches)
            self._waiting()

        outcome = NodeOutcome(name, "failed", 0, False, "error", "the search broke off")
        try:
            outcome = replace(ask(take, self._waiting), node=name)
        except Cancelled:
            outcome = NodeOutcome(name, "cancelled", count, False, "cancelled", "cancelled")
        except DicomDbError as error:
            outcome = NodeOutcome(name, "failed", count, False, error.reason, str(error))
        except sqlite3.Error as error:
            text = f"the index cannot be read: {error}"
            outcome = NodeOutcome(name, "failed", count, False, "database", text)
        finally:
            self._news.put(outcome)

    def news(self) -> tuple[list[Match], list[NodeOutcome]]:
        """Return what has come; waits for it a moment."""
        matches: list[Match] = []
        ended: list[NodeOutcome] = []
        try:
            one = self._news.get(timeout=_TURN)
            while True:
                if isinstance(one, NodeOutcome):
                    ended.append(one)
                else:
                    matches += one
                one = self._news.get_nowait()
        except queue.Empty:
            return matches, ended
