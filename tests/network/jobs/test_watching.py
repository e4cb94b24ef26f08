"""Changes of other processes are seen; callbacks that fail end nothing."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_dicomdb.network.jobs.store import JobStore
from napari_dicomdb.network.jobs.watching import Watching

PATIENCE = 20.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    made = JobStore(tmp_path)
    yield made
    made.close()


def test_a_change_of_another_process_is_seen(store: JobStore, tmp_path: Path) -> None:
    looked, changed = threading.Event(), threading.Event()

    def look_around(is_changed: bool) -> None:
        looked.set()
        if is_changed:
            changed.set()

    watching = Watching(store, look_around)
    watching.start()
    watching.start()  # once
    assert looked.wait(PATIENCE)
    looked.clear()
    assert looked.wait(PATIENCE)
    assert not changed.is_set()
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as other:
        other.execute(
            "INSERT INTO job (place, kind, title, node, lane, state, what, at_added)"
            " VALUES (1, 'echo', '', '', '', 'waiting', '{}', 1)"
        )
        other.commit()
    assert changed.wait(PATIENCE)
    watching.stop()


def test_callbacks_are_called_until_they_are_taken_away(store: JobStore) -> None:
    called = threading.Semaphore(0)
    watching = Watching(store, lambda is_changed: None)
    end = watching.add(lambda: called.release())
    watching.changed()
    assert called.acquire(timeout=PATIENCE)
    end()
    end()
    other = threading.Event()
    watching.add(other.set)
    watching.changed()
    assert other.wait(PATIENCE)
    assert not called.acquire(blocking=False)
    watching.stop()


def test_a_callback_that_fails_is_dropped(store: JobStore) -> None:
    calls: list[str] = []
    after = threading.Semaphore(0)
    watching = Watching(store, lambda is_changed: None)

    def failing() -> None:
        calls.append("failing")
        raise RuntimeError("not ours")

    watching.add(failing)
    watching.add(lambda: after.release())
    for _ in range(2):
        watching.changed()
        assert after.acquire(timeout=PATIENCE)
    watching.stop()
    assert calls == ["failing"]


def test_a_closed_file_ends_nothing(store: JobStore) -> None:
    store.close()
    told = threading.Event()
    watching = Watching(store, lambda is_changed: None)
    watching.add(told.set)
    watching.changed()
    assert told.wait(PATIENCE)
    watching.stop()
