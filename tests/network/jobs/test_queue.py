"""The queue works: side by side, by several processes, through kills, stops and full disks."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, DicomDbError, NetworkError
from napari_dicomdb.network.jobs import Job, JobQueue, kinds
from napari_dicomdb.network.jobs.claims import Claims, Ending
from napari_dicomdb.network.jobs.run import Run
from napari_dicomdb.network.jobs.store import JobStore

HERE = Path(__file__).parent
PATIENCE = 30.0
SEND = {"series": ["1.2"]}
Do = Callable[[Job, Run], Ending]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "db") as made:
        yield made


@pytest.fixture
def opened(database: Database) -> Iterator[Callable[..., JobQueue]]:
    with ExitStack() as stack:

        def give(**how: Any) -> JobQueue:
            return stack.enter_context(JobQueue(database, **how))

        yield give


@pytest.fixture
def doing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Do], None]:
    """Replace what a kind of job does."""

    def replace(kind: str, do: Do) -> None:
        monkeypatch.setitem(kinds._DOERS, kind, lambda job, run, database: do(job, run))

    return replace


class Held:
    """Work that begins, waits until it is let go, and stops when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.turn = threading.Condition()
        self.is_let_go = False
        self.stopped = 0

    def __call__(self, job: Job, run: Run) -> Ending:
        run.progress(1, 2, "held")
        stop = run.stop

        def stop_and_wake() -> None:
            stop()
            with self.turn:
                self.turn.notify_all()

        run.stop = stop_and_wake  # type: ignore[method-assign]
        self.begun.release()
        with self.turn:
            assert self.turn.wait_for(lambda: self.is_let_go or run.is_stopping, PATIENCE)
        try:
            run.progress(1, 2, "held")
        except Cancelled:
            self.stopped += 1
            raise
        return Ending(True, "let go")

    def let_go(self) -> None:
        with self.turn:
            self.is_let_go = True
            self.turn.notify_all()

    def wait(self) -> None:
        assert self.begun.acquire(timeout=PATIENCE)


def state(queue: JobQueue, job: Job) -> str:
    return queue.job(job.id).state


def until(queue: JobQueue, is_so: Callable[[], bool]) -> None:
    """Wait for changes of the queue until something is so."""
    changed = threading.Event()
    end = queue.on_changed(changed.set)
    while not is_so():
        assert changed.wait(PATIENCE)
        changed.clear()
    end()


def test_jobs_are_done_in_their_order(
    opened: Callable[..., JobQueue], doing: Callable[[str, Do], None]
) -> None:
    done: list[int] = []

    def do(job: Job, run: Run) -> Ending:
        done.append(job.id)
        return Ending(True, "sent", report={"sent": 1}, result="the report")

    doing("send", do)
    queue = opened()
    one, two, three = (queue.add("send", SEND, node="A") for _ in range(3))
    queue.move(three.id, one.id)
    assert not queue.is_started
    queue.start()
    assert queue.is_started
    assert queue.wait(PATIENCE)
    assert done == [three.id, one.id, two.id]
    job = queue.job(one.id)
    assert (job.state, job.text, job.report, job.attempts) == ("done", "sent", {"sent": 1}, 1)
    assert queue.result(one.id) == "the report"
    assert queue.jobs()[0].report is None
    assert queue.clear_finished() == 3
    assert queue.jobs() == []
    assert queue.result(one.id) is None


def test_an_echo_overtakes_transfers(
    opened: Callable[..., JobQueue], doing: Callable[[str, Do], None]
) -> None:
    held, asked = Held(), threading.Event()
    doing("send", held)
    doing("echo", lambda job, run: asked.set() or Ending(True))
    queue = opened()
    for node in "ABC":
        queue.add("send", SEND, node=node)
    queue.start(2)
    held.wait()
    held.wait()
    queue.add("echo", node="A")
    assert asked.wait(PATIENCE)
    assert [job.state for job in queue.jobs()].count("running") >= 2
    held.let_go()
    assert queue.wait(PATIENCE)


def test_pause_resume_cancel(
    opened: Callable[..., JobQueue], doing: Callable[[str, Do], None]
) -> None:
    held = Held()
    doing("send", held)
    queue = opened()
    queue.start()
    job = queue.add("send", SEND, node="A")
    held.wait()
    assert queue.pause(job.id).wanted == "pause"
    until(queue, lambda: state(queue, job) == "paused")
    assert held.stopped == 1
    assert queue.wait(PATIENCE)  # paused ones are not waited for
    queue.resume(job.id)
    held.wait()
    queue.cancel(job.id)
    until(queue, lambda: state(queue, job) == "cancelled")
    assert held.stopped == 2
    queue.retry(job.id)
    held.wait()
    held.let_go()
    assert queue.wait(PATIENCE)
    assert state(queue, job) == "done"


def test_what_failed_for_now_is_tried_again(
    opened: Callable[..., JobQueue], doing: Callable[[str, Do], None]
) -> None:
    tries: list[int] = []

    def do(job: Job, run: Run) -> Ending:
        tries.append(job.attempts)
        if len(tries) < 3:
            raise NetworkError("nothing listens", reason="refused")
        return Ending(True, "sent")

    doing("send", do)
    queue = opened(delays=(0.0, 0.0))
    job = queue.add("send", SEND, node="A")
    queue.start()
    assert queue.wait(PATIENCE)
    assert tries == [1, 2, 3]
    assert (queue.job(job.id).state, queue.job(job.id).error) == ("done", "")


def test_after_the_last_attempt_it_has_failed(
    opened: Callable[..., JobQueue], doing: Callable[[str, Do], None]
) -> None:
    doing("send", lambda job, run: Ending(False, "0 sent", "no answer", "timeout", passing=True))
    queue = opened(delays=(0.0,))
    job = queue.add("send", SEND, node="A")
    queue.start()
    assert queue.wait(PATIENCE)
    failed = queue.job(job.id)
    assert (failed.state, failed.attempts, failed.reason) == ("failed", 2, "timeout")
    assert failed.actions == {"retry"}


@pytest.mark.parametrize("reason", ["wrong-called-aet", "no-context", "missing-library"])
def test_what_does_not_pass_is_not_tried_again(
    opened: Callable[..., JobQueue], doing: Callable[[str, Do], None], reason: str
) -> None:
    def do(job: Job, run: Run) -> Ending:
        raise NetworkError("no", reason=reason)

    doing("send", do)
    queue = opened(delays=(0.0, 0.0))
    job = queue.add("send", SEND, node="A")
    queue.start()
    assert queue.wait(PATIENCE)
    assert (queue.job(job.id).attempts, queue.job(job.id).reason) == (1, reason)


def test_the_wait_for_the_next_attempt_can_be_cut_short(
    opened: Callable[..., JobQueue], doing: Callable[[str, Do], None]
) -> None:
    tries: list[int] = []

    def do(job: Job, run: Run) -> Ending:
        tries.append(1)
        return Ending(len(tries) > 1, "x", "no answer", "timeout", passing=True)

    doing("send", do)
    queue = opened(delays=(3600.0,))
    job = queue.add("send", SEND, node="A")
    queue.start()
    until(queue, lambda: queue.job(job.id).at_next is not None)
    assert not queue.wait(0)
    queue.retry(job.id)
    assert queue.wait(PATIENCE)
    assert len(tries) == 2


def test_a_fault_of_ours_ends_a_job_and_nothing_else(
    opened: Callable[..., JobQueue], doing: Callable[[str, Do], None]
) -> None:
    def do(job: Job, run: Run) -> Ending:
        if job.node == "A":
            raise ZeroDivisionError("DOE")
        return Ending(True)

    doing("send", do)
    queue = opened()
    bad, good = queue.add("send", SEND, node="A"), queue.add("send", SEND, node="B")
    queue.start(1)
    assert queue.wait(PATIENCE)
    assert (queue.job(bad.id).state, queue.job(bad.id).reason) == ("failed", "internal")
    assert "DOE" not in queue.job(bad.id).error
    assert state(queue, good) == "done"


def test_stopped_it_goes_on_with_the_next_start(
    database: Database, doing: Callable[[str, Do], None]
) -> None:
    held = Held()
    doing("send", held)
    with JobQueue(database) as queue:
        queue.start()
        job = queue.add("send", SEND, node="A")
        held.wait()
        queue.stop()
        assert not queue.is_started
        assert (state(queue, job), held.stopped) == ("waiting", 1)
        queue.start()
        held.wait()
    assert held.stopped == 2
    with JobQueue(database) as queue:
        assert (queue.job(job.id).state, queue.job(job.id).done) == ("waiting", 1)
        held.let_go()
        queue.start()
        assert queue.wait(PATIENCE)
        assert state(queue, job) == "done"


def test_an_end_that_cannot_be_written_is_written_later(
    opened: Callable[..., JobQueue],
    doing: Callable[[str, Do], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []
    finish = Claims.finish

    def full(self: Claims, id: int, *how: Any) -> None:
        calls.append(id)
        if len(calls) < 3:
            raise DicomDbError("the disk is full", reason="disk-full")
        finish(self, id, *how)

    monkeypatch.setattr(Claims, "finish", full)
    doing("send", lambda job, run: Ending(True, "sent"))
    queue = opened()
    job = queue.add("send", SEND, node="A")
    queue.start()
    assert queue.wait(PATIENCE)
    assert (state(queue, job), len(calls)) == ("done", 3)


def test_read_only_and_in_memory_it_lives_as_long_as_the_program(
    database: Database, doing: Callable[[str, Do], None]
) -> None:
    doing("send", lambda job, run: Ending(True))
    assert database.path is not None
    path = database.path
    before = sorted(path.iterdir())
    with Database.open(path, read_only=True) as reading, JobQueue(reading) as queue:
        assert "read-only" in queue.remark
        assert not queue.is_kept
        queue.add("send", SEND, node="A")
        queue.start()
        assert queue.wait(PATIENCE)
        assert [job.state for job in queue.jobs()] == ["done"]
    assert not [p for p in path.iterdir() if p not in before and p.name.startswith("jobs")]
    with Database.in_memory() as memory, JobQueue(memory) as queue:
        assert (queue.is_kept, queue.remark) == (False, "")


def test_a_damaged_list_is_put_aside(database: Database) -> None:
    assert database.path is not None
    (database.path / "jobs.sqlite").write_bytes(b"no database" * 1000)
    with JobQueue(database) as queue:
        assert "damaged" in queue.remark
        assert queue.is_kept
        assert queue.jobs() == []
        queue.add("send", SEND, node="A")
    (aside,) = database.path.glob("jobs.sqlite.broken-*")
    assert aside.read_bytes().startswith(b"no database")
    with JobQueue(database) as queue:
        assert queue.remark == ""
        assert len(queue.jobs()) == 1


def test_the_queue_of_a_database(database: Database) -> None:
    queue = database.jobs()
    assert database.jobs() is queue
    queue.close()
    other = database.jobs()
    assert other is not queue
    database.close()
    assert other.is_closed


def test_bad_jobs_are_refused(opened: Callable[..., JobQueue]) -> None:
    queue = opened()
    with pytest.raises(DicomDbError) as refused:
        queue.add("fly")
    assert refused.value.reason == "bad-job"
    assert queue.jobs() == []


# -- several processes ------------------------------------------------------------------------


def partner(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "partner.py"), *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_share_the_jobs(database: Database, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with JobQueue(database) as queue:
        ids = [queue.add("send", SEND, node=f"N{number % 4}").id for number in range(40)]
        ids += [queue.add("echo", node="N0").id for _ in range(20)]
    partners = [partner("work", database.path, log) for _ in range(2)]
    for one in partners:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in partners:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in partners:
        told, errors = one.communicate(timeout=60)
        assert (told, one.returncode) == ("done\n", 0), errors
    lines = [line.split() for line in log.read_text().splitlines()]
    begun = [int(line[1]) for line in lines if line[0] == "begins"]
    assert sorted(begun) == ids  # each once
    busy: dict[str, str] = {}
    for what, id, lane, _ in lines:
        if lane == "free":
            continue
        if what == "begins":
            assert lane not in busy, f"{id} and {busy[lane]} at {lane}"
            busy[lane] = id
        else:
            assert busy.pop(lane) == id
    with JobQueue(database) as queue:
        assert {job.state for job in queue.jobs()} == {"done"}


def test_a_job_whose_process_is_killed_goes_on_where_it_was(
    database: Database, tmp_path: Path, doing: Callable[[str, Do], None]
) -> None:
    with JobQueue(database) as queue:
        job = queue.add("send", SEND, node="A")
    child = partner("hang", database.path, tmp_path / "log")
    assert child.stdout is not None
    assert child.stdout.readline() == "sending\n"
    with JobQueue(database) as queue:
        seen = queue.job(job.id)
        assert (seen.state, seen.where.split()[1]) == ("running", str(child.pid))
    child.kill()
    child.communicate()
    already: list[frozenset[str]] = []

    def do(job: Job, run: Run) -> Ending:
        already.append(run.already)
        return Ending(True, "sent")

    doing("send", do)
    with JobQueue(database) as queue:
        seen = queue.job(job.id)
        assert (seen.state, seen.done, seen.where) == ("waiting", 3, "")
        assert "interrupted" in seen.text
        queue.start()
        assert queue.wait(PATIENCE)
        assert state(queue, job) == "done"
    assert already == [frozenset({"1.2.0", "1.2.1", "1.2.2"})]


def test_a_process_that_works_takes_over_from_one_that_was_killed(
    database: Database, tmp_path: Path, doing: Callable[[str, Do], None]
) -> None:
    doing("send", lambda job, run: Ending(True))
    with JobQueue(database) as queue:
        job = queue.add("send", SEND, node="A")
        child = partner("hang", database.path, tmp_path / "log")
        assert child.stdout is not None
        assert child.stdout.readline() == "sending\n"
        queue.start()
        assert not queue.wait(0)
        child.kill()
        child.communicate()
        assert queue.wait(PATIENCE)
        assert state(queue, job) == "done"


def test_a_kill_at_any_moment_leaves_a_sound_list(tmp_path: Path) -> None:
    child = partner("crashes")
    assert child.stdin is not None
    assert child.stdout is not None

    def go(root: Path, fatal: int) -> str:
        root.mkdir()
        child.stdin.write(f"{root} {fatal}\n")  # type: ignore[union-attr]
        child.stdin.flush()  # type: ignore[union-attr]
        return child.stdout.readline().strip()  # type: ignore[union-attr]

    calls = int(go(tmp_path / "whole", 0))
    assert child.stdout.readline().strip() == "0"
    assert calls > 100
    for fatal in range(1, calls, 3):
        root = tmp_path / f"{fatal}"
        assert go(root, fatal) == "-9"
        store = JobStore(root)
        assert store.remark == "", fatal
        jobs = store.jobs()
        assert {job.state for job in jobs} <= {"waiting", "paused", "done"}
        assert len({job.id for job in jobs}) == len(jobs) <= 2
        # What is done has been forgotten in the same step.
        assert all("keys" not in job.what for job in jobs if job.state == "done")
        store.close()
    child.stdin.close()
    assert child.wait() == 0
    child.stdout.close()
    assert child.stderr is not None
    child.stderr.close()
