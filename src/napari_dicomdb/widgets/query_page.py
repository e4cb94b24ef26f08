"""The page *Query* of the Network dock: ask nodes and this database, see what they have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_dicomdb.errors import DicomDbError, QueryError
from napari_dicomdb.network.echo import check_node
from napari_dicomdb.network.nodes import load_nodes
from napari_dicomdb.network.query import Query
from napari_dicomdb.widgets._match_stream import MatchStream
from napari_dicomdb.widgets._network_page import NetworkPage
from napari_dicomdb.widgets._query_words import listed, remarks_of
from napari_dicomdb.widgets._remote_local import held_of
from napari_dicomdb.widgets._text import count, one_line
from napari_dicomdb.widgets.low_area import LowArea
from napari_dicomdb.widgets.models.match_rows import HERE, next_level
from napari_dicomdb.widgets.query_form import QueryForm
from napari_dicomdb.widgets.query_results import QueryResults
from napari_dicomdb.widgets.remote_known import remote_known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dicomdb.network.echo import EchoResult
    from napari_dicomdb.network.finding import FindReport
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.query import Match
    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.models.match_rows import MatchRow

__all__ = ["QueryPage"]

_CALM = 250  # ms; what arrives in batches is looked at once
_LEAST_RESULTS = 150  # pixels


class QueryPage(NetworkPage):
    """Form above, results below.

    Parameters
    ----------
    session : NetworkSession
    runner : TaskRunner
        With several workers: what is unfolded does not wait for a query that runs.
    palette : Palette

    Signals
    -------
    nodes_wanted : no arguments
        Show the page of nodes.
    """

    title = "Query"
    nodes_wanted = Signal()

    def __init__(
        self,
        session: NetworkSession,
        runner: TaskRunner,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(session, runner, palette, parent)
        self.network = session
        self.form = QueryForm()
        self.results = QueryResults(palette)
        self.known = remote_known(session)
        self._nodes: dict[str, Node] = {}
        self._task: Task | None = None
        self._stream: MatchStream | None = None
        self._unfolding: list[Task] = []
        self._generation = 0
        self._is_awaited = False
        self.results.setMinimumHeight(_LEAST_RESULTS)
        # The form has what it needs first.
        self.results.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        bar = self.form.take_bar()
        self.column.addWidget(LowArea(self.form))
        self.column.addWidget(bar)
        self.column.addWidget(self.results, 1)
        self.form.searched.connect(self.search)
        self.form.cancelled.connect(self.cancel)
        self.form.nodes_wanted.connect(self.nodes_wanted)
        self.form.refused.connect(lambda text: self.results.tell("form", text, "warning"))
        # Queued: the tree is amid unfolding the row.
        self.results.model.children_wanted.connect(self.unfold, Qt.ConnectionType.QueuedConnection)
        self.results.test_requested.connect(self.test)
        self._holding = QTimer(self)
        self._holding.setSingleShot(True)
        self._holding.setInterval(_CALM)
        self._holding.timeout.connect(self.look_what_is_here)
        session.nodes_changed.connect(self.refresh_nodes)
        session.switched.connect(self._on_switched)
        session.session.changed.connect(self._holding.start)
        self.apply_palette(palette)
        self.refresh_nodes()

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        super().apply_palette(palette)
        self.form.apply_palette(palette)
        self.results.apply_palette(palette)

    def focus_first(self) -> None:
        """Go to the patient's name."""
        self.form.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Cancel a query by Escape, wherever the focus is."""
        if event.key() == Qt.Key.Key_Escape and self.is_busy:
            self.cancel()
            event.accept()
        else:
            super().keyPressEvent(event)

    # -- nodes ------------------------------------------------------------------------

    def refresh_nodes(self) -> None:
        """Read the list of nodes anew, in the background."""
        self.runner.submit(load_nodes, returned=self._show_nodes, failed=self._no_nodes)

    def _no_nodes(self, error: Exception) -> None:
        self.results.tell("nodes", f"The list of nodes cannot be read: {error}", "error")

    def _show_nodes(self, nodes: list[Node]) -> None:
        self._nodes = {node.name: node for node in nodes}
        self.form.show_nodes(nodes)
        self.results.streaming_nodes = frozenset(
            node.name for node in nodes if node.kind == "dicomweb"
        )
        if self._is_awaited:
            self._is_awaited = False
            self.search()

    def node(self, name: str) -> Node | None:
        """Return the node of this name, None when it is gone."""
        return self._nodes.get(name)

    def test(self, name: str) -> None:
        """Test a node that could not be asked, and say what is wrong."""
        node = self.node(name)
        if node is None:
            self.results.tell(name, f"{one_line(name)} is no longer among the nodes.", "error")
            return
        self.results.tell(name, f"Testing {one_line(name)}…", "info", testable=True)

        def work(progress: Any) -> EchoResult:
            return check_node(node, waiting=lambda: progress(0, None, name))

        def told(result: EchoResult) -> None:
            severity = "info" if result.ok else "error"
            self.results.tell(name, result.text, severity, testable=True)

        def failed(error: Exception) -> None:
            self.results.tell(name, str(error), "error", testable=True)

        self.runner.submit(work, pass_progress=True, returned=told, failed=failed)

    # -- query ------------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether a query runs."""
        return self._task is not None

    def search(self) -> None:
        """Ask what the form says; a query that runs is given up."""
        self._give_up()
        names = self.form.chosen_nodes()
        try:
            query = self.form.query()
        except DicomDbError as error:
            self.results.tell("form", str(error), "error")
            return
        nodes = [self._nodes[name] for name in names if name in self._nodes]
        here = HERE in names and self.network.database is not None
        if not nodes and not here:
            self.results.tell("form", "Choose where to look: check a node above.", "warning")
            return
        where = listed([*(["this database"] if here else []), *(one.name for one in nodes)])
        self.results.begin(query.level, where)
        self.form.show_busy(True)
        stream = MatchStream(self)
        stream.arrived.connect(partial(self._on_found, where))
        self._stream = stream
        # Its report comes although it was cancelled: with what was found before.
        self._task = self.runner.submit(
            _find,
            self.network.database,
            nodes,
            query,
            here,
            stream,
            pass_progress=True,
            keep_late_result=True,
            returned=partial(self._on_report, self._generation),
            failed=partial(self._on_failed, self._generation),
            cancelled=partial(self._on_cancelled, self._generation),
        )

    def ask_for(self, keys: Mapping[str, str]) -> None:
        """Ask for a patient by "PatientID", or for a study by "StudyInstanceUID"."""
        self.form.clear()
        study = keys.get("StudyInstanceUID", "")
        self.form.choose_level("series" if study else "study")
        self.form.patient_id.setText(keys.get("PatientID", ""))
        if study:
            self.form.add_key("StudyInstanceUID", study)
        if not self.form.boxes:
            self._is_awaited = True  # the nodes are being read
        else:
            self.search()

    def cancel(self) -> None:
        """Stop asking; what was found stays."""
        if self._task is not None:
            self._task.cancel()
            self.results.words.setText("Cancelling…")

    def _give_up(self) -> None:
        """Drop all that is still to come."""
        self._generation += 1
        for task in (self._task, *self._unfolding):
            if task is not None:
                task.cancel()
        self._unfolding.clear()
        self._end()

    def _end(self) -> None:
        self._task = None
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
            stream.deleteLater()
        self.form.show_busy(False)

    def _on_found(self, where: str, matches: Sequence[Match]) -> None:
        self.results.model.add(None, matches)
        self.known.note(matches)
        if self._task is not None and not self._task.is_cancelled:
            self.results.show_found(where)

    def _on_report(self, generation: int, report: FindReport) -> None:
        def ended() -> None:
            self._end()
            self.results.show_outcomes(report.nodes)

        if generation == self._generation and self._stream is not None:
            self._stream.end(ended)

    def _on_failed(self, generation: int, error: Exception) -> None:
        if generation == self._generation:
            self._end()
            self.results.words.setText("Nothing was asked.")
            self.results.tell("form", str(error) or type(error).__name__, "error")

    def _on_cancelled(self, generation: int) -> None:
        def ended() -> None:
            self._end()
            found = count(self.results.model.rowCount(), "answer")
            self.results.words.setText(f"Cancelled; {found} came before.")

        if generation == self._generation and self._stream is not None:
            self._stream.end(ended)

    # -- unfolding --------------------------------------------------------------------

    def unfold(self, row: MatchRow) -> None:
        """Ask the nodes that have `row` for what is below it."""
        nodes = [self._nodes[name] for name in row.nodes if name in self._nodes]
        here = self.network.database is not None and (HERE in row.matches or row.held != "none")
        gone = [name for name in row.nodes if name not in self._nodes]
        remarks = [f"{one_line(name)} is no longer among the nodes." for name in gone]
        try:
            query = below(row)
        except DicomDbError as error:
            self.results.model.finish(row, [str(error)])
            return
        generation = self._generation
        stream = MatchStream(self)

        def found(matches: Sequence[Match]) -> None:
            if generation == self._generation:
                self.results.model.add(row, matches)
                self.known.note(matches)

        def returned(report: FindReport) -> None:
            def ended() -> None:
                if generation == self._generation:
                    self.results.model.finish(row, [*remarks, *remarks_of(report.nodes)])
                stream.deleteLater()

            stream.end(ended)

        def failed(error: Exception) -> None:
            if generation == self._generation:
                self.results.model.finish(row, [str(error)])

        def finished() -> None:
            if not stream.is_ending:
                stream.close()
                stream.deleteLater()
            self._unfolding[:] = [one for one in self._unfolding if not one.is_done]

        stream.arrived.connect(found)
        task = self.runner.submit(
            _find,
            self.network.database,
            nodes,
            query,
            here,
            stream,
            pass_progress=True,
            keep_late_result=True,
            returned=returned,
            failed=failed,
            finished=finished,
        )
        self._unfolding.append(task)

    # -- what is here -----------------------------------------------------------------

    def _on_switched(self, _database: object) -> None:
        self._give_up()
        self.refresh_nodes()
        self._holding.start()

    def look_what_is_here(self) -> None:
        """Find out anew how much of the rows is in the database."""
        rows = self.results.model.rows()
        database = self.network.database
        if not rows or database is None:
            return
        matches = [(row.number, list(row.matches.values())) for row in rows]

        def told(held: dict[int, str]) -> None:
            if database is self.network.database:
                self.results.model.update_held(held)

        self.runner.submit(held_of, database, matches, returned=told)


def below(row: MatchRow) -> Query:
    """Return the query for what is below a row.

    Raises
    ------
    QueryError
        If the row has no UID to ask by.
    """
    match = row.match
    keys = {
        "patient": {"PatientID": match.patient_id},
        "study": {"PatientID": match.patient_id, "StudyInstanceUID": match.study_uid},
        "series": {
            "PatientID": match.patient_id,
            "StudyInstanceUID": _study_of(row),
            "SeriesInstanceUID": match.series_uid,
        },
    }[row.level]
    root = "patient" if row.level == "patient" else "study"
    if root == "study":
        # Not the patient's ID: a node may have the study under another one.
        keys.pop("PatientID")
    if not all(keys.values()):
        what = "patient ID" if row.level == "patient" else "UID"
        raise QueryError(f"The node gave no {what}, so that nothing below can be asked for.")
    return Query(level=next_level(row.level), keys=keys, root=root)


def _study_of(row: MatchRow) -> str:
    if row.match.study_uid or row.parent is None or row.parent.level != "study":
        return row.match.study_uid
    return row.parent.match.study_uid


def _find(
    database: Any,
    nodes: Sequence[Node],
    query: Query,
    here: bool,
    stream: MatchStream,
    *,
    progress: Any,
) -> FindReport:
    from napari_dicomdb.network.finding import find

    return find(nodes, query, database=database, here=here, found=stream.push, progress=progress)
