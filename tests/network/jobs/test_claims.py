"""One process for each job, one transfer for each node, and endings that last."""

from __future__ import annotations

import time
from typing import Any

import pytest

from napari_dicomdb.network.jobs.claims import QUICK, Claims, Ending, LeaseLost, lane_of
from napari_dicomdb.network.jobs.job import KINDS, Job
from napari_dicomdb.network.jobs.leases import Lease
from napari_dicomdb.network.jobs.store import JobStore

EVERYTHING = frozenset(KINDS)


@pytest.fixture
def ours(store: JobStore) -> Claims:
    return Claims(store, Lease.new())


@pytest.fixture
def theirs(store: JobStore) -> Claims:
    return Claims(store, Lease.new())


def add(store: JobStore, kind: str = "send", node: str = "PACS", **what: Any) -> int:
    return store.add(kind, what, "title", node, lane_of(kind, node), False).id


def claimed(job: Job | None) -> int | None:
    return None if job is None else job.id


def test_each_job_is_taken_once(store: JobStore, ours: Claims, theirs: Claims) -> None:
    id = add(store)
    assert claimed(ours.claim(EVERYTHING)) == id
    assert theirs.claim(EVERYTHING) is None
    assert store.job(id).attempts == 1


def test_one_transfer_for_each_node(store: JobStore, ours: Claims, theirs: Claims) -> None:
    send, get = add(store, "send", "PACS"), add(store, "retrieve", "pacs")
    other, echo, find = add(store, "send", "B"), add(store, "echo"), add(store, "find")
    assert [claimed(ours.claim(EVERYTHING)) for _ in range(5)] == [send, other, echo, find, None]
    ours.finish(send, Ending(True), 1, 1, None)
    assert claimed(theirs.claim(EVERYTHING)) == get


def test_imports_follow_each_other(store: JobStore, ours: Claims) -> None:
    one, two = add(store, "import", ""), add(store, "import", "")
    assert claimed(ours.claim(EVERYTHING)) == one
    assert ours.claim(EVERYTHING) is None
    ours.give_back(one, 0, None)
    assert claimed(ours.claim(EVERYTHING)) == one
    ours.finish(one, Ending(False, error="x", reason="y"), 0, None, None)
    assert claimed(ours.claim(EVERYTHING)) == two


def test_workers_take_their_kinds(store: JobStore, ours: Claims) -> None:
    add(store)
    echo = add(store, "echo")
    assert claimed(ours.claim(QUICK)) == echo
    assert ours.claim(QUICK) is None


def test_what_a_newer_version_knows_is_left_to_it(store: JobStore, ours: Claims) -> None:
    add(store, "print")
    assert ours.claim(EVERYTHING | {"print"}) is None


def test_one_that_failed_waits_for_its_time(store: JobStore, ours: Claims) -> None:
    id, after = add(store), add(store)
    ours.claim(EVERYTHING)
    before = time.time()
    ours.finish(id, Ending(False, error="no answer", reason="timeout"), 3, 9, 3600.0)
    job = store.job(id)
    assert job.at_next is not None
    assert before + 3600 <= job.at_next <= time.time() + 3600
    assert (job.state, job.error, job.reason) == ("waiting", "no answer", "timeout")
    assert (job.done, job.total) == (3, 9)
    assert not ours.is_due()
    assert claimed(ours.claim(EVERYTHING)) == after  # others go ahead meanwhile
    ours.finish(after, Ending(True), 1, 1, None)
    assert store.ask(id, "retry").at_next is None
    assert claimed(ours.claim(EVERYTHING)) == id


def test_due_when_its_time_has_come(store: JobStore, ours: Claims) -> None:
    id = add(store)
    ours.claim(EVERYTHING)
    ours.finish(id, Ending(False, reason="timeout"), 0, None, 0.0)
    assert ours.is_due()
    assert claimed(ours.claim(EVERYTHING)) == id


def test_one_that_was_taken_away_is_not_written_any_more(store: JobStore, ours: Claims) -> None:
    id = add(store)
    ours.claim(EVERYTHING)
    with store.transaction() as connection:
        connection.execute("UPDATE job SET heartbeat = 0, owner = 'x'")
        assert store.recover(connection) == 1
    theirs = Claims(store, Lease.new())
    assert claimed(theirs.claim(EVERYTHING)) == id
    with pytest.raises(LeaseLost):
        ours.tell(id, 5, 9, "text", 1.0)
    ours.finish(id, Ending(True, "all"), 9, 9, None)
    ours.give_back(id, 9, 9)
    ours.live([id])
    job = store.job(id)
    assert (job.state, job.done) == ("running", 0)


def test_a_wish_is_told_with_the_next_word(store: JobStore, ours: Claims) -> None:
    id = add(store)
    ours.claim(EVERYTHING)
    assert ours.tell(id, 1, 9, "", 0.0, ["1.2"]) == ""
    store.ask(id, "pause")
    assert ours.tell(id, 2, 9, "", 0.0) == "pause"
    ours.give_back(id, 2, 9)
    job = store.job(id)
    assert (job.state, job.done, job.attempts) == ("paused", 2, 0)
    assert store.acknowledged(id) == {"1.2"}


def test_done_before_the_wish_was_heard_is_done(store: JobStore, ours: Claims) -> None:
    id = add(store)
    ours.claim(EVERYTHING)
    store.ask(id, "cancel")
    ours.tell(id, 1, 1, "", 0.0, ["1.2"])
    ours.finish(id, Ending(True, "all sent", report={"sent": 1}), 1, 1, None)
    job = store.job(id)
    assert (job.state, job.report, job.text) == ("done", {"sent": 1}, "all sent")
    assert store.acknowledged(id) == frozenset()


def test_signs_of_life(store: JobStore, ours: Claims) -> None:
    id = add(store)
    ours.claim(EVERYTHING)
    with store.transaction() as connection:
        connection.execute("UPDATE job SET heartbeat = 1")
    ours.live([id])
    with store.reading() as connection:
        assert connection.execute("SELECT heartbeat FROM job").fetchone()[0] > 1
