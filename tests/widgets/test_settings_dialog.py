"""Lists of settings, changed in the window, hold at once."""

from __future__ import annotations

import json

import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt

from napari_dicomdb.settings import load_settings, remember_database, saved_filters, settings_path
from napari_dicomdb.viewer.browse import PLUGIN
from napari_dicomdb.widgets._remembered import recall_view, remember_view

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dialog(browser, qtbot):
    made = browser.databases.actions.show_settings()
    yield made
    made.close()


def test_filters_are_saved_changed_and_forgotten(dialog, qtbot):
    page = dialog.filters
    qtbot.keyClicks(page.name, "Big CT")
    qtbot.keyClicks(page.text, "modality:CT slices:>100")
    qtbot.keyClick(page.text, Qt.Key.Key_Return)
    assert saved_filters() == {"Big CT": "modality:CT slices:>100"}
    assert [row.cells for row in page.model.rows] == [("Big CT", "modality:CT slices:>100")]
    page.name.setText('"')
    qtbot.mouseClick(page.save_button, LEFT)
    assert "quotes" in dialog.notice.text()
    page.table.selectRow(0)
    assert page.name.text() == "Big CT"
    qtbot.mouseClick(page.forget_button, LEFT)
    assert saved_filters() == {}


def test_databases_are_forgotten(dialog, qtbot, tmp_path):
    remember_database(tmp_path / "a", as_default=True)
    dialog.refresh()
    page = dialog.databases
    assert page.model.rows[0].cells == (str(tmp_path / "a"), "opened by default")
    page.table.selectRow(0)
    qtbot.mouseClick(page.forget_button, LEFT)
    assert tmp_path / "a" not in load_settings().recent_databases


def test_views_begin_anew(dialog, qtbot, browser, database):
    remember_view(database.path, "probe", 3)
    remember_view("/elsewhere", "probe", 4)
    with qtbot.waitSignal(browser._session.opened):
        qtbot.mouseClick(dialog.views.this_button, LEFT)
    assert recall_view(database.path, "probe", 0) == 0
    assert recall_view("/elsewhere", "probe", 0) == 4
    qtbot.mouseClick(dialog.views.all_button, LEFT)
    assert recall_view("/elsewhere", "probe", 0) == 0


def test_the_reader_is_set_by_the_button_alone(dialog, qtbot):
    plugins = get_settings().plugins
    before = dict(plugins.extension2reader)
    dialog.tabs.setCurrentWidget(dialog.reader)
    assert plugins.extension2reader == before
    assert not dialog.reader.undo_button.isEnabled()
    qtbot.mouseClick(dialog.reader.use_button, LEFT)
    assert plugins.extension2reader["*.dcm"] == PLUGIN
    assert "with this plugin" in dialog.reader.state.text()
    assert not dialog.reader.use_button.isEnabled()
    qtbot.mouseClick(dialog.reader.undo_button, LEFT)
    assert plugins.extension2reader == before


def test_the_file_is_what_the_documentation_says(dialog, qtbot, tmp_path):
    remember_database(tmp_path)
    known = json.loads(settings_path().read_text())
    text = (__import__("pathlib").Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    assert [key for key in known if f"`{key}`" not in text] == []
