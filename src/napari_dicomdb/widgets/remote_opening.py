"""Opens what was found: retrieves what is not here, shows the first slice, loads the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_dicomdb.errors import DatabaseError, DicomDbError
from napari_dicomdb.widgets._remote_local import LOADED_AT_ONCE, examine_matches
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._text import count, one_line
from napari_dicomdb.widgets.first_slice import FirstSlices
from napari_dicomdb.widgets.loading import LayerLoader
from napari_dicomdb.widgets.models.match_rows import title

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.query import Match
    from napari_dicomdb.network.retrieving import RetrieveReport, Wanted
    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._tasks import Task
    from napari_dicomdb.widgets.models.match_rows import MatchRow

__all__ = ["RemoteOpener", "by_node", "prefers_streaming", "wanted_of"]


_PAUSES = (1.0,)  # seconds; who waits for a picture wants to know soon what is wrong


def wanted_of(row: MatchRow) -> Wanted:
    """Return what to ask a node for, to get a row."""
    from napari_dicomdb.network.retrieving import Wanted

    match = row.match
    studies = [match.study_uid]
    above = row.parent
    while above is not None:
        studies.append(above.match.study_uid)
        above = above.parent
    return Wanted(
        level=row.level,
        patient_id=match.patient_id,
        study_uid=next((uid for uid in studies if uid), ""),
        series_uid=match.series_uid,
        instance_uids=(match.instance_uid,) if match.instance_uid else (),
    )


class RemoteOpener(QObject):
    """Loads rows of results into the viewer, wherever they are.

    Parameters
    ----------
    viewer : napari viewer or None
    network : NetworkSession
    find_node : callable
        From a name to its `Node`, or None.

    Signals
    -------
    progressed : str, int, int or None
        What is being done, how far.
    told : str, str
        Plain words, and "info", "warning" or "error".
    loaded : list of layers
    idle : no arguments
    """

    progressed = Signal(str, int, object)
    told = Signal(str, str)
    loaded = Signal(object)
    idle = Signal()

    def __init__(
        self,
        viewer: Any,
        network: NetworkSession,
        find_node: Callable[[str], Node | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._network = network
        self._find_node = find_node
        self._runner = TaskRunner("fetch", 2)
        self._loads = TaskRunner("load")
        self._waiting = 0
        self._tasks: list[Task] = []
        self.loader = LayerLoader(viewer, self._loads, self)
        self.slices = FirstSlices(viewer, self._loads, self)
        self.loader.loaded.connect(self._on_loaded)
        self.loader.failed.connect(
            lambda _loadable, error: self.told.emit(f"Loading failed: {error}", "error")
        )
        self.loader.progressed.connect(self.progressed)
        self.loader.idle.connect(self._tell_idle)

    @property
    def is_busy(self) -> bool:
        """Whether something is being retrieved or loaded."""
        return self._waiting > 0 or self.loader.is_busy

    def cancel(self) -> None:
        """Stop; what has arrived stays in the database."""
        for task in self._tasks:
            task.cancel()
        self.loader.cancel()

    def close(self) -> None:
        """Stop, and wait for the threads."""
        self.cancel()
        self.loader.close()
        self._runner.close()
        self._loads.close()

    # -- load -------------------------------------------------------------------------

    def load(self, rows: Sequence[MatchRow]) -> None:
        """Retrieve what is not here of `rows`, then load them."""
        if self._viewer is None:
            self.told.emit("There is no napari viewer to load into.", "error")
            return
        if len(rows) > LOADED_AT_ONCE:
            self.told.emit(
                f"{count(len(rows), 'row')} are selected; the first {LOADED_AT_ONCE} are loaded.",
                "warning",
            )
        here: list[Match] = []
        for row in rows[:LOADED_AT_ONCE]:
            if row.nodes and row.held != "all":
                self._fetch_and_load(row)
            else:
                here.append(row.match)
        if here:
            self._examine(here)

    def _fetch_and_load(self, row: MatchRow) -> None:
        name = row.nodes[0]
        node = self._find_node(name)
        database = self._network.database
        if node is None or database is None:
            why = "is no longer among the nodes" if node is None else "waits for the database"
            self.told.emit(f"{one_line(name)} {why}.", "error")
            return
        if row.level == "series" and node.kind == "dicomweb" and prefers_streaming():
            self._stream(row, node)
            return
        try:
            wanted = wanted_of(row)
        except DicomDbError as error:
            self.told.emit(str(error), "error")
            return
        first = self.slices.expect(database)

        def returned(report: RetrieveReport) -> None:
            first.done()
            self._tell_report(node, report)
            self._network.session.changed.emit()
            if database is not self._network.database:
                self.told.emit("Another database is open now: it was not loaded.", "warning")
            elif (report.received or report.already) and not report.cancelled:
                self._examine([row.match])

        self._submit(
            f"Retrieving {one_line(title(row))} from {one_line(name)}",
            _retrieve,
            database,
            node,
            [wanted],
            arrived=first.arrived,
            returned=returned,
            finished=first.done,
        )

    def stream(self, rows: Sequence[MatchRow]) -> None:
        """Open series of DICOMweb nodes without keeping them; frames come as one looks."""
        if self._viewer is None:
            self.told.emit("There is no napari viewer to load into.", "error")
            return
        for row in rows:
            nodes = [self._find_node(name) for name in row.nodes]
            node = next((one for one in nodes if one and one.kind == "dicomweb"), None)
            if node is not None and row.level == "series":
                self._stream(row, node)

    def _stream(self, row: MatchRow, node: Node) -> None:
        def returned(found: list[Loadable]) -> None:
            self.loader.load([one for one in found if one.selected] or found[:1])

        self._submit(
            f"Opening {one_line(title(row))} at {one_line(node.name)}",
            _open_remote,
            node,
            row,
            returned=returned,
        )

    def _tell_report(self, node: Node, report: RetrieveReport) -> None:
        if report.cancelled:
            self.told.emit("Cancelled; what has arrived is in the database.", "info")
            return
        if report.ok:
            return
        why = next((text for _uid, _reason, text in report.failed if text), "")
        words = f"{one_line(node.name)}: {report.summary()}"
        self.told.emit(f"{words}. {why}" if why and why not in words else f"{words}.", "error")

    def retrieve_into(self, rows: Sequence[MatchRow], directory: Any) -> None:
        """Retrieve rows into the database in another directory, made when there is none."""
        for name, several in by_node(rows).items():
            node = self._find_node(name)
            if node is None:
                self.told.emit(f"{one_line(name)} is no longer among the nodes.", "error")
                continue
            try:
                wanted = [wanted_of(row) for row in several]
            except DicomDbError as error:
                self.told.emit(str(error), "error")
                continue

            def returned(report: RetrieveReport, node: Node = node) -> None:
                self._tell_report(node, report)
                if report.ok:
                    self.told.emit(f"{report.summary()}, into {directory}.", "info")

            self._submit(
                f"Retrieving from {one_line(name)} into {directory}",
                _retrieve_into,
                directory,
                node,
                wanted,
                returned=returned,
            )

    def _examine(self, matches: list[Match]) -> None:
        database = self._network.database
        if database is None:
            return

        def returned(found: tuple[list[Loadable], int]) -> None:
            loadables, more = found
            if not loadables:
                self.told.emit("There is nothing in it that can be opened.", "warning")
            if more:
                self.told.emit(
                    f"The first {LOADED_AT_ONCE} series are loaded, {more} more are not: load "
                    "them one by one.",
                    "warning",
                )
            self.loader.load(loadables)

        self._submit(
            "Examining", examine_matches, database, matches, returned=returned, progress=False
        )

    def _submit(
        self,
        what: str,
        work: Callable[..., Any],
        *args: Any,
        returned: Callable[[Any], None],
        finished: Callable[[], None] | None = None,
        progress: bool = True,
        **kwargs: Any,
    ) -> None:
        def end() -> None:
            self._waiting -= 1
            self._tasks[:] = [one for one in self._tasks if not one.is_done]
            if finished is not None:
                finished()
            self._tell_idle()

        self._waiting += 1
        self.progressed.emit(what, 0, None)
        task = self._runner.submit(
            work,
            *args,
            pass_progress=progress,
            keep_late_result=True,
            progressed=lambda done, total, _text: self.progressed.emit(what, done, total),
            returned=returned,
            failed=lambda error: self.told.emit(str(error) or type(error).__name__, "error"),
            cancelled=lambda: self.told.emit("Cancelled.", "info"),
            finished=end,
            **kwargs,
        )
        self._tasks.append(task)

    def _on_loaded(self, loadable: Loadable, layers: list[Any]) -> None:
        uids = list(dict.fromkeys(one.series_uid for one in loadable.instances))
        self.slices.replace(uids, layers)
        self.loaded.emit(layers)

    def _tell_idle(self) -> None:
        if not self.is_busy:
            self.idle.emit()


def by_node(rows: Sequence[MatchRow], node: str = "") -> dict[str, list[MatchRow]]:
    """Return rows by the node to ask for them: `node`, else the first that has each."""
    found: dict[str, list[MatchRow]] = {}
    for row in rows:
        if node and node in row.nodes:
            found.setdefault(node, []).append(row)
        elif not node and row.nodes:
            found.setdefault(row.nodes[0], []).append(row)
    return found


def _retrieve(
    database: Any, node: Node, wanted: list[Wanted], *, arrived: Any, progress: Any
) -> RetrieveReport:
    from napari_dicomdb.network.retrieving import retrieve

    if database.read_only:
        raise DatabaseError(
            "The database was opened read-only, so that nothing can be retrieved into it.",
            reason="read-only",
        )
    return retrieve(database, node, wanted, progress=progress, arrived=arrived, pauses=_PAUSES)


def prefers_streaming() -> bool:
    """Whether series of DICOMweb nodes are opened without being kept."""
    from napari_dicomdb.viewer.preferences import preference

    return bool(preference("network", "stream_dicomweb", False))


def _open_remote(node: Node, row: MatchRow, *, progress: Any) -> list[Loadable]:
    from napari_dicomdb.network.streaming import open_remote_series

    study = wanted_of(row).study_uid if row.match.study_uid or row.parent else ""
    return open_remote_series(node, study, row.match.series_uid, progress=progress)


def _retrieve_into(
    directory: Any, node: Node, wanted: list[Wanted], *, progress: Any
) -> RetrieveReport:
    from napari_dicomdb.api import Database
    from napari_dicomdb.network.retrieving import retrieve

    with Database.open(directory) as database:
        return retrieve(database, node, wanted, progress=progress)
