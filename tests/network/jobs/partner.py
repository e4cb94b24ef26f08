"""A process that works on the jobs of a database, with work that tests can watch.

``partner.py DATABASE LOG``: each job writes a line when it begins and one when it ends, with
its number, lane and process. With ``hang`` the first job acknowledges some UIDs, says so, and
goes on until it is killed. With ``crash`` children are killed at each call that reaches the disk.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from typing import Any

from napari_dicomdb.api import Database
from napari_dicomdb.network.jobs import JobQueue, kinds
from napari_dicomdb.network.jobs.claims import Claims, Ending, lane_of
from napari_dicomdb.network.jobs.leases import Lease
from napari_dicomdb.network.jobs.store import JobStore


def note(path: str, *words: object) -> None:
    """Add one line to a file, whole."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, (" ".join(map(str, words)) + "\n").encode())
    os.close(file)


def work(root: str, log: str) -> None:
    def do(job: Any, run: Any, database: Any) -> Ending:
        lane = lane_of(job.kind, job.node).replace(" ", "-") or "free"
        note(log, "begins", job.id, lane, os.getpid())
        for step in range(20):
            run.progress(step, 20, "working")
        note(log, "ends", job.id, lane, os.getpid())
        return Ending(True, "done")

    for kind in ("echo", "send"):
        kinds._DOERS[kind] = do
    with Database.open(root) as database, JobQueue(database) as queue:
        print("ready", flush=True)
        sys.stdin.readline()
        queue.start(2)
        assert queue.wait(60)
    print("done", flush=True)


def hang(root: str, log: str) -> None:
    def do(job: Any, run: Any, database: Any) -> Ending:
        run.progress(3, 9, "sending")
        for number in range(3):
            run.acknowledge(f"1.2.{number}")
        run.flush()
        print("sending", flush=True)
        while True:
            run.progress(3, 9, "sending")

    kinds._DOERS["send"] = do
    with Database.open(root) as database, JobQueue(database) as queue:
        queue.start()
        threading.Event().wait()


def live(root: str) -> None:
    """Do what a job goes through, without threads."""
    store = JobStore(root and __import__("pathlib").Path(root))
    claims = Claims(store, Lease.new())
    find = store.add("find", {"keys": {"PatientName": "DOE"}}, "Find", "A", "", False)
    send = store.add("send", {"series": ["1.2"]}, "Send", "A", "node a", False)
    for _ in range(2):
        job = claims.claim(frozenset({"find", "send"}))
        assert job is not None
        claims.tell(job.id, 1, 2, "working", 1.0, ["1.2.3"])
        if job.id == send.id:
            store.ask(job.id, "pause")
            claims.give_back(job.id, 1, 2)
            store.ask(job.id, "resume")
            store.move(job.id, None)
        else:
            claims.finish(job.id, Ending(True, "found", report={"matches": 1}), 2, 2, None)
    assert find.id != send.id
    store.clear_finished()
    store.close()


def crash(root: str, fatal: int) -> None:
    """Do it, and die at a call of SQLite; tell how many there were."""
    count = 0

    def look(frame: Any, event: str, called: Any) -> None:
        nonlocal count
        if event == "c_call" and isinstance(
            getattr(called, "__self__", None), (sqlite3.Connection, sqlite3.Cursor)
        ):
            count += 1
            if count == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(look)
    live(root)
    sys.setprofile(None)
    print(count, flush=True)


def crashes() -> None:
    for line in sys.stdin:
        root, fatal = line.split()
        process = os.fork()
        if not process:
            crash(root, int(fatal))
            os._exit(0)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    {"work": work, "hang": hang, "crashes": crashes}[what](*rest)
