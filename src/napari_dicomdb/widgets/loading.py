"""Loads loadables on a worker thread and adds them to the viewer on the GUI thread."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils import cancelable_progress
from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, Signal

from napari_dicomdb.dicom.findings import Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.content import CONTENT
from napari_dicomdb.loading.loaders.scene import SCENE
from napari_dicomdb.widgets._text import one_line
from napari_dicomdb.widgets._warming import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.dicom.content import ContentTree
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress
    from napari_dicomdb.viewer.scene import LoadedScene
    from napari_dicomdb.widgets._tasks import Task, TaskRunner

__all__ = ["LayerLoader"]


class _ActivityBar(cancelable_progress):
    """A bar in napari's activity dock whose cancel button calls back at once.

    napari's own acts on the next step of an iteration, and here the steps are
    taken by another thread. Nothing is printed to the terminal: what is loaded
    is nobody's business there.
    """

    def __init__(self, description: str, cancelled: Callable[[], None]) -> None:
        self._on_cancel = cancelled
        self._shown_total = 0
        super().__init__(desc=description, total=0, file=io.StringIO())

    def cancel(self) -> None:
        super().cancel()
        self._on_cancel()

    def show_progress(self, done: int, total: int | None) -> None:
        if total and total != self._shown_total:
            self._shown_total = total
            self.total = total
        if done > self.n:
            self.update(done - self.n)


class LayerLoader(QObject):
    """Opens loadables one after the other.

    Parameters
    ----------
    viewer : napari viewer
    runner : TaskRunner
        With one worker, so that layers come in the order asked for.
    """

    loaded = Signal(object, object)  # Loadable, list of layers
    content_read = Signal(object, object, int)  # list of Loadable, ContentTree, its place
    changed = Signal(object)  # InstanceRecords whose files are not what the index says
    failed = Signal(object, object)  # Loadable, error
    progressed = Signal(str, int, object)  # what is loaded, done, total or None
    idle = Signal()

    def __init__(self, viewer: Any, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._runner = runner
        self._bars: dict[Task, _ActivityBar] = {}
        #: Gives the database in which scenes find what they refer to; None: the default one.
        self.database: Callable[[], Any] = lambda: None
        if viewer is not None:
            warm_up(runner)

    @property
    def is_busy(self) -> bool:
        """Whether something is being loaded."""
        return bool(self._bars)

    def load(self, loadables: Sequence[Loadable]) -> None:
        """Load `loadables` and add what they give to the viewer."""
        contents = [one for one in loadables if one.kind == CONTENT]
        if contents:
            self._submit(contents[0], partial(_first_readable, contents), self._tell_content)
        for loadable in loadables:
            if loadable.kind == SCENE:
                work = partial(_read_scene, loadable, self.database())
                self._submit(loadable, work, partial(self._add_scene, loadable))
            elif loadable.kind != CONTENT:
                self._submit(loadable, loadable.load, partial(self._add, loadable))

    def cancel(self) -> None:
        """Stop loading; layers already added stay."""
        for task in list(self._bars):
            task.cancel()

    def close(self) -> None:
        """Stop loading and take the bars out of the activity dock."""
        self.cancel()
        for bar in self._bars.values():
            bar.close()
        self._bars.clear()

    def _submit(
        self, loadable: Loadable, work: Callable[..., Any], returned: Callable[[Any], None]
    ) -> None:
        holder: list[Task] = []
        bar = _ActivityBar("Loading DICOM", lambda: holder[0].cancel())
        task = self._runner.submit(
            work,
            pass_progress=True,
            progressed=lambda done, total, _text: self._tell(loadable, bar, done, total),
            returned=returned,
            failed=lambda error: self.failed.emit(loadable, error),
            finished=lambda: self._end(holder[0]),
        )
        holder.append(task)
        self._bars[task] = bar
        self.progressed.emit(self._said(loadable), 0, None)

    def _said(self, loadable: Loadable) -> str:
        waiting = len(self._bars) - 1
        more = f" ({waiting} more to come)" if waiting > 0 else ""
        return f"Loading {one_line(loadable.name)}{more}"

    def _tell(self, loadable: Loadable, bar: _ActivityBar, done: int, total: int | None) -> None:
        # In this order: napari's bar handles events, the end of the work among them.
        self.progressed.emit(self._said(loadable), done, total)
        bar.show_progress(done, total)

    def _add(self, loadable: Loadable, volume: Volume) -> None:
        from napari_dicomdb.viewer.open import add_volume

        layers = add_volume(self._viewer, volume)
        found = {f.text: f for f in (*loadable.findings, *volume.findings)}
        errors = [f.text for f in found.values() if f.severity is Severity.ERROR]
        if errors:
            show_warning("Loaded with errors: " + " ".join(errors))
        changed = set(volume.meta.get("changed_instances", ()))
        if changed:
            self.changed.emit([r for r in loadable.instances if r.uid in changed])
        self.loaded.emit(loadable, layers)

    def _add_scene(self, loadable: Loadable, loaded: LoadedScene) -> None:
        from napari_dicomdb.viewer.scene import show_scene

        opened = show_scene(self._viewer, loaded)
        if opened.problems:
            show_warning("Not all of the scene could be opened: " + "; ".join(opened.problems))
        self.loaded.emit(loadable, list(opened.layers))

    def _tell_content(self, read: tuple[list[Loadable], ContentTree, int]) -> None:
        self.content_read.emit(*read)

    def _end(self, task: Task) -> None:
        bar = self._bars.pop(task, None)
        if bar is not None:
            bar.close()
        if not self._bars:
            self.idle.emit()


def _read_scene(loadable: Loadable, database: Any, *, progress: Progress) -> LoadedScene:
    from napari_dicomdb.viewer.scene import read_for_viewer

    return read_for_viewer(loadable.instances[0].path, database=database, progress=progress)


def _first_readable(
    contents: list[Loadable], *, progress: Progress
) -> tuple[list[Loadable], ContentTree, int]:
    """Read what the first of `contents` says whose file can be read, with its place."""
    first_error: LoadError | None = None
    place = 0
    for done, loadable in enumerate(contents):
        progress(done, len(contents), "Reading")
        try:
            return contents, loadable.content(), place
        except LoadError as error:
            first_error = first_error or error
        place += len(loadable.instances)
    raise first_error or LoadError("there is nothing to read", reason="no-content")
