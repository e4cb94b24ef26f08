"""Worker processes: tasks, deaths, and the end of the process that started them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING

import pytest

from napari_dicomdb.database.workers import AHEAD, Workers, cpu_count

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def workers() -> Iterator[Workers]:
    pool = Workers(2)
    yield pool
    pool.shutdown()


def test_large_tasks_and_answers_do_not_block_each_other(workers: Workers) -> None:
    # Larger than what a pipe takes, in both directions, and more than are at hand.
    sent = [bytes([n]) * 300_000 for n in range(8 * AHEAD)]
    futures = [workers.submit(bytes.upper, data) for data in sent]
    assert [future.result() for future in futures] == [data.upper() for data in sent]


def test_what_a_task_prints_is_no_answer(workers: Workers) -> None:
    noisy = workers.submit(eval, "print('noise') or b'answer'")
    assert noisy.result() == b"answer"


def test_when_a_worker_dies_all_that_is_open_fails(workers: Workers) -> None:
    futures = [workers.submit(os._exit, 7)]
    futures += [workers.submit(bytes, n) for n in range(3)]
    with pytest.raises(BrokenExecutor, match="exit code 7"):
        futures[0].result()
    for future in futures[1:]:
        try:
            assert isinstance(future.result(), bytes)
        except BrokenExecutor as error:
            assert "exit code 7" in str(error)
    with pytest.raises(BrokenExecutor):
        workers.submit(bytes, 1)


def test_an_error_of_a_task_is_a_death(workers: Workers) -> None:
    with pytest.raises(BrokenExecutor):
        workers.submit(bytes.fromhex, "no hex").result()


def test_shutdown_does_not_wait_for_tasks() -> None:
    pool = Workers(1)
    futures = [pool.submit(time.sleep, 3600) for _ in range(10)]
    pool.shutdown()
    for future in futures:
        with pytest.raises(BrokenExecutor, match="stopped"):
            future.result()
    pool.shutdown()


def test_workers_end_with_the_process_that_started_them() -> None:
    code = (
        "import os\n"
        "from napari_dicomdb.database.workers import Workers\n"
        "pool = Workers(1)\n"
        "pool.submit(bytes, 1).result()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    # The worker has our pipe as its standard error: that ends when both have ended.
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=50)
    assert said == b""


def test_cpu_count_is_that_of_this_process() -> None:
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)
