"""Worker threads: results, errors, progress and cancelling arrive on the GUI thread."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import QCoreApplication

from napari_dicomdb.errors import Cancelled
from napari_dicomdb.widgets._tasks import TaskRunner


@pytest.fixture
def runner(qtbot):
    made = TaskRunner("test", 2)
    yield made
    made.close()


def test_the_work_is_done_elsewhere_and_the_result_comes_here(qtbot, runner):
    here, arrived = threading.get_ident(), []
    runner.submit(
        threading.get_ident, returned=lambda there: arrived.append((there, threading.get_ident()))
    )
    qtbot.waitUntil(lambda: bool(arrived))
    there, back = arrived[0]
    assert back == here
    assert there != here
    assert not runner.is_busy


def test_errors_are_handed_over(qtbot, runner):
    errors, ends = [], []

    def fail():
        raise ValueError("no such slice")

    runner.submit(fail, failed=errors.append, finished=lambda: ends.append(True))
    qtbot.waitUntil(lambda: bool(ends))
    assert [str(e) for e in errors] == ["no such slice"]


def test_progress_arrives_in_order_and_its_end_always(qtbot, runner):
    seen, ends = [], []

    def count(progress):
        for k in range(1, 501):
            progress(k, 500, "Counting")
        return "done"

    runner.submit(
        count,
        pass_progress=True,
        progressed=lambda *step: seen.append(step),
        returned=ends.append,
    )
    qtbot.waitUntil(lambda: ends == ["done"])
    assert seen == sorted(seen)
    assert seen[-1] == (500, 500, "Counting")
    assert len(seen) < 500, "faster than the eye: most reports are dropped"


def test_cancel_raises_in_the_work(qtbot, runner):
    started, raised, told = threading.Event(), [], []

    def work(progress):
        started.set()
        try:
            while True:
                progress(1, None, "Working")
        except Cancelled as error:
            raised.append(error.reason)
            raise

    task = runner.submit(
        work, pass_progress=True, cancelled=lambda: told.append(True), returned=told.append
    )
    assert started.wait(60)
    task.cancel()
    qtbot.waitUntil(lambda: bool(told))
    assert told == [True]
    assert raised == ["cancelled"]


def test_a_result_that_comes_too_late_is_dropped_unless_wanted(qtbot, runner):
    for wanted, expected in ((False, ["cancelled"]), (True, ["late"])):
        go, told = threading.Event(), []

        def work(go=go):
            go.wait(60)
            return "late"

        task = runner.submit(
            work,
            keep_late_result=wanted,
            returned=told.append,
            cancelled=lambda told=told: told.append("cancelled"),
        )
        task.cancel()
        go.set()
        if wanted:  # it may not have begun: then there is no result at all
            qtbot.waitUntil(lambda told=told: bool(told))
            assert told in (expected, ["cancelled"])
        else:
            qtbot.waitUntil(lambda told=told: told == ["cancelled"])


def test_close_stops_running_work_and_delivers_nothing(qtbot):
    runner, started, told = TaskRunner("closing"), threading.Event(), []

    def work(progress):
        started.set()
        while True:
            progress(0, None, "")

    runner.submit(work, pass_progress=True, cancelled=lambda: told.append("cancelled"))
    runner.submit(lambda: told.append("queued work ran"))
    assert started.wait(60)
    runner.close()
    QCoreApplication.processEvents()  # whatever was on its way arrives now
    assert told == []
    names = [t.name for t in threading.enumerate()]
    assert not [n for n in names if n.startswith("dicomdb-closing")]
    assert runner.submit(print).is_cancelled, "a closed runner takes nothing"
