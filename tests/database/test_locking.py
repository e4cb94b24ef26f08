"""One writer at a time, also between processes."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.locking import WriterLock, lock_now
from napari_dicomdb.errors import Cancelled, DatabaseBusyError

HOLDER = """
import sys
from pathlib import Path
from napari_dicomdb.database.locking import WriterLock
with WriterLock(Path(sys.argv[1])).held(wait_seconds=0):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(directory: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_second_process_is_told_who_writes(database: Database, ct: Path) -> None:
    assert database.path is not None
    holder = hold(database.path)
    try:
        database.wait_for_writer = 0.0
        with pytest.raises(DatabaseBusyError, match=rf"process {holder.pid} on .* since 20"):
            database.import_paths([ct])
        assert database.series() == []  # reading goes on
        assert database.import_paths([ct], dry_run=True).added == 6
    finally:
        holder.communicate()
    assert database.import_paths([ct]).added == 6


def test_lock_dies_with_its_process(database: Database, ct: Path) -> None:
    assert database.path is not None
    holder = hold(database.path)
    holder.kill()
    holder.communicate()
    database.wait_for_writer = 5.0
    assert database.import_paths([ct]).added == 6


def test_waiting_can_be_cancelled(database: Database, ct: Path) -> None:
    assert database.path is not None

    def cancel(done: int, total: int | None, text: str) -> None:
        assert str(os.getpid()) in text and socket.gethostname() in text
        raise Cancelled("no")

    with WriterLock(database.path).held(wait_seconds=0), pytest.raises(Cancelled):
        database.import_paths([ct], progress=cancel)


def test_second_thread_waits(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path)
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        def told(done: int, total: int | None, text: str) -> None:
            entered.set()

        with lock.held(wait_seconds=30, progress=told):
            order.append("second")

    with lock.held(wait_seconds=0):
        thread = threading.Thread(target=second)
        thread.start()
        assert entered.wait(30)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_two_imports_at_once(tmp_path: Path, ct: Path) -> None:
    """Two processes import the same folder: the second finds all of it unchanged."""
    code = (
        "import sys\nfrom napari_dicomdb.database import Database\n"
        "r = Database.open(sys.argv[1]).import_paths([sys.argv[2]])\n"
        "print(r.added, r.unchanged)\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "db"), str(ct)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert sorted(process.communicate()[0].strip() for process in both) == ["0 6", "6 0"]


def test_lock_now_waits_for_nobody_and_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_dicomdb.database.locking import lock_now\n"
        "lock = lock_now(Path(sys.argv[1])); print(lock is not None, flush=True)\n"
        "sys.stdin.read()"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert lock_now(tmp_path / "lock") is None
        holder.kill()
        holder.wait()
    lock = lock_now(tmp_path / "lock")
    assert lock is not None
    assert lock_now(tmp_path / "lock") is None
    lock.close()
    again = lock_now(tmp_path / "lock")
    assert again is not None
    again.close()
    with pytest.raises(sqlite3.OperationalError):
        lock_now(tmp_path / "no folder" / "lock")
