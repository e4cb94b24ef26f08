"""States of jobs: any order of what users, processes and crashes may do keeps them sound."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from napari_dicomdb.errors import DicomDbError, NotFoundError
from napari_dicomdb.network.jobs import store as store_module
from napari_dicomdb.network.jobs.claims import Claims, Ending, lane_of
from napari_dicomdb.network.jobs.job import FINISHED, KINDS, STATES, TRANSITIONS, Job
from napari_dicomdb.network.jobs.leases import Lease
from napari_dicomdb.network.jobs.store import JobStore

EVERYTHING = frozenset(KINDS)


def add(store: JobStore, kind: str = "send", node: str = "PACS", first: bool = False) -> Job:
    what: dict[str, Any] = {"series": ["1.2"]} if kind == "send" else {}
    if kind == "find":
        what = {"level": "study", "keys": {"PatientName": "DOE*"}}
    return store.add(kind, what, "title", node, lane_of(kind, node), first)


def waiting(store: JobStore) -> list[int]:
    return [job.id for job in store.jobs() if job.state in ("waiting", "paused")]


def test_jobs_survive_the_process(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    made = add(store)
    store.close()
    again = JobStore(tmp_path)
    assert again.jobs() == [made]
    again.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as raw:
        assert raw.execute("SELECT kind, state FROM job").fetchall() == [("send", "waiting")]


def test_order(store: JobStore) -> None:
    one, two, three = (add(store).id for _ in range(3))
    four = add(store, first=True).id
    assert waiting(store) == [four, one, two, three]
    store.move(three, one)
    assert waiting(store) == [four, three, one, two]
    store.move(four, None)
    assert waiting(store) == [three, one, two, four]
    store.ask(one, "pause")
    store.move(one, three)
    assert waiting(store) == [one, three, two, four]
    store.move(one, one)
    assert waiting(store) == [one, three, two, four]
    assert add(store).id == waiting(store)[-1]


def test_only_what_waits_is_moved(store: JobStore) -> None:
    one, two = add(store).id, add(store).id
    store.ask(one, "cancel")
    for id, before in ((one, two), (two, one)):
        with pytest.raises(DicomDbError) as refused:
            store.move(id, before)
        assert refused.value.reason == "wrong-state"
    with pytest.raises(NotFoundError):
        store.move(two, 99)


def test_no_number_is_used_twice(store: JobStore) -> None:
    first = add(store).id
    store.ask(first, "cancel")
    assert store.clear_finished() == 1
    assert store.jobs() == []
    assert add(store).id > first


def test_unknown_jobs_are_not_found(store: JobStore) -> None:
    with pytest.raises(NotFoundError) as missing:
        store.ask(5, "pause")
    assert missing.value.reason == "no-job"


def test_a_query_is_forgotten_when_it_is_cancelled(store: JobStore) -> None:
    id = add(store, "find").id
    job = store.ask(id, "cancel")
    assert job.what == {"level": "study", "forgotten": ["keys"]}
    with pytest.raises(DicomDbError) as refused:
        store.ask(id, "retry")
    assert refused.value.reason == "forgotten"


def test_history_is_bounded(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "KEPT", 3)
    ids = [add(store).id for _ in range(6)]
    for id in ids:
        store.ask(id, "cancel")
    with store.reading() as connection:
        kept = connection.execute("SELECT count(*) FROM job").fetchone()[0]
    assert kept == min(len(ids), store_module.KEPT)
    assert {job.id for job in store.jobs()} == set(ids[-3:])


def test_a_closed_queue_says_so(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    store.close()
    with pytest.raises(DicomDbError, match="closed"):
        store.jobs()


def test_damage_while_it_is_used_is_told_and_put_aside(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    for _ in range(300):
        add(store)
    with store.reading() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA shrink_memory")
    raw = bytearray((tmp_path / "jobs.sqlite").read_bytes())
    raw[200:] = b"\xa5" * (len(raw) - 200)
    (tmp_path / "jobs.sqlite").write_bytes(raw)
    with pytest.raises(DicomDbError) as damaged:
        for _ in range(3):
            store.jobs()
    assert damaged.value.reason == "database-damaged"
    assert store.jobs() == []
    assert "damaged" in store.remark
    assert len(list(tmp_path.glob("jobs.sqlite.broken-*"))) == 1
    assert add(store).state == "waiting"
    store.close()


def dead_mark() -> str:
    return Lease("elsewhere", "long ago", 1, "1", "x").to_text()


def test_after_too_many_interruptions_a_job_is_left_to_its_user(store: JobStore) -> None:
    id = add(store).id
    claims = Claims(store, Lease.new())
    for _ in range(5):
        assert claims.claim(EVERYTHING) is not None
        with store.transaction() as connection:
            connection.execute("UPDATE job SET owner = ?, heartbeat = 0", (dead_mark(),))
        store.recover_ended()
    job = store.job(id)
    assert (job.state, job.reason) == ("paused", "interrupted")
    assert store.ask(id, "resume").state == "waiting"


class Model(RuleBasedStateMachine):
    """The table beside a plain list of what should be in it."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.store = JobStore(None)
        self.claims = [Claims(self.store, Lease.new()) for _ in range(2)]
        self.states: dict[int, str] = {}
        self.wanted: dict[int, str] = {}
        self.owner: dict[int, int] = {}
        self.order: list[int] = []

    def teardown(self) -> None:
        self.store.close()

    @rule(
        target=jobs, kind=st.sampled_from(KINDS), node=st.sampled_from("AB"), first=st.booleans()
    )
    def add(self, kind: str, node: str, first: bool) -> int:
        id = self.store.add(kind, {}, kind, node, lane_of(kind, node), first).id
        assert id not in self.states
        self.states[id] = "waiting"
        self.order.insert(0 if first else len(self.order), id)
        return id

    @rule(who=st.integers(0, 1))
    def claim(self, who: int) -> None:
        busy = {
            lane_of(job.kind, job.node) for job in self.store.jobs() if job.state == "running"
        } - {""}
        job = self.claims[who].claim(EVERYTHING)
        if job is None:
            return
        assert self.states[job.id] == "waiting"
        assert lane_of(job.kind, job.node) not in busy
        self.states[job.id], self.wanted[job.id], self.owner[job.id] = "running", "", who

    @rule(id=jobs, action=st.sampled_from(sorted(TRANSITIONS)))
    def ask(self, id: int, action: str) -> None:
        state = self.states.get(id)
        if state is None:
            with pytest.raises(NotFoundError):
                self.store.ask(id, action)
            return
        target = TRANSITIONS[action].get(state)
        is_firm = state == "running" and self.wanted[id] == "cancel" and action != "cancel"
        if target is None or is_firm:
            with pytest.raises(DicomDbError):
                self.store.ask(id, action)
        elif state == "running":
            self.store.ask(id, action)
            self.wanted[id] = {"pause": "pause", "cancel": "cancel", "resume": ""}[action]
        else:
            assert self.store.ask(id, action).state == target
            self.states[id] = target

    @rule(id=jobs, who=st.integers(0, 1))
    def give_back(self, id: int, who: int) -> None:
        self.claims[who].give_back(id, 1, 2)
        if self.states.get(id) == "running" and self.owner[id] == who:
            self.states[id] = {"pause": "paused", "cancel": "cancelled", "": "waiting"}[
                self.wanted[id]
            ]

    @rule(
        id=jobs, who=st.integers(0, 1), ok=st.booleans(), delay=st.sampled_from([None, 0.0, 1e6])
    )
    def finish(self, id: int, who: int, ok: bool, delay: float | None) -> None:
        ending = Ending(True, "all") if ok else Ending(False, error="x", reason="timeout")
        self.claims[who].finish(id, ending, 2, 2, delay)
        if self.states.get(id) != "running" or self.owner[id] != who:
            return
        if ok:
            self.states[id] = "done"
        elif self.wanted[id] == "cancel":
            self.states[id] = "cancelled"
        elif delay is None:
            self.states[id] = "failed"
        else:
            self.states[id] = "paused" if self.wanted[id] == "pause" else "waiting"

    @rule(who=st.integers(0, 1))
    def crash(self, who: int) -> None:
        for id, state in self.states.items():
            if state == "running" and self.owner[id] == who:
                with self.store.transaction() as connection:
                    connection.execute(
                        "UPDATE job SET owner = ?, heartbeat = 0, interruptions = 0 WHERE id = ?",
                        (dead_mark(), id),
                    )
                self.states[id] = {"pause": "paused", "cancel": "cancelled", "": "waiting"}[
                    self.wanted[id]
                ]
        self.store.recover_ended()

    @rule(id=jobs, other=st.none() | jobs)
    def move(self, id: int, other: int | None) -> None:
        movable = [one for one in self.order if self.states[one] in ("waiting", "paused")]
        if id in movable and (other is None or other in movable):
            self.store.move(id, other)
            if id != other:
                self.order.remove(id)
                movable.remove(id)
                place = len(movable) if other is None else movable.index(other)
                movable.insert(place, id)
                rest = [one for one in self.order if one not in movable]
                self.order = [*rest, *movable]
        else:
            with pytest.raises(DicomDbError):
                self.store.move(id, other)

    @rule(id=consumes(jobs))
    def clear(self, id: int) -> None:
        gone = {one for one, state in self.states.items() if state in FINISHED}
        assert self.store.clear_finished() == len(gone)
        for one in gone:
            del self.states[one]
            self.order.remove(one)

    @invariant()
    def agrees(self) -> None:
        jobs = self.store.jobs()
        assert {job.id: job.state for job in jobs} == self.states
        assert set(self.states.values()) <= set(STATES)
        for job in jobs:
            assert (job.at_ended is not None) is job.is_finished
            assert bool(job.where) is (job.state == "running")
            assert not job.wanted or job.state == "running"
            assert job.at_next is None or job.state in ("waiting", "paused")
        movable = [one for one in self.order if self.states[one] in ("waiting", "paused")]
        listed = [job.id for job in jobs if job.state in ("waiting", "paused")]
        assert listed == movable
        lanes = [lane_of(j.kind, j.node) for j in jobs if j.state == "running"]
        heavy = [lane for lane in lanes if lane]
        assert len(heavy) == len(set(heavy))


Model.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_any_order_of_events = Model.TestCase
