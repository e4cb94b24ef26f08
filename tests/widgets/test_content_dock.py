"""The dock of content: one of them, shown in a viewer or as a window of its own."""

from __future__ import annotations

import pytest
from pydicom.data import get_testdata_file
from qtpy.QtWidgets import QWidget

from napari_dicomdb import examine
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import ThemeWatcher
from napari_dicomdb.widgets.content_dock import ContentDock


class Session:
    """As much of a `DatabaseSession` as is asked."""

    def __init__(self, database):
        self.database = database


@pytest.fixture
def contents(qtbot, database):
    """Content without a viewer, on the phantom study."""
    host, runner = QWidget(), TaskRunner("test-content")
    qtbot.addWidget(host)
    theme = ThemeWatcher(parent=host)
    made = ContentDock(None, Session(database), runner, theme, host)
    yield made
    view = made.view
    made.close()
    if view is not None:
        qtbot.waitUntil(lambda: not view.isVisible())
    theme.disconnect_settings()
    runner.close()


def test_one_window_for_all(qtbot, contents, database, phantom):
    (report,) = examine(get_testdata_file("test-SR.dcm"))
    contents.show_loadables([report], report.content())
    first = contents.view
    assert first.isWindow()
    assert first.isVisible()
    assert first.title.text().startswith("Comprehensive SR")
    contents.show_series([database.find_series(phantom["axial-ct"].series_uid)])
    qtbot.waitUntil(lambda: first.title.text().startswith("CT Image"))
    assert contents.view is first


def test_nothing_to_show_opens_nothing(contents):
    contents.show_pages([])
    assert contents.view is None


def test_references_are_looked_up_in_the_database(qtbot, contents, phantom):
    from dataclasses import replace

    (report,) = examine(get_testdata_file("test-SR.dcm"))
    found = []
    assert contents.find_referenced([report], found.append) is None
    ct = phantom["axial-ct"].series_uid
    contents.find_referenced([replace(report, referenced_uids=(ct, "1.2.3"))], found.append)
    qtbot.waitUntil(lambda: bool(found))
    assert [series.uid for series in found[0]] == [ct]
