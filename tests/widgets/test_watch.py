"""Changes by others are noticed, our own thumbnails are not."""

from __future__ import annotations

import pytest
from pydicom.data import get_testdata_file
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_dicomdb import Database
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._watch import DatabaseWatcher


class Session(QObject):
    """As much of a `DatabaseSession` as is watched."""

    opened = Signal(object)
    changed = Signal()
    is_importing = False

    def __init__(self, database):
        super().__init__()
        self.database = database


@pytest.fixture
def runner():
    made = TaskRunner("test-watch")
    yield made
    made.close()


@pytest.fixture
def look(qtbot, database, runner):
    """Let the watcher look once; returns how often it has told of changes."""
    widget, session = QWidget(), Session(database)
    qtbot.addWidget(widget)
    watcher = DatabaseWatcher(session, runner, widget)
    watcher.timer.stop()
    told = []
    watcher.changed.connect(lambda: told.append(True))

    def once():
        watcher.look()
        qtbot.waitUntil(lambda: not runner.is_busy)
        return len(told)

    once.widget, once.session = widget, session
    widget.show()
    assert once() == 0
    return once


def add(name):
    with Database.open() as other:
        other.import_paths([get_testdata_file(name)], workers=0)


def test_what_others_add_and_remove(look, phantom):
    assert look() == 0
    add("CT_small.dcm")
    assert look() == 1
    assert look() == 1
    with Database.open() as other:
        other.remove(series=phantom["oblique-mr"].series_uid)
    assert look() == 2


def test_pictures_and_examinations_do_not_count(look, phantom):
    with Database.open() as other:
        assert other.thumbnail(phantom["axial-ct"].series_uid) is not None
        other.examine(phantom["axial-ct"].series_uid)
    assert look() == 0


def test_what_cannot_be_seen_is_not_asked_for(look):
    look.widget.hide()
    add("CT_small.dcm")
    assert look() == 0
    look.widget.show()
    assert look() == 1


def test_our_own_changes_are_told_otherwise(look, database):
    database.import_paths([get_testdata_file("CT_small.dcm")], workers=0)
    look.session.changed.emit()
    assert look() == 0
    add("MR_small.dcm")
    assert look() == 1
