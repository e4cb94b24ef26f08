"""What is being written, one after another; it goes on when the dock that asked is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_dicomdb.widgets._tasks import TaskRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.api import Database
    from napari_dicomdb.export.results import ResultReport
    from napari_dicomdb.widgets._tasks import Task

__all__ = ["ExportRun", "ExportSession"]


@dataclass(eq=False)
class ExportRun:
    """One thing that is written, or was.

    Attributes
    ----------
    title : str
        For people: "Segmentation".
    database : Database or None
        In which the study is.
    text, done, total : str, int, int or None
        How far it is.
    report : ResultReport or None
        When it was written.
    error : Exception or None
        Why it was not.
    is_cancelled : bool
        Whether the user stopped it; it may be written all the same.
    """

    title: str
    database: Database | None
    text: str = ""
    done: int = 0
    total: int | None = None
    report: ResultReport | None = None
    error: Exception | None = None
    is_cancelled: bool = False
    task: Task | None = None

    @property
    def outcome(self) -> str:
        """What came of it, in words."""
        if self.report is not None:
            return f"{self.report.summary()}."
        if self.error is not None:
            return str(self.error) or type(self.error).__name__
        return "Cancelled: nothing was written."


class ExportSession(QObject):
    """Writes one thing at a time; keeps the database open as long as there is something.

    Parameters
    ----------
    hold : callable
        Keeps the session of the database; returns the call that lets go of it.
    parent : QObject

    Signals
    -------
    changed : no arguments
        Something began, went on, or waits.
    ended : ExportRun
    """

    changed = Signal()
    ended = Signal(object)

    def __init__(self, hold: Callable[[], Callable[[], None]], parent: QObject) -> None:
        super().__init__(parent)
        self._hold = hold
        self._let_go: Callable[[], None] | None = None
        self._copier = TaskRunner("copying")
        self._writer = TaskRunner("writing")
        self._freed: list[tuple[Database, Callable[[], None]]] = []
        self.runs: list[ExportRun] = []  # the first one runs, the others wait
        self.results: list[ExportRun] = []  # ended, and not looked at or done with yet

    @property
    def is_busy(self) -> bool:
        """Whether something is written now."""
        return bool(self.runs)

    def add(
        self,
        title: str,
        database: Database | None,
        prepare: Callable[[], Any],
        work: Callable[..., ResultReport],
    ) -> ExportRun:
        """Write something as soon as what was asked for before is written.

        Parameters
        ----------
        title : str
        database : Database or None
        prepare : callable
            Called at once, on a thread: takes hold of what may change meanwhile.
        work : callable
            Called with what `prepare` returned, and ``progress=``.
        """
        run = ExportRun(title, database)
        if not self.runs:
            self.results.clear()
            if self._let_go is None:
                self._let_go = self._hold()
        self.runs.append(run)

        def write(prepared: Any) -> None:
            if run.is_cancelled:
                self._end(run)
                return
            run.task = self._writer.submit(
                work,
                prepared,
                pass_progress=True,
                keep_late_result=True,
                progressed=lambda *how: self._progress(run, *how),
                returned=lambda report: setattr(run, "report", report),
                failed=lambda error: setattr(run, "error", error),
                finished=lambda: self._end(run),
            )

        self._copier.submit(prepare, returned=write, failed=lambda error: self._fail(run, error))
        self.changed.emit()
        return run

    def cancel(self, run: ExportRun | None = None) -> None:
        """Stop a run, all of them by default; nothing half-written is left."""
        for one in list(self.runs) if run is None else [run]:
            one.is_cancelled = True
            if one.task is not None:
                one.task.cancel()
        self.changed.emit()

    def dismiss(self) -> None:
        """Forget what ended."""
        self.results.clear()
        self.changed.emit()

    def when_free(self, database: Database, call: Callable[[], None]) -> None:
        """Call when nothing is written any more of what `database` has."""
        self._freed.append((database, call))
        self._free()

    def close(self) -> None:
        """Stop all work."""
        self._copier.close()
        self._writer.close()
        self.runs.clear()

    def _progress(self, run: ExportRun, done: int, total: int | None, text: str) -> None:
        run.done, run.total, run.text = done, total, text
        self.changed.emit()

    def _fail(self, run: ExportRun, error: Exception) -> None:
        run.error = error
        self._end(run)

    def _end(self, run: ExportRun) -> None:
        self.runs.remove(run)
        self.results.append(run)
        self.ended.emit(run)
        self.changed.emit()
        self._free()
        if not self.runs:
            QTimer.singleShot(0, self._rest)  # not amid the delivery of a result

    def _rest(self) -> None:
        if not self.runs and self._let_go is not None:
            let_go, self._let_go = self._let_go, None
            let_go()

    def _free(self) -> None:
        used = [run.database for run in self.runs]
        free = [pair for pair in self._freed if not any(pair[0] is one for one in used)]
        self._freed = [pair for pair in self._freed if pair not in free]
        for _, call in free:
            call()
