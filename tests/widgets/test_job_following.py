"""A job is followed to its end, or let go; what is gone is told, and nobody waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from qtpy.QtCore import QObject, Signal

from napari_dicomdb.widgets._job_following import JobFollower


@dataclass
class _Job:
    id: int = 1
    state: str = "running"
    done: int = 0
    total: int = 9
    text: str = "sending"
    error: str = ""
    reason: str = ""

    @property
    def is_finished(self) -> bool:
        return self.state in ("done", "failed", "cancelled")


class _Network(QObject):
    """As much of a NetworkSession as is used; what is asked is answered when told to."""

    jobs_changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[_Job] = []
        self.asked: list[dict[str, Any]] = []
        self.changed: list[Any] = []

    def ask_queue(self, call: Any, **callbacks: Any) -> None:
        self.asked.append(callbacks)

    def change_jobs(self, action: str, ids: list[int]) -> None:
        self.changed.append((action, ids))

    def show(self, *jobs: _Job) -> None:
        self.jobs = list(jobs)
        self.jobs_changed.emit(self.jobs)


@pytest.fixture
def network(qapp):
    return _Network()


@pytest.fixture
def told():
    return []


@pytest.fixture
def follower(network, told):
    def note(name):
        return lambda *values: told.append((name, *map(str, values)))

    names = ("progressed", "returned", "failed", "cancelled", "finished")
    parent = QObject()
    made = JobFollower(network, lambda queue: None, parent, **{n: note(n) for n in names})
    made.kept = parent
    return made


def test_to_its_end(network, follower, told):
    network.jobs = [_Job(done=2)]
    network.asked[0]["returned"](_Job())
    assert told == [("progressed", "2", "9", "sending")]
    network.show(_Job(state="done"))
    assert follower.is_over
    network.asked[1]["returned"]("report")
    assert told[1:] == [("returned", "report"), ("finished",)]


def test_cancelled_before_it_was_added(network, follower):
    follower.cancel()
    assert network.changed == []
    network.asked[0]["returned"](_Job())
    assert network.changed == [("cancel", [1])]


def test_gone_from_the_queue(network, follower, told):
    network.asked[0]["returned"](_Job())
    network.show()  # not listed yet
    assert told == []
    network.show(_Job())
    network.show()  # another database
    assert told[1:] == [("failed", "The job is not in the queue any more."), ("finished",)]
    assert follower.is_over


def test_nothing_is_told_after_it_was_let_go(network, follower, told):
    network.asked[0]["returned"](_Job())
    network.show(_Job(state="done"))
    follower.let_go()  # the window closes while the report is on its way
    network.asked[1]["returned"]("report")
    network.asked[1]["failed"](OSError("gone"))
    assert told == []
