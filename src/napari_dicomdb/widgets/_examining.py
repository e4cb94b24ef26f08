"""From selected series to the panel of ways to open them, and from there to layers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_dicomdb.database.records import SeriesRecord, StudyRecord
from napari_dicomdb.errors import DatabaseError
from napari_dicomdb.loading.content import CONTENT
from napari_dicomdb.loading.stored import summary_of
from napari_dicomdb.widgets._text import count, number, series_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.widgets._drag import Dragged
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets.content_dock import ContentDock
    from napari_dicomdb.widgets.examine_panel import ExaminePanel
    from napari_dicomdb.widgets.loading import LayerLoader
    from napari_dicomdb.widgets.models import WayRow
    from napari_dicomdb.widgets.work_bar import WorkBar

__all__ = ["Examiner"]

_AT_ONCE = 16  # series
_NOTHING = "Select a series to see how it can be opened."


class Examiner(QObject):
    """Examines what is selected, loads what is chosen.

    Parameters
    ----------
    session : DatabaseSession
    runner : TaskRunner
        Where series are examined.
    panel : ExaminePanel
    loader : LayerLoader
    contents : ContentDock
    bar : WorkBar
        Says what is being loaded, and cancels it.
    viewer : napari viewer or None
    """

    examined = Signal(object)  # list of Loadable, when the panel shows them
    failed = Signal(object)
    missing = Signal(object)  # list of SeriesRecord whose files are gone

    def __init__(
        self,
        session: DatabaseSession,
        runner: TaskRunner,
        panel: ExaminePanel,
        loader: LayerLoader,
        contents: ContentDock,
        bar: WorkBar,
        viewer: Any,
    ) -> None:
        super().__init__(panel)
        self._session = session
        self._runner = runner
        self._panel = panel
        self._loader = loader
        self._contents = contents
        self._bar = bar
        self._viewer = viewer
        self._task: Task | None = None
        self._references: Task | None = None
        self._to_load: tuple[str, ...] = ()
        panel.load_requested.connect(self.load)
        loader.failed.connect(self._on_load_failed)
        loader.progressed.connect(bar.show_work)
        loader.idle.connect(bar.end)
        bar.cancelled.connect(loader.cancel)

    def clear(self) -> None:
        """Show no ways to open anything."""
        self._cancel()
        self._panel.clear(_NOTHING)

    def _cancel(self) -> None:
        for task in (self._task, self._references):
            if task is not None:
                task.cancel()

    def examine(
        self,
        series: Sequence[SeriesRecord],
        ways: Sequence[WayRow] = (),
        *,
        then_load: bool = False,
    ) -> None:
        """Show the ways to open `series`; only `ways` are checked, by default the best ones."""
        asked = tuple(one.uid for one in series)
        if not then_load and self._is_to_load(asked):
            return  # a list that is read again selects anew what is about to be loaded
        self._cancel()
        self._to_load = asked if then_load else ()
        database = self._session.database
        if not series or database is None:
            self._panel.clear(_NOTHING)
            return
        examined = list(series[:_AT_ONCE])
        gone = [s for s in examined if 0 < s.instance_count <= s.missing_count]
        if then_load and gone:
            self.missing.emit(gone)
            then_load = len(gone) < len(examined)
        if then_load and len(series) > _AT_ONCE:
            self.failed.emit(
                DatabaseError(
                    f"{number(len(series))} series are selected; the first {_AT_ONCE} are loaded. "
                    "Select fewer, and load the others after.",
                    reason="too-many",
                )
            )
        self._task = self._runner.submit(
            database.examine_several,
            examined,
            returned=lambda found: self._show(series, examined, ways, found, then_load),
            failed=lambda error: self._panel.clear(f"It cannot be examined: {error}"),
        )

    def _is_to_load(self, asked: tuple[str, ...]) -> bool:
        runs = self._task is not None and not self._task.is_done
        return runs and bool(self._to_load) and asked in ((), self._to_load)

    def _show(
        self,
        series: Sequence[SeriesRecord],
        examined: list[SeriesRecord],
        ways: Sequence[WayRow],
        found: list[Loadable],
        then_load: bool,
    ) -> None:
        heading = series_title(examined[0]) if len(examined) == 1 else f"{len(examined)} series"
        if len(series) > len(examined):
            heading = f"the first {len(examined)} of {count(len(series), 'series', 'series')}"
        self._panel.show_loadables(found, heading)
        if ways:
            self._panel.choose(_chosen(found, ways, examined))
        self._references = self._contents.find_referenced(found, self._panel.show_referenced)
        self.examined.emit(found)
        # What has errors waits for "Load anyway", which the panel now shows.
        if then_load and not self._panel.has_errors():
            self._panel.load()

    def load_records(self, records: Sequence[Any], ways: Sequence[WayRow] = ()) -> None:
        """Load what opens by default of series, or of all series of patients and studies."""
        if all(isinstance(r, SeriesRecord) for r in records):
            self.examine(records, ways, then_load=True)
            return
        database = self._session.database
        if database is not None:
            self._find(partial(_series_of, database, records))

    def load_dragged(self, dragged: Dragged) -> None:
        """Load what was dropped on the canvas."""
        database = self._session.database
        here = "" if database is None or database.path is None else str(database.path)
        if database is None or dragged.database != here:
            self.failed.emit(
                DatabaseError(
                    "What was dropped belongs to another database; open that one first.",
                    reason="other-database",
                )
            )
            return
        self._find(partial(dragged.find, database), dict(dragged.ways))

    def _find(self, look_up: Any, places: dict[str, int] | None = None) -> None:
        def found(series: list[SeriesRecord]) -> None:
            if places:
                self._examine_places(series, places)
            else:
                self.examine(series, then_load=True)

        self._runner.submit(look_up, returned=found, failed=self.failed.emit)

    def _examine_places(self, series: list[SeriesRecord], places: dict[str, int]) -> None:
        """Load single ways, known by their places among those of their series."""
        database = self._session.database
        if database is None:
            return

        def work() -> list[Loadable]:
            chosen: list[Loadable] = []
            for one in series:
                ways = database.examine(one)
                place = places.get(one.uid)
                if place is None:
                    chosen += [way for way in ways if way.selected]
                elif place < len(ways):
                    chosen.append(ways[place])
            return chosen

        self._runner.submit(work, returned=self.load, failed=self.failed.emit)

    def load(self, loadables: list[Loadable]) -> None:
        """Load in the background; what is read becomes layers, or shows its content."""
        if self._viewer is None and any(one.kind != CONTENT for one in loadables):
            self.failed.emit(RuntimeError("There is no napari viewer to load into."))
            return
        self._loader.load(loadables)

    def _on_load_failed(self, _loadable: Loadable, error: Exception) -> None:
        self.failed.emit(error)
        show_error(f"Loading failed: {error}")


def _series_of(database: Database, records: Sequence[Any]) -> list[SeriesRecord]:
    found: dict[int, SeriesRecord] = {}
    for record in records:
        if isinstance(record, SeriesRecord):
            found[record.key] = record
            continue
        level = "study" if isinstance(record, StudyRecord) else "patient"
        found.update((s.key, s) for s in database.series(**{level: record}))
    return list(found.values())


def _chosen(
    found: Sequence[Loadable], ways: Sequence[WayRow], series: Sequence[SeriesRecord]
) -> list[Loadable]:
    """Return the loadables of single ways, with the best ones of series chosen as a whole."""
    single: dict[str, list[WayRow]] = {}
    for way in ways:
        single.setdefault(way.series.uid, []).append(way)
    of_series: dict[str, list[Loadable]] = {one.uid: [] for one in series}
    for loadable in found:
        if loadable.instances:
            of_series.setdefault(loadable.instances[0].series_uid, []).append(loadable)
    chosen: list[Loadable] = []
    for uid, loadables in of_series.items():
        if uid in single:
            wanted = {(way.way.name, way.way.loader) for way in single[uid]}
            chosen += [one for one in loadables if (one.name, summary_of(one).loader) in wanted]
        else:
            chosen += [one for one in loadables if one.selected]
    return chosen
