"""Follows one job of the queue as a dialog follows a task of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.widgets.models.job_list import state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.network.jobs import Job
    from napari_dicomdb.widgets._network_session import NetworkSession

__all__ = ["JobFollower"]


class JobFollower(QObject):
    """Puts a job into the queue and tells how it goes; what `WorkStrip.start` expects.

    The job goes on when nobody follows it any more.

    Parameters
    ----------
    network : NetworkSession
    add : callable
        Gets the queue, on a thread; returns the job.
    parent : QObject
    progressed, returned, failed, cancelled, finished : callable
        As of `TaskRunner.submit`; `returned` gets what the work returned, also when the job
        failed because of a part of it.
    """

    def __init__(
        self,
        network: NetworkSession,
        add: Callable[[Any], Job],
        parent: QObject,
        *,
        progressed: Callable[..., None],
        returned: Callable[[Any], None] | None,
        failed: Callable[[Exception], None],
        cancelled: Callable[[], None],
        finished: Callable[[], None],
    ) -> None:
        super().__init__(parent)
        self._network = network
        self._progressed, self._returned = progressed, returned
        self._failed, self._cancelled, self._finished = failed, cancelled, finished
        self.job: Job | None = None
        self._wants_cancel = self._is_seen = self._is_left = self.is_over = False
        network.jobs_changed.connect(self._look)
        network.ask_queue(add, returned=self._added, failed=self._end_with)

    def cancel(self) -> None:
        """Cancel the job."""
        self._wants_cancel = True
        if self.job is not None:
            self._network.change_jobs("cancel", [self.job.id])

    def let_go(self) -> None:
        """Follow it no longer; nothing is called any more."""
        self._is_left = True
        self._stop_looking()

    def _stop_looking(self) -> None:
        if not self.is_over:
            self.is_over = True
            self._network.jobs_changed.disconnect(self._look)

    def _added(self, job: Job) -> None:
        self.job = job
        if self._wants_cancel:
            self.cancel()
        self._look(self._network.jobs)

    def _look(self, jobs: list[Job]) -> None:
        if self.job is None or self.is_over:
            return
        known = [job for job in jobs if job.id == self.job.id]
        if not known:
            if self._is_seen:  # cleared away, or another database is open
                gone = "The job is not in the queue any more."
                self._end_with(DicomDbError(gone, reason="gone"))
            return
        (job,) = known
        self.job, self._is_seen = job, True
        if not job.is_finished:
            self._progressed(job.done, job.total, _words(job))
            return
        self._stop_looking()
        self._network.ask_queue(
            lambda queue: queue.result(job.id),
            returned=lambda result: self._ended(job, result),
            failed=self._end_with,
        )

    def _ended(self, job: Job, result: Any) -> None:
        if self._is_left:
            return
        if job.state == "cancelled":
            self._cancelled()
        elif result is not None and self._returned is not None:
            self._returned(result)
        elif job.state == "failed":
            self._failed(DicomDbError(job.error or job.text, reason=job.reason or "failed"))
        self._finished()

    def _end_with(self, error: Exception) -> None:
        self._stop_looking()
        if not self._is_left:
            self._failed(error)
            self._finished()


def _words(job: Job) -> str:
    """Return what to tell of a job that has not ended."""
    if job.error:
        return f"{job.error} ({state_of(job)})"
    if job.state == "running":
        return job.text
    return {"waiting": "Waiting for its turn", "paused": "Paused"}.get(job.state, job.state)
