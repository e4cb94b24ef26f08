"""An attempt tells how far it is, and stops when it is told to."""

from __future__ import annotations

import pytest

from napari_dicomdb.errors import Cancelled, DicomDbError
from napari_dicomdb.network.jobs import run as run_module
from napari_dicomdb.network.jobs.claims import Claims
from napari_dicomdb.network.jobs.leases import Lease
from napari_dicomdb.network.jobs.run import Run
from napari_dicomdb.network.jobs.store import JobStore


@pytest.fixture
def claims(store: JobStore) -> Claims:
    return Claims(store, Lease.new())


@pytest.fixture
def told() -> list[int]:
    return []


@pytest.fixture
def run(store: JobStore, claims: Claims, told: list[int]) -> Run:
    store.add("send", {"series": ["1.2"]}, "Send", "PACS", "node pacs", False)
    job = claims.claim(frozenset({"send"}))
    assert job is not None
    return Run(job, claims, lambda: told.append(1))


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(run_module, "time", made)
    return made


def test_progress_is_written_a_few_times_a_second(
    run: Run, store: JobStore, clock: Clock, told: list[int]
) -> None:
    run.progress(1, 50, "one")
    run.progress(2, 50, "two")
    job = store.job(run.job.id)
    assert (job.done, job.total, job.text) == (1, 50, "one")
    clock.now += 1
    run.progress(5, 50, "five")
    job = store.job(run.job.id)
    assert (job.done, job.text) == (5, "five")
    assert job.rate == pytest.approx(4.0)  # 4 steps in 1 s
    assert len(told) == 2


def test_the_rate_is_that_of_the_last_seconds(run: Run, clock: Clock) -> None:
    for second in range(20):
        clock.now += 1
        run.progress(second if second < 10 else 9 + (second - 9) * 100, None, "")
    assert run.rate == pytest.approx(100.0)
    run.progress(0, None, "something else is counted")
    assert run.rate == 0.0


def test_a_wish_of_another_process_stops_it(run: Run, store: JobStore, clock: Clock) -> None:
    run.progress(1, 2, "")
    assert store.ask(run.job.id, "pause").wanted == "pause"
    clock.now += 1
    with pytest.raises(Cancelled):
        run.progress(2, 2, "")
    with pytest.raises(Cancelled):
        run.progress(2, 2, "")
    assert run.is_stopping


def test_stopped_here_it_stops_at_once(run: Run, clock: Clock) -> None:
    run.progress(1, 2, "")
    run.stop()
    with pytest.raises(Cancelled):
        run.progress(1, 2, "")


def test_one_that_lost_its_job_stops_and_writes_nothing(
    run: Run, store: JobStore, clock: Clock
) -> None:
    with store.transaction() as connection:
        connection.execute("UPDATE job SET owner = 'somebody'")
    with pytest.raises(Cancelled):
        run.progress(7, 9, "")
    assert run.is_lost
    with store.reading() as connection:
        assert connection.execute("SELECT done FROM job").fetchone() == (0,)


def test_what_is_dealt_with_is_written(run: Run, store: JobStore, clock: Clock) -> None:
    run.acknowledge("1.2.1")
    run.acknowledge("1.2.2")
    run.flush()
    assert store.acknowledged(run.job.id) == {"1.2.1", "1.2.2"}


def test_file_names_are_not_written(run: Run, store: JobStore, clock: Clock) -> None:
    run.say_only("Importing")
    run.progress(1, 2, "/in/DOE/1.dcm")
    assert store.job(run.job.id).text == "Importing"


def test_a_full_disk_does_not_stop_the_work(
    run: Run, store: JobStore, claims: Claims, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object) -> str:
        raise DicomDbError("the disk is full", reason="disk-full")

    run.acknowledge("1.2.1")
    with monkeypatch.context() as patch:
        patch.setattr(claims, "tell", full)
        run.progress(1, 2, "")
    clock.now += 1
    run.progress(2, 2, "")
    assert store.job(run.job.id).done == 2
    assert store.acknowledged(run.job.id) == {"1.2.1"}
