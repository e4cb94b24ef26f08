"""Editing on screen: into copies, checked while one types."""

from __future__ import annotations

import pytest
from pydicom import dcmread
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_dicomdb.loading.columns import sorted_instances
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.metadata_edit import MetadataEdit


@pytest.fixture
def instances(database, phantom):
    return sorted_instances(database.instances(phantom["axial-ct"].series_uid))


@pytest.fixture
def page(qtbot, palette, database, instances):
    runner = TaskRunner("test-edit")
    made = MetadataEdit(runner, palette, lambda: database)
    qtbot.addWidget(made)
    made.resize(600, 500)
    made.show()
    made.show_instances(instances, instances[0])
    yield made
    runner.close()


def add(qtbot, page, path, now=None):
    line = page.table.rowCount()
    qtbot.keyClicks(page.input, path)
    qtbot.keyClick(page.input, Qt.Key.Key_Return)
    if now is not None:
        qtbot.waitUntil(lambda: page.table.item(line, 1).text() == now)
    return line


def type_value(qtbot, page, line, text):
    """Type over a cell as a user does."""
    item = page.table.item(line, 2)
    page.table.setCurrentItem(item)
    page.table.editItem(item)
    editor = page.table.viewport().findChildren(type(page.input))[-1]
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    # The view takes over what was typed when it is back in its loop.
    qtbot.waitUntil(lambda: page.table.item(line, 2).text() == text)


def test_one_instance_to_a_folder(qtbot, page, instances, tmp_path, monkeypatch):
    before = instances[0].path.read_bytes()
    line = add(qtbot, page, "PatientID", dcmread(instances[0].path).PatientID)
    assert not page.folder_button.isEnabled()
    type_value(qtbot, page, line, "4711")
    assert page.folder_button.isEnabled()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    with qtbot.waitSignal(page.written) as done:
        qtbot.mouseClick(page.folder_button, Qt.MouseButton.LeftButton)
    ((source, copy),) = done.args[0].written
    assert source == instances[0].path
    assert dcmread(copy).PatientID == "4711"
    assert instances[0].path.read_bytes() == before
    qtbot.waitUntil(lambda: "1 copy written" in page.notice.text())


def test_the_whole_series_into_the_database(qtbot, page, database, instances):
    line = add(qtbot, page, "SeriesDescription")
    qtbot.waitUntil(lambda: page.table.item(line, 1).text() != "")
    type_value(qtbot, page, line, "Edited")
    page.scope.setCurrentIndex(1)
    with qtbot.waitSignal(page.imported, timeout=20_000):
        qtbot.mouseClick(page.database_button, Qt.MouseButton.LeftButton)
    (new,) = [s for s in database.series() if s.description == "Edited"]
    assert new.instance_count == len(instances)
    assert new.storage == "copied"
    old = database.find_series(instances[0].series_uid)
    assert old.instance_count == len(instances)


def test_wrong_values_are_told_and_not_written(qtbot, page):
    line = add(qtbot, page, "StudyDate", dcmread(page._instance.path).StudyDate)
    type_value(qtbot, page, line, "20230230")
    assert page.table.item(line, 3).text() == "there is no such date"
    assert not page.folder_button.isEnabled()
    type_value(qtbot, page, line, "20230228")
    assert page.table.item(line, 3).text() == ""
    assert page.folder_button.isEnabled()


def test_attributes_are_removed_or_left_alone(qtbot, page):
    add(qtbot, page, "PatientID", dcmread(page._instance.path).PatientID)
    page.table.selectRow(0)
    qtbot.mouseClick(page.remove_button, Qt.MouseButton.LeftButton)
    (edit,) = page.edits()
    assert edit.value is None
    qtbot.mouseClick(page.remove_button, Qt.MouseButton.LeftButton)
    assert page.edits() == []
    qtbot.mouseClick(page.drop_button, Qt.MouseButton.LeftButton)
    assert page.table.rowCount() == 0


def test_keeping_uids_is_warned_of(qtbot, page):
    page.keep_uids.click()
    assert page.notice.isVisible()
    assert "same SOPInstanceUID" in page.notice.text()
    page.keep_uids.click()
    assert not page.notice.isVisible()


def test_what_cannot_be_edited_is_said(qtbot, page):
    add(qtbot, page, "PixelData")
    assert "cannot be edited" in page.notice.text()
    assert page.table.rowCount() == 0


def test_letters_that_the_file_lacks(qtbot, page):
    line = add(qtbot, page, "PatientName", str(dcmread(page._instance.path).PatientName))
    page.table.item(line, 2).setText("山田^太郎")
    charset = page._charset()
    if "192" not in charset:
        assert "UTF-8" in page.table.item(line, 3).text()
    page.utf8.click()
    assert page.table.item(line, 3).text() == ""
