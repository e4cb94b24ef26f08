"""A job: what is known of one piece of work, and what may be done with it in which state."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FINISHED", "FORGOTTEN", "KINDS", "STATES", "TRANSITIONS", "Job", "refuse_transition"]

KINDS = ("echo", "find", "retrieve", "send", "import", "export")
STATES = ("waiting", "running", "paused", "done", "failed", "cancelled")
FORGOTTEN = "forgotten"
"""Key of what a job was to do: which parts of it were taken out."""
FINISHED = frozenset({"done", "failed", "cancelled"})
TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    "pause": {"waiting": "paused", "running": "paused", "paused": "paused"},
    "resume": {"paused": "waiting", "waiting": "waiting", "running": "running"},
    "cancel": {"waiting": "cancelled", "running": "cancelled", "paused": "cancelled"},
    "retry": {"failed": "waiting", "cancelled": "waiting", "waiting": "waiting"},
}
"""What may be asked of a job in which state, and in which state it then is: at once, or,
of one that runs, as soon as it has stopped."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work in the queue, as it was when it was looked at.

    Parameters
    ----------
    id : int
        Its number; never used twice in a database.
    kind : str
        One of `KINDS`.
    title : str
        What it does, for people; without values of patients.
    node : str
        Name of the node; "" where there is none or more than one.
    state : str
        One of `STATES`.
    done, total : int, int or None
        Steps done (instances, files, answers), and all; None: not known yet.
    text : str
        What it is doing now, why it waits, or a line about what came of it.
    rate : float
        Steps a second over the last seconds; 0 unless it runs.
    attempts : int
        How often it was begun since it was added or last retried by hand.
    error, reason : str
        Why it failed or waits to be tried again: plain words, reason code; else "".
    wanted : str
        "pause" or "cancel" while one that runs has not stopped yet; else "".
    what : mapping
        What is to be done, as given to `JobQueue.add`. What may name a patient (keys of a
        query, paths) is taken out once the job is done or cancelled.
    report : mapping or None
        What came of it, for JSON; UIDs, counts and reasons only. Of `JobQueue.job`;
        `JobQueue.jobs` leaves it out.
    at_added, at_started, at_ended, at_next : float or None
        Seconds since the epoch; `at_next`: when it will be tried again.
    where : str
        Which process runs it; "" for none.
    """

    id: int
    kind: str
    title: str = ""
    node: str = ""
    state: str = "waiting"
    done: int = 0
    total: int | None = None
    text: str = ""
    rate: float = 0.0
    attempts: int = 0
    error: str = ""
    reason: str = ""
    wanted: str = ""
    what: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] | None = None
    at_added: float = 0.0
    at_started: float | None = None
    at_ended: float | None = None
    at_next: float | None = None
    where: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in FINISHED

    @property
    def is_known(self) -> bool:
        """Whether what it is to do is still there; only then it can be done (again)."""
        return FORGOTTEN not in self.what and self.reason != "removed"

    @property
    def actions(self) -> frozenset[str]:
        """Which of "pause", "resume", "cancel", "retry", "move" do something to it now."""
        found = set()
        if self.state in ("waiting", "running") and not self.wanted:
            found.add("pause")
        if self.state == "paused" or self.wanted == "pause":
            found.add("resume")
        if self.state in ("waiting", "paused", "running") and self.wanted != "cancel":
            found.add("cancel")
        if self.state in ("failed", "cancelled") and self.is_known:
            found.add("retry")
        if self.state == "waiting" and self.at_next is not None:
            found.add("retry")
        if self.state in ("waiting", "paused"):
            found.add("move")
        return frozenset(found)

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take at this rate; None where nobody knows."""
        if self.state != "running" or self.total is None or self.rate <= 0:
            return None
        return max(self.total - self.done, 0) / self.rate

    def to_json(self) -> dict[str, Any]:
        """Return the job as a dict that `json.dumps` accepts; times as ISO 8601."""
        told = asdict(self)
        for name in ("at_added", "at_started", "at_ended", "at_next"):
            at = told[name]
            if at is not None:
                told[name] = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        return told


def refuse_transition(job: Job, action: str) -> DicomDbError:
    """Return the error that says why an action does not suit the state of a job."""
    why = {
        "done": "it is done",
        "cancelled": "it was cancelled",
        "failed": "it has failed; it can be retried",
        "running": "it is running",
        "paused": "it is paused; it can be resumed",
    }.get(job.state, f"it is {job.state}")
    return DicomDbError(f"job {job.id} cannot {_WORDS[action]}: {why}", reason="wrong-state")


_WORDS = {
    "pause": "be paused",
    "resume": "be resumed",
    "cancel": "be cancelled",
    "retry": "be retried",
    "move": "be moved",
}
