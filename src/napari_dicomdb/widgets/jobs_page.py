"""The queue of jobs: what runs, what waits, what came of the rest, and what to do about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QItemSelectionModel, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QListView,
    QSplitter,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_dicomdb.widgets._dialog_parts import row_of
from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._job_delegate import JobDelegate
from napari_dicomdb.widgets._job_details import JobDetails
from napari_dicomdb.widgets._network_page import KeyCalls, NetworkPage, show_menu
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._text import number
from napari_dicomdb.widgets._upkeep_page import make_button
from napari_dicomdb.widgets.models.job_list import JOB_ROLE, JobList
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qtpy.QtCore import QPoint
    from qtpy.QtGui import QShowEvent

    from napari_dicomdb.network.jobs import Job
    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["JobsPage"]

_EMPTY = (
    "No jobs.\n\nWhat is sent, retrieved and asked for over the network runs here in the "
    "background, one after another, and goes on after a restart."
)


class JobsPage(NetworkPage):
    """All jobs in order, with what can be done to those that are selected.

    Keys: Space pauses and resumes, Delete cancels, F5 tries again, Ctrl+Up and
    Ctrl+Down move in the queue, Ctrl+C copies the report.
    """

    title = "Jobs"

    def __init__(
        self,
        session: NetworkSession,
        runner: TaskRunner,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(session, runner, palette, parent)
        self._network = session
        self.model = JobList()
        self._delegate = JobDelegate(palette, self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setItemDelegate(self._delegate)
        self.list.setAccessibleName("Jobs")
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.list.selectionModel().selectionChanged.connect(lambda *_: self._on_selected())
        control = Qt.KeyboardModifier.ControlModifier
        KeyCalls(
            self.list,
            {
                Qt.Key.Key_Space: self.pause_or_resume,
                Qt.Key.Key_Delete: self.cancel,
                Qt.Key.Key_Backspace: self.cancel,
                Qt.Key.Key_F5: self.retry,
                (Qt.Key.Key_Up, control): self.move_up,
                (Qt.Key.Key_Down, control): self.move_down,
                (Qt.Key.Key_C, control): self.copy,
            },
        )
        self.details = JobDetails(palette)
        self.notice = NoticeBox("warning", closable=True)
        self.notice.hide()
        self.count = QElidingLabel("")
        self.count.setObjectName("dim")
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._icons: dict[QToolButton, str] = {}
        self.pause_button = self._button("pause", "Pause (Space)", self.pause_or_resume)
        self.cancel_button = self._button(
            "close", "Cancel: what is done stays done (Del)", self.cancel
        )
        self.retry_button = self._button("retry", "Try again (F5)", self.retry)
        self.up_button = self._button("up", "Sooner: move up in the queue (Ctrl+Up)", self.move_up)
        self.down_button = self._button(
            "below", "Later: move down in the queue (Ctrl+Down)", self.move_down
        )
        self.clear_button = make_button(
            "Clear finished", self.clear, "Forget jobs that are done, failed or cancelled"
        )
        self.clear_button.setObjectName("barButton")
        self._build()
        session.jobs_changed.connect(self._show_jobs)
        session.queue_opened.connect(self._show_remark)
        self.apply_palette(palette)
        self._show_jobs(session.jobs)
        self._show_remark()

    def _build(self) -> None:
        empty = QLabel(_EMPTY)
        empty.setObjectName("dim")
        empty.setWordWrap(True)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        holder = QWidget()
        self._stack = QStackedLayout(holder)
        self._empty = QWidget()
        inner = QVBoxLayout(self._empty)
        inner.setContentsMargins(24, 0, 24, 0)
        inner.addWidget(empty)
        self._stack.addWidget(self._empty)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.addWidget(self.list)
        self._split.addWidget(self.details)
        self._split.setChildrenCollapsible(False)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self.details.hide()
        self._stack.addWidget(self._split)
        row = row_of(
            self.pause_button,
            self.cancel_button,
            self.retry_button,
            self.up_button,
            self.down_button,
            self.count,
            self.clear_button,
        )
        row.setStretch(row.indexOf(self.count), 1)
        self.column.addLayout(row)
        self.column.addWidget(self.notice)
        self.column.addWidget(holder, 1)

    def _button(self, name: str, tip: str, call: Callable[[], object]) -> QToolButton:
        button = QToolButton()
        button.setIconSize(QSize(16, 16))
        button.setToolTip(tip)
        button.setAccessibleName(tip.split(":")[0].split(" (")[0])
        button.clicked.connect(lambda _=False: call())
        self._icons[button] = name
        return button

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        super().apply_palette(palette)
        self._delegate.apply_palette(palette)
        self.details.apply_palette(palette)
        self.notice.apply_palette(palette)
        self.list.setStyleSheet(
            f"QListView {{ background-color: {palette.foreground.name()}; border: 0px;"
            " border-radius: 3px; padding: 2px; outline: 0; }"
        )
        self._draw_icons()
        self.list.viewport().update()

    def _draw_icons(self) -> None:
        for button, name in self._icons.items():
            button.setIcon(icon(name, self.palette_.icon))

    def focus_first(self) -> None:
        """Give the focus to the list."""
        self.list.setFocus()

    # -- what is shown --------------------------------------------------------------------

    def _show_jobs(self, jobs: list[Job]) -> None:
        self.model.show_jobs(jobs)
        self._stack.setCurrentWidget(self._split if jobs else self._empty)
        states = [job.state for job in jobs]
        told = [
            f"{number(states.count(state))} {state}"
            for state in ("running", "waiting", "paused", "failed")
            if state in states
        ]
        self.count.setText(", ".join(told))
        self.count.setToolTip(", ".join(told))
        self._update()
        if self.isVisible():
            self._network.mark_seen()

    def showEvent(self, event: QShowEvent) -> None:
        """Take what failed as seen."""
        super().showEvent(event)
        self._network.mark_seen()

    def selected(self) -> list[Job]:
        """Return the selected jobs, in order."""
        indexes = sorted(self.list.selectionModel().selectedIndexes(), key=lambda i: i.row())
        return [index.data(JOB_ROLE) for index in indexes]

    def select(self, ids: Iterable[int]) -> None:
        """Select these jobs, and scroll to the first."""
        flag = QItemSelectionModel.SelectionFlag
        selection = self.list.selectionModel()
        selection.clear()
        for id in ids:
            row = self.model.row_of(id)
            if row >= 0:
                index = self.model.index(row, 0)
                if not selection.hasSelection():
                    selection.setCurrentIndex(index, flag.NoUpdate)
                    self.list.scrollTo(index)
                selection.select(index, flag.Select)

    def _on_selected(self) -> None:
        self._update()

    def _update(self) -> None:
        jobs = self.selected()
        actions = set().union(*(job.actions for job in jobs)) if jobs else set()
        resumes = "resume" in actions and "pause" not in actions
        self.pause_button.setEnabled(bool(actions & {"pause", "resume"}))
        self._icons[self.pause_button] = "play" if resumes else "pause"
        words = "Go on (Space)" if resumes else "Pause (Space)"
        self.pause_button.setToolTip(words)
        self.pause_button.setAccessibleName(words.split(" (")[0])
        self.pause_button.setIcon(icon(self._icons[self.pause_button], self.palette_.icon))
        self.cancel_button.setEnabled("cancel" in actions)
        self.retry_button.setEnabled("retry" in actions)
        self.up_button.setEnabled(self._place_before() is not None)
        self.down_button.setEnabled(self._place_behind() is not None)
        self.clear_button.setEnabled(any(job.is_finished for job in self.model.jobs))
        self._show_details(jobs)

    def _show_details(self, jobs: list[Job]) -> None:
        if len(jobs) != 1:
            self.details.hide()
            return
        (job,) = jobs
        shown = self.details.job
        if shown is not None and shown.id == job.id and shown.report is not None:
            self.details.show_job(replace(job, report=shown.report if job.is_finished else None))
        else:
            self.details.show_job(job)
        self.details.show()
        is_new = shown is None or (shown.id, shown.state) != (job.id, job.state)
        if is_new and (job.is_finished or job.error):
            id = job.id
            self._network.ask_queue(
                lambda queue: queue.job(id), returned=self._reported, failed=self._no_report
            )

    def _reported(self, job: Job) -> None:
        selected = self.selected()
        if len(selected) == 1 and selected[0].id == job.id:
            self.details.show_job(job)

    def _no_report(self, error: Exception) -> None:
        """Say nothing: the job is gone, and so will be its row."""

    def _show_remark(self) -> None:
        queue = self._network.queue
        remark = "" if queue is None else queue.remark
        if remark:
            self.notice.show_text(remark, "warning")
        self.notice.setVisible(bool(remark))

    def _on_failed(self, error: Exception) -> None:
        self.notice.show_text(str(error) or type(error).__name__, "error")
        self.notice.show()

    # -- what can be done -----------------------------------------------------------------

    def _can(self, action: str) -> list[int]:
        return [job.id for job in self.selected() if action in job.actions]

    def _do(self, action: str) -> None:
        ids = self._can(action)
        if ids:
            self.notice.hide()
            self._network.change_jobs(action, ids, failed=self._on_failed)

    def pause_or_resume(self) -> None:
        """Pause the selected jobs; when none can be, let those that are paused go on."""
        self._do("pause" if self._can("pause") else "resume")

    def cancel(self) -> None:
        """Cancel the selected jobs."""
        self._do("cancel")

    def retry(self) -> None:
        """Try the selected jobs again."""
        self._do("retry")

    def clear(self) -> None:
        """Forget what is finished."""
        self._network.ask_queue(lambda queue: queue.clear_finished(), failed=self._on_failed)

    def copy(self) -> None:
        """Copy the report of the selected job."""
        if self.details.isVisible():
            self.details.copy()

    def _movable(self) -> list[Job]:
        return [job for job in self.model.jobs if "move" in job.actions]

    def _place_before(self) -> tuple[int, int] | None:
        """Return the selected job and that before which it goes when it moves up."""
        return self._place(-1)

    def _place_behind(self) -> tuple[int, int | None] | None:
        """Return the selected job and that before which it goes when it moves down."""
        return self._place(2)

    def _place(self, step: int) -> Any:
        jobs, movable = self.selected(), [job.id for job in self._movable()]
        if len(jobs) != 1 or jobs[0].id not in movable:
            return None
        at = movable.index(jobs[0].id)
        if (step < 0 and at == 0) or (step > 0 and at == len(movable) - 1):
            return None
        target = at + step
        return jobs[0].id, movable[target] if target < len(movable) else None

    def _move(self, place: tuple[int, int | None] | None) -> None:
        if place is not None:
            self._network.ask_queue(
                lambda queue: queue.move(place[0], before=place[1]), failed=self._on_failed
            )

    def move_up(self) -> None:
        """Put the selected job before the one that comes sooner."""
        self._move(self._place_before())

    def move_down(self) -> None:
        """Put the selected job behind the one that comes later."""
        self._move(self._place_behind())

    def _show_menu(self, place: QPoint) -> None:
        def entry(label: str, call: Callable[[], None], key: str, enabled: object) -> MenuEntry:
            return MenuEntry(label, call, key, bool(enabled))

        pauses = self._can("pause") or not self._can("resume")
        groups = [
            [
                entry(
                    "Pause" if pauses else "Go on",
                    self.pause_or_resume,
                    "Space",
                    self._can("pause") or self._can("resume"),
                ),
                entry("Cancel", self.cancel, "Del", self._can("cancel")),
                entry("Try again", self.retry, "F5", self._can("retry")),
            ],
            [
                entry("Move up", self.move_up, "Ctrl+Up", self._place_before()),
                entry("Move down", self.move_down, "Ctrl+Down", self._place_behind()),
            ],
            [
                entry("Copy report", self.copy, "Ctrl+C", len(self.selected()) == 1),
                entry("Clear finished", self.clear, "", self.clear_button.isEnabled()),
            ],
        ]
        show_menu(self, groups, self.list.viewport().mapToGlobal(place))
