"""One piece of long work: progress, cancel, outcome."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.errors import DatabaseError
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.work_strip import WorkStrip


@pytest.fixture
def strip(qtbot, palette):
    runner = TaskRunner("strip")
    made = WorkStrip(runner)
    made.apply_palette(palette)
    qtbot.addWidget(made)
    made.show()
    yield made
    runner.close()


def test_progress_and_result(qtbot, strip):
    go_on, results = threading.Event(), []

    def work(number, progress):
        progress(1, 4, "Copying")
        go_on.wait(60)
        return number

    strip.run("Beginning", work, 7, returned=results.append)
    assert strip.is_busy
    assert strip.label.text() == "Beginning"
    qtbot.waitUntil(lambda: strip.label.text().startswith("Copying"))
    assert strip.bar.value() == 250
    strip.run("Another", work, 8)  # one at a time
    go_on.set()
    qtbot.waitUntil(lambda: not strip.is_busy)
    assert results == [7]
    assert not strip.bar.isVisible()


def test_an_error_is_told_without_a_traceback(qtbot, strip):
    def work(progress):
        raise DatabaseError("the disk is full")

    strip.run("Writing", work)
    qtbot.waitUntil(lambda: not strip.is_busy)
    assert strip.outcome.text() == "the disk is full"
    assert strip.outcome.severity == "error"


def test_cancel_by_keyboard(qtbot, strip):
    def work(progress):
        while True:
            progress(0, None, "")

    strip.run("Looking", work)
    qtbot.keyClick(strip.cancel_button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not strip.is_busy)
    assert strip.outcome.text() == "Cancelled."


def test_what_could_not_begin_ends_at_once(strip):
    strip.start("Moving", lambda **_: None)
    assert not strip.is_busy
