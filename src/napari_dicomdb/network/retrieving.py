"""Retrieving patients, studies, series and instances from a node: what is missing, to the end.

A DIMSE node is first asked what it has (`inventory`); what is not here is then asked for by
C-GET or C-MOVE. So a retrieve that was interrupted goes on with what is missing.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from napari_dicomdb.database import activity
from napari_dicomdb.database.instance_paths import instance_paths
from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.errors import Cancelled, DatabaseError, NetworkError
from napari_dicomdb.network import web_retrieving
from napari_dicomdb.network.getting import Getter
from napari_dicomdb.network.inventory import Listed, list_instances
from napari_dicomdb.network.moving import Mover, destination_of, listening
from napari_dicomdb.network.retrieve_plan import Request, plan_requests, requests_of
from napari_dicomdb.network.retrieve_report import RetrieveReport, Wanted
from napari_dicomdb.network.retrieve_watch import Watch
from napari_dicomdb.network.storage_contexts import ONE_BY_ONE, SYNTAXES
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_dicomdb.database import Database
    from napari_dicomdb.network.listener_events import ListenerEvent
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.retrieve_answers import Ending

__all__ = ["PAUSES", "RetrieveReport", "Wanted", "retrieve"]

PAUSES = (1.0, 4.0, 15.0)
"""Seconds before each further attempt without anything new between them."""

_PASSING = frozenset(
    {"closed", "aborted", "timeout", "busy", "refused", "unreachable", "tls-closed", "bad-answer"}
)
_PASSING_AT_FIRST = frozenset({"busy", "closed", "aborted"})
# Statuses of a node that could not send an object, for want of a context perhaps.
_STUCK = frozenset({"status-a702", "status-b000", "status-aa00", "failed"})
_NONE = ("", "")
_SETTLE_SECONDS = 3.0  # for another program of ours to index what it has received
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def retrieve(
    database: Database,
    node: Node,
    wanted: Sequence[Wanted],
    *,
    only_missing: bool = True,
    progress: Progress | None = None,
    arrived: Callable[[str, Path], None] | None = None,
    pauses: Sequence[float] = PAUSES,
) -> RetrieveReport:
    """Retrieve from a node into a database.

    Objects are kept as the node sends them, in its transfer syntax, from the moment when
    they have come whole. A broken connection is made anew, and what is missing asked for.

    Parameters
    ----------
    database : Database
        Opened for writing.
    node : Node
        DIMSE: by C-GET or C-MOVE, as `Node.retrieve` says; DICOMweb: by WADO-RS.
    wanted : sequence of Wanted
    only_missing : bool
        False retrieves also what is here: other content under the same UID is kept beside.
    progress : Progress, optional
        Called a few times a second with instances; may raise `Cancelled`: the node is
        told, what has come is kept, and the report says what has not.
    arrived : callable, optional
        Called with UID and file of each instance as soon as it is in the index; the first
        of each series comes first where the node lets us choose.
    pauses : sequence of float
        Seconds before each further attempt; empty: there is one attempt.

    Returns
    -------
    RetrieveReport

    Raises
    ------
    NetworkError
        If the node cannot be reached at all, or does not offer what is needed.
    DatabaseError
        If the database cannot be written.
    NodeError
        If the node's password cannot be had from the keyring.
    MissingLibraryError
        If pynetdicom, or for DICOMweb httpx, is not installed.
    """
    if database.read_only:
        raise DatabaseError(
            f"{database.path} was opened read-only: nothing can be retrieved into it",
            reason="read-only",
        )
    report = RetrieveReport(node.name)
    started = time.monotonic()
    watch = Watch(database, report, progress or no_progress, arrived)
    watch.text = f"Retrieving from {node.name}"
    try:
        if node.kind == "dicomweb":
            report.method = "WADO-RS"
            web_retrieving.retrieve_web(watch, node, wanted, only_missing, pauses)
        else:
            _Retrieving(watch, node, wanted, only_missing, pauses).run()
    except Cancelled:
        report.cancelled = True
    finally:
        watch.finish()
    report.seconds = time.monotonic() - started
    _note(database, report)
    _log.info("%s: %s", report.method or "not begun", report.summary())
    return report


def _note(database: Database, report: RetrieveReport) -> None:
    """Note among recent activity what has come; numbers only."""
    if not report.received:
        return
    counts = {"instances": report.received, "failed": len(report.failed)}
    try:
        with database._connections.transaction() as connection:
            activity.record(connection, "retrieve", {k: n for k, n in counts.items() if n})
    except DatabaseError as error:  # what has come has come
        _log.warning("retrieving is not noted among recent activity: %s", error.reason)


class _GivenUp(Exception):
    """Nothing more can be got from the node now; why is noted."""


class _Retrieving:
    """One call of `retrieve` with a DIMSE node."""

    def __init__(
        self,
        watch: Watch,
        node: Node,
        wanted: Sequence[Wanted],
        only_missing: bool,
        pauses: Sequence[float],
    ) -> None:
        self._watch, self._node, self._wanted = watch, node, wanted
        self._only_missing, self._pauses = only_missing, tuple(pauses)
        self._database, self._report = watch.database, watch.report
        self._listed: list[Listed] | None = None
        self._said: dict[str, tuple[str, str]] = {}  # why an instance has not come
        self._unnamed: list[tuple[str, str]] = []
        self._associated = False
        self._attempts = 0

    def run(self) -> None:
        self._list()
        if self._listed is not None and not self._watch.missing:
            self._report.method = "C-MOVE" if self._node.retrieve == "move" else "C-GET"
            return
        try:
            if self._node.retrieve == "move":
                self._run_moving()
            else:
                self._run_getting()
        except Cancelled:
            self._tell_missing("cancelled", "cancelled: it has not come")
            raise
        except _GivenUp:
            _log.info("retrieving from %s is given up", self._node.name)
        self._tell_missing("not-sent", f"{self._node.name} has not sent it")

    def _list(self) -> None:
        """Find out what the node has, and what of that is missing."""
        try:
            self._listed = self._tried(
                lambda: list_instances(self._node, self._wanted, waiting=self._watch.tell)
            )
        except NetworkError as error:
            if error.reason != "no-query":
                raise
            _log.info("%s does not say what it has", self._node.name)
            return
        self._associated = True
        if not self._listed:
            text = f"{self._node.name} has nothing of what is wanted"
            self._report.failed.append(("", "not-found", text))
        uids = [one.uid for one in self._listed]
        held = instance_paths(self._database._connections, self._database._root, uids)
        if self._only_missing:
            self._report.already = len(held)
            uids = [uid for uid in uids if uid not in held]
        self._watch.expect(uids, held)

    def _run_getting(self) -> None:
        self._report.method = Getter.method
        settle = 0.05 if self._watch.arrived is not None else 0.3
        with Inbox(self._database, settle_seconds=settle) as inbox:

            def make(syntaxes: Sequence[str] = SYNTAXES) -> Getter:
                watch, refuse = self._watch, self._refuse
                return Getter(self._node, inbox.open, watch.keep, refuse, watch.tell, syntaxes)

            try:
                self._work(make)
                self._one_by_one(make)
            finally:
                inbox.flush()
                self._watch.look(force=True)

    def _run_moving(self) -> None:
        self._report.method = Mover.method
        watch = self._watch
        refused: list[tuple[str, str, str]] = []

        def heard(event: ListenerEvent) -> None:
            if event.kind == "stored":
                watch.keep_later(event.uid, event.path, event.size)
            elif event.kind == "refused":
                refused.append((event.uid, event.reason, event.text))

        with listening(self._database, self._node, heard) as own:
            watch.is_received_elsewhere = not own
            try:
                self._work(lambda: Mover(self._node, watch.count, watch.tell))
            finally:
                watch.settle(_SETTLE_SECONDS if not own else 0.0)
                for one in refused:
                    self._refuse(*one)
        watch.look(force=True)
        if not own and self._watch.missing and not self._report.received and not self._said:
            text = (
                f"{self._node.name} says that it has sent them, but not to this database: at port "
                f"{self._node.move_port} another program listens, or {destination_of(self._node)} "
                "is somebody else there"
            )
            self._unnamed.append(("other-destination", text))

    # -- attempts -----------------------------------------------------------------------------

    def _work(self, make: Callable[[], Getter | Mover]) -> None:
        """Ask for what is missing, until that changes nothing any more."""
        requests = self._requests(singly=False)
        self._tried(lambda: self._ask_all(make, requests, again=True))
        if not self._watch.missing or self._listed is None:
            return
        if self._watch.is_received_elsewhere:
            self._watch.settle(_SETTLE_SECONDS)
        self._watch.count()
        if self._watch.missing:
            # A node may take no lists, or have stumbled over one: once more, each alone.
            self._unnamed.clear()
            left = self._requests(singly=True)
            self._tried(lambda: self._ask_all(make, left, again=False))

    def _one_by_one(self, make: Callable[[Sequence[str]], Getter]) -> None:
        """Offer one transfer syntax after another for what the node could not send.

        Some servers (DCMTK's) take the first context that was agreed for a SOP class, and
        fail where they cannot convert an object to its transfer syntax.
        """
        for syntax in ONE_BY_ONE:
            stuck = {uid for uid in self._watch.missing if self._said.get(uid, _NONE)[0] in _STUCK}
            if self._listed is None or not stuck:
                return
            left = plan_requests(self._listed, stuck)
            self._tried(partial(self._ask_all, partial(make, (syntax,)), left, again=False))

    def _requests(self, *, singly: bool) -> list[Request]:
        if self._listed is None:
            return requests_of(self._wanted)
        first = self._watch.arrived is not None and self._node.retrieve != "move"
        return plan_requests(self._listed, self._watch.missing, first_soon=first, singly=singly)

    def _ask_all(
        self, make: Callable[[], Getter | Mover], requests: list[Request], *, again: bool
    ) -> None:
        """Ask; what is done is taken out of `requests`, so that a further attempt goes on."""
        if again and self._listed is not None:
            requests[:] = self._requests(singly=False)
        with make() as way:
            while requests:
                request = requests[0]
                if self._listed is None or any(u in self._watch.missing for u in request.uids):
                    self._heed(way.run(request, requests[1:]), request)
                    self._associated = True
                requests.pop(0)

    def _heed(self, ending: Ending, request: Request) -> None:
        """Note what one request brought, by its final status."""
        self._attempts = 0
        report = self._report
        if ending.status or report.status is None:
            report.status = ending.status
        for uid in ending.failed_uids:
            self._said[uid] = (ending.reason if ending.status else "failed", ending.text)
        if ending.kind in ("success", "cancelled"):
            if not ending.failed:
                self._watch.taken_elsewhere(request.uids)
                return
        elif not request.uids and not ending.failed_uids:
            self._unnamed.append((ending.reason, ending.text))
        for uid in request.uids:
            if uid in self._watch.missing:
                self._said.setdefault(uid, (ending.reason, ending.text))
        if not request.uids and ending.failed and not ending.failed_uids and not self._unnamed:
            text = f"{ending.failed} instances could not be sent by the node"
            self._unnamed.append((ending.reason, text))

    def _refuse(self, uid: str, reason: str, text: str) -> None:
        """Note an object that was sent and not kept."""
        self._said[uid] = (reason, text)
        if uid not in self._watch.missing:
            self._watch.unwanted[uid] = (reason, text)

    def _tried(self, work: Callable[[], _T]) -> _T:
        """Do something again while what hinders it may pass."""
        while True:
            before = self._watch.count()
            try:
                return work()
            except NetworkError as error:
                _log.info("retrieving from %s: %s", self._node.name, error.reason)
                if self._watch.count() > before:
                    self._attempts = 0
                passing = _PASSING if self._associated else _PASSING_AT_FIRST
                if error.reason not in passing or self._attempts >= len(self._pauses):
                    if not self._associated:
                        raise
                    self._fail(error)
                    raise _GivenUp from error
                self._watch.rest(self._pauses[self._attempts], self._node.name)
                self._attempts += 1

    def _fail(self, error: NetworkError) -> None:
        for uid in self._watch.missing:
            self._said[uid] = (error.reason, str(error))
        if self._listed is None:
            self._unnamed.append((error.reason, str(error)))

    def _tell_missing(self, reason: str, text: str) -> None:
        """Put into the report what has not come, and why."""
        failed = self._report.failed
        for uid in self._watch.missing:
            failed.append((uid, *self._said.get(uid, (reason, text))))
        told = set(self._watch.missing)
        for uid, why in {**self._said, **self._watch.unwanted}.items():
            if uid not in told and not self._watch.has(uid):
                failed.append((uid, *why))
        failed += [("", *why) for why in dict.fromkeys(self._unnamed)]
