"""The jobs of a queue as rows of a list; what did not change is not drawn again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, Qt

from napari_dicomdb.widgets._text import number, one_line, tool_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.network.jobs import Job

__all__ = ["JOB_ROLE", "JobList", "facts_of", "state_of"]

JOB_ROLE = int(Qt.ItemDataRole.UserRole)
_STATES = {
    "waiting": "waiting",
    "running": "running",
    "paused": "paused",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}
_WANTED = {"pause": "pausing…", "cancel": "cancelling…"}


def state_of(job: Job) -> str:
    """Return the state of a job in one or two words."""
    if job.wanted:
        return _WANTED.get(job.wanted, job.wanted)
    if job.state == "waiting" and job.at_next is not None:
        return "tries again " + time.strftime("%H:%M:%S", time.localtime(job.at_next))
    return _STATES.get(job.state, job.state)


def facts_of(job: Job) -> str:
    """Return the second line of a job: how far, how fast, how long still; what went wrong."""
    parts: list[str] = []
    # The state says how far one step is, the last words how much was done in the end.
    is_single = job.total == 1 or (job.state == "done" and bool(job.text))
    if not is_single and job.total and (job.done or job.state == "running"):
        parts.append(f"{number(job.done)} of {number(job.total)}")
    elif job.done and not is_single:
        parts.append(number(job.done))
    if job.state == "running":
        if job.rate > 0:
            parts.append(f"{job.rate:.0f}/s" if job.rate >= 10 else f"{job.rate:.1f}/s")
        left = job.seconds_left
        if left is not None and left >= 2:
            parts.append(f"{_duration(left)} left")
    said = job.error or job.text
    if said:
        parts.append(one_line(said))
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    if whole < 90 * 60:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class JobList(QAbstractListModel):
    """Rows of jobs; `show_jobs` changes only what is other than before.

    So a selection stays on its jobs, and nothing flickers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Job] = []

    def row_of(self, id: int) -> int:
        """Return the row of a job, -1 when it is not there."""
        for row, job in enumerate(self.jobs):
            if job.id == id:
                return row
        return -1

    def show_jobs(self, jobs: Sequence[Job]) -> None:
        """Show these jobs, in this order."""
        nowhere = QModelIndex()
        wanted = {job.id for job in jobs}
        for row in reversed(range(len(self.jobs))):
            if self.jobs[row].id not in wanted:
                self.beginRemoveRows(nowhere, row, row)
                del self.jobs[row]
                self.endRemoveRows()
        for row, job in enumerate(jobs):
            # Mostly it is there already: only what came or moved is looked for.
            here = row < len(self.jobs) and self.jobs[row].id == job.id
            now = row if here else self.row_of(job.id)
            if now < 0:
                self.beginInsertRows(nowhere, row, row)
                self.jobs.insert(row, job)
                self.endInsertRows()
                continue
            if now != row:
                self.beginMoveRows(nowhere, now, now, nowhere, row)
                self.jobs.insert(row, self.jobs.pop(now))
                self.endMoveRows()
            if self.jobs[row] != job:
                self.jobs[row] = job
                self.dataChanged.emit(self.index(row, 0), self.index(row, 0))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(self.jobs)

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:  # noqa: D102
        if not index.isValid() or index.row() >= len(self.jobs):
            return None
        job = self.jobs[index.row()]
        if role == JOB_ROLE:
            return job
        if role == Qt.ItemDataRole.DisplayRole:
            return job.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            facts = facts_of(job)
            return f"{job.title}: {state_of(job)}" + (f", {facts}" if facts else "")
        if role == Qt.ItemDataRole.ToolTipRole:
            lines = [one_line(job.title), state_of(job)]
            lines += [part for part in (job.node and f"Node {job.node}", facts_of(job)) if part]
            return tool_tip("\n".join(lines))
        return None
