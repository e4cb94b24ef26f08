"""The queue of jobs of a database: kept in a file, seen by several processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_dicomdb.database import Database
    from napari_dicomdb.network.jobs.job import Job

__all__ = ["JobQueue"]


class JobQueue:
    """The jobs of a database, and the threads that do them.

    Any number of processes may open the queue of one database; each job is run by one
    of them. Nothing runs until `start`.

    Parameters
    ----------
    database : Database
        An `api.Database`. One that is read-only or in memory has a queue that lives as
        long as this object; `remark` says so.

    Attributes
    ----------
    remark : str
        What the user should know of the queue (not kept, or the file was damaged and put
        aside); "" for nothing.
    is_kept : bool
        Whether the jobs survive this process.
    """

    remark: str
    is_kept: bool

    def __init__(self, database: Database) -> None:
        raise NotImplementedError

    def add(
        self,
        kind: str,
        what: Mapping[str, Any] | None = None,
        *,
        title: str = "",
        node: str = "",
        first: bool = False,
    ) -> Job:
        """Add a job at the end, or at the front of those that wait.

        Parameters
        ----------
        kind : str
            One of `job.KINDS`.
        what : mapping
            What is to be done, for JSON; see `jobs.kinds` for the keys of each kind:

            - echo: none; `node` is tested.
            - find: ``level, keys, root, returned, limit`` as of `query.Query`, and
              ``nodes``, a list of names ("" is this database), unless `node` is given.
            - retrieve: ``wanted``: a list of dicts as `retrieving.Wanted`;
              ``only_missing`` (True).
            - send: ``studies, series, instances``: lists of UIDs; ``transcode`` (True),
              ``commitment`` (False). See `jobs.kinds.selection` for records.
            - import: ``paths``, ``copy`` (False).
            - export: ``studies, series, instances``, ``to``, ``form``, ``dicomdir``,
              ``archive`` as of `Database.export`.
        title : str
            For people; made of kind, node and counts when "". No values of patients.
        node : str
            Name of the node.
        first : bool
            Before all others that wait.

        Raises
        ------
        DicomDbError
            "bad-job": there is no such kind, or `what` does not say what to do.
        """
        raise NotImplementedError

    def jobs(self) -> list[Job]:
        """List all jobs: those that run, those that wait in their order, finished ones last."""
        raise NotImplementedError

    def job(self, id: int) -> Job:
        """Return one job with its report; NotFoundError if there is none."""
        raise NotImplementedError

    def result(self, id: int) -> Any:
        """Return what the work itself returned (FindReport, SendReport ...).

        Only of jobs that this object ran, the last few; else None: it may hold values of
        patients and is never written.
        """
        raise NotImplementedError

    def pause(self, id: int) -> Job:
        """Stop a job cleanly; `resume` lets it go on where it stopped."""
        raise NotImplementedError

    def resume(self, id: int) -> Job:
        """Let a paused job go on."""
        raise NotImplementedError

    def cancel(self, id: int) -> Job:
        """Stop a job for good; what is done stays done."""
        raise NotImplementedError

    def retry(self, id: int) -> Job:
        """Try a failed or cancelled job again, or one that waits for it, now."""
        raise NotImplementedError

    def move(self, id: int, before: int | None = None) -> Job:
        """Put a job that waits before another one; None: behind all."""
        raise NotImplementedError

    def clear_finished(self) -> int:
        """Forget jobs that are done, failed or cancelled; return how many."""
        raise NotImplementedError

    def start(self, workers: int = 2) -> None:
        """Begin to work, in as many threads, and as many more for echo and find."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop working; what runs stops cleanly and goes on with the next start."""
        raise NotImplementedError

    @property
    def is_started(self) -> bool:
        """Whether this object works on the jobs."""
        raise NotImplementedError

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing runs or waits (paused ones aside); tell whether that is so."""
        raise NotImplementedError

    def on_changed(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have a function called, from any thread, after jobs changed in any process.

        At most some ten times a second; returns a function that ends it.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Stop, and close the file."""
        raise NotImplementedError
