"""Upkeep, patients, databases and metadata, asked for from the browser in a real viewer."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
from browser_hands import (
    CONTROL,
    KEY,
    LEFT,
    NONE,
    click_row,
    open_and_pick,
    pick_row,
    series_index,
)
from napari.settings import get_settings
from pydicom import dcmread
from qtpy.QtWidgets import QApplication, QFileDialog, QTabBar

from napari_dicomdb import Database
from napari_dicomdb.viewer.phantom import write_phantom_study


@pytest.fixture
def moving(on_screen, qtbot, tmp_path, phantom_folder):
    """The browser on a copy of the study that may be moved about."""
    images = shutil.copytree(phantom_folder, tmp_path / "images")
    browser = on_screen
    browser.database.remove(patient=browser.database.patients()[0])
    browser.database.import_paths([images], workers=0)
    return browser, images


def window_of(qtbot, browser, label, kind):
    """Open a window by the menu of the database's button."""
    open_and_pick(qtbot, browser.database_button, label)

    def opened():
        tops = QApplication.topLevelWidgets()
        return [w for w in tops if type(w).__name__ == kind and w.isVisible()]

    qtbot.waitUntil(lambda: bool(opened()), timeout=20_000)
    return opened()[0]


def turn_to(qtbot, dialog, title):
    bar = dialog.findChild(QTabBar)
    place = next(k for k in range(bar.count()) if bar.tabText(k).startswith(title))
    qtbot.mouseClick(bar, LEFT, NONE, bar.tabRect(place).center())


def click(qtbot, dialog, button):
    assert button.isVisible()
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)
    qtbot.waitUntil(lambda: not dialog.work.is_busy, timeout=30_000)


def answer(monkeypatch, *paths):
    left = iter([str(p) for p in paths])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: next(left))


# -- upkeep -----------------------------------------------------------------------------


def test_relink_by_mouse(moving, qtbot, tmp_path):
    browser, images = moving
    images.rename(tmp_path / "elsewhere")
    dialog = window_of(qtbot, browser, "Upkeep…", "UpkeepDialog")
    turn_to(qtbot, dialog, "Files")
    page = dialog.files
    click(qtbot, dialog, page.verify_button)
    assert "31 missing" in dialog.work.outcome.text()
    page.old_root.clear()
    qtbot.keyClicks(page.old_root, str(images))
    page.new_root.clear()
    qtbot.keyClicks(page.new_root, str(tmp_path / "elsewhere"))
    click(qtbot, dialog, page.preview_button)
    click(qtbot, dialog, page.relink_button)
    dialog.close()
    paths = [one.path for one in browser.database.instances()]
    assert len(paths) == 31
    assert all(path.is_relative_to(tmp_path / "elsewhere") and path.is_file() for path in paths)
    model = browser.lists.series_model
    qtbot.waitUntil(lambda: model.rowCount() == 4 and not model.is_waiting)
    qtbot.waitUntil(lambda: all(model.record(k).missing_count == 0 for k in range(4)))


def test_repair_check_and_shrink_by_mouse(moving, qtbot):
    browser, _ = moving
    first, second = sorted(browser.database.instances(), key=lambda one: one.path)[:2]
    content = dcmread(first.path)
    content.SOPInstanceUID = content.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    content.save_as(first.path)
    second.path.unlink()
    dialog = window_of(qtbot, browser, "Upkeep…", "UpkeepDialog")
    dialog.show_page("repair")
    page = dialog.soundness
    click(qtbot, dialog, page.check_button)
    assert "in order" in dialog.work.outcome.text()
    click(qtbot, dialog, page.repair_button)
    uids = {one.uid for one in browser.database.instances()}
    assert "1.2.3.4" in uids
    assert first.uid not in uids
    assert len(uids) == 31, "no series is thrown away for one file"
    click(qtbot, dialog, page.vacuum_button)
    assert "freed" in dialog.work.outcome.text()
    dialog.close()


def test_backup_then_restore_by_mouse(on_screen, qtbot, tmp_path, monkeypatch):
    browser = on_screen
    uids = sorted(one.uid for one in browser.database.series())
    (tmp_path / "backups").mkdir()
    (tmp_path / "again").mkdir()
    name = browser.database.path.name
    answer(monkeypatch, tmp_path / "backups", tmp_path / "backups" / name, tmp_path / "again")
    dialog = window_of(qtbot, browser, "Upkeep…", "UpkeepDialog")
    dialog.show_page("backup")
    click(qtbot, dialog, dialog.backup.backup_button)
    assert dialog.work.outcome.severity == "info", dialog.work.outcome.text()
    dialog.close()
    databases = window_of(qtbot, browser, "Manage databases…", "DatabasesDialog")
    click(qtbot, databases, databases.buttons["restore"])
    assert databases.work.outcome.severity == "info", databases.work.outcome.text()
    databases.close()
    with Database.open(tmp_path / "again", create=False) as restored:
        assert sorted(one.uid for one in restored.series()) == uids


def test_move_by_mouse(on_screen, qtbot, tmp_path, monkeypatch, database):
    browser = on_screen
    database.close()
    before, name = browser.database.path, browser.database.path.name
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive" / "letter.txt").touch()
    answer(monkeypatch, tmp_path / "drive")
    dialog = window_of(qtbot, browser, "Manage databases…", "DatabasesDialog")
    qtbot.waitUntil(lambda: dialog.model.rows and "…" not in dialog.model.rows[0].cells[1])
    row = next(k for k, one in enumerate(dialog.model.rows) if one.data.path == before)
    click_row(qtbot, dialog.table, dialog.table.model().index(row, 0))
    with qtbot.waitSignal(browser.session.opened, timeout=20_000):
        qtbot.mouseClick(dialog.buttons["move"], LEFT)
    assert browser.database.path == tmp_path / "drive" / name
    qtbot.waitUntil(lambda: not dialog.work.is_busy)
    dialog.close()
    assert not (before / "dicomdb.sqlite").exists()
    model = browser.lists.series_model
    qtbot.waitUntil(lambda: model.rowCount() == 4 and not model.is_waiting, timeout=20_000)


# -- patients ---------------------------------------------------------------------------


def test_merge_and_undo_by_mouse(on_screen, qtbot, tmp_path):
    browser = on_screen
    (other,) = write_phantom_study(tmp_path / "other", ("axial-ct",), matrix=8, slices=4)
    for path in other.paths:
        ds = dcmread(path)
        ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "P2", "1.2.3", "1.2.3.4"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{ds.InstanceNumber}"
        ds.save_as(path)
    browser.database.import_paths([tmp_path / "other"], workers=0)
    browser.lists.series.setFocus()
    qtbot.keyClick(browser.lists.series, KEY.Key_F5)
    patients = browser.lists.patients
    qtbot.waitUntil(lambda: patients.model().rowCount() == 2, timeout=20_000)
    qtbot.waitUntil(lambda: not patients.model().is_waiting)
    click_row(qtbot, patients, patients.model().index(0, 0))
    click_row(qtbot, patients, patients.model().index(1, 0), CONTROL)
    pick_row(qtbot, patients, patients.model().index(1, 0), "Merge patients…")
    dialog = browser.menus.patients.dialog
    qtbot.waitUntil(lambda: dialog.isVisible() and dialog.merge_button.isEnabled())
    with qtbot.waitSignal(dialog.filled, timeout=20_000):
        qtbot.mouseClick(dialog.merge_button, LEFT)
    assert len(browser.database.patients()) == 1
    qtbot.waitUntil(lambda: patients.model().rowCount() == 1, timeout=20_000)
    assert len(browser.database.studies()) == 2
    turn_to(qtbot, dialog, "History")
    with qtbot.waitSignal(dialog.filled, timeout=20_000):
        qtbot.mouseClick(dialog.undo_button, LEFT)
    qtbot.mouseClick(dialog.close_button, LEFT)
    assert {one.patient_id for one in browser.database.patients()} >= {"P2"}
    qtbot.waitUntil(lambda: patients.model().rowCount() == 2, timeout=20_000)


# -- watched folders and settings -------------------------------------------------------


def test_a_watched_folder_brings_files_by_itself(on_screen, qtbot, tmp_path, phantom, monkeypatch):
    browser = on_screen
    source, uid = phantom["axial-ct"].paths, phantom["axial-ct"].series_uid
    browser.database.remove(series=uid)
    folder = tmp_path / "incoming"
    folder.mkdir()
    answer(monkeypatch, folder)
    dialog = window_of(qtbot, browser, "Watched folders…", "WatchedFoldersDialog")
    qtbot.mouseClick(dialog.folders.add_button, LEFT)
    qtbot.waitUntil(lambda: dialog.folders.list.topLevelItemCount() == 1)
    for path in source:
        shutil.copy(path, folder)
    model = browser.lists.series_model

    def arrived():
        browser.session.folders.look()
        row = model.row_of(uid)
        return row >= 0 and model.record(row).instance_count == len(source)

    qtbot.waitUntil(arrived, timeout=40_000)
    item = dialog.folders.list.topLevelItem(0)
    place = dialog.folders.list.visualItemRect(item).center()
    qtbot.mouseClick(dialog.folders.list.viewport(), LEFT, NONE, place)
    qtbot.mouseClick(dialog.folders.remove_button, LEFT)
    qtbot.waitUntil(lambda: dialog.folders.list.topLevelItemCount() == 0)
    qtbot.mouseClick(dialog.close_button, LEFT)
    assert browser.database.watched_folders() == []


def test_the_reader_is_set_by_its_button(on_screen, qtbot):
    browser, plugins = on_screen, get_settings().plugins
    before = dict(plugins.extension2reader)
    dialog = window_of(qtbot, browser, "Settings…", "SettingsDialog")
    turn_to(qtbot, dialog, "Opening files")
    assert plugins.extension2reader == before
    qtbot.mouseClick(dialog.reader.use_button, LEFT)
    assert plugins.extension2reader["*.dcm"] == "napari-dicomdb"
    qtbot.mouseClick(dialog.reader.undo_button, LEFT)
    assert plugins.extension2reader == before
    dialog.close()


# -- metadata ---------------------------------------------------------------------------


@pytest.fixture
def metadata(on_screen, qtbot, phantom):
    """The metadata of the axial CT, opened by the browser's menu."""
    browser = on_screen
    index = series_index(browser, phantom, "axial-ct")
    pick_row(qtbot, browser.lists.series, index, "Metadata…")
    view = browser.metadata.view
    qtbot.waitUntil(lambda: len(view.instances) == 8, timeout=20_000)
    qtbot.waitUntil(lambda: view.tags.instance is not None and view.tags.instance.number == 1)
    return view


def test_metadata_slider_and_search_by_keys(metadata, qtbot):
    slider = metadata.tags.slider
    slider.setFocus()
    for _ in range(3):
        qtbot.keyClick(slider, KEY.Key_Right)
    qtbot.waitUntil(lambda: metadata.tags.instance.number == 4)


def test_metadata_columns_plot_and_export_by_mouse(
    metadata, qtbot, phantom, tmp_path, monkeypatch
):
    turn_to(qtbot, metadata, "Columns")
    page = metadata.columns
    qtbot.waitUntil(page.isVisible)
    with qtbot.waitSignal(page.filled, timeout=20_000):
        qtbot.keyClicks(page.input, "ImagePositionPatient")
        page.input.completer().popup().hide()
        qtbot.keyClick(page.input, KEY.Key_Return)
    wanted = sorted(
        (dcmread(path) for path in phantom["axial-ct"].paths), key=lambda d: d.InstanceNumber
    )
    line = next(one for one in page.plot.lines if one.name.endswith(" z"))
    assert line.values == pytest.approx([float(d.ImagePositionPatient[2]) for d in wanted])
    assert page.plot.isVisible()
    for name, kind in (("v.csv", "CSV table (*.csv)"), ("v.json", "JSON (*.json)")):
        answered = (str(tmp_path / name), kind)
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, answered=answered: answered)
        qtbot.mouseClick(page.export_button, LEFT)
        qtbot.waitUntil(lambda name=name: name in page.notice.text())
    with (tmp_path / "v.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 8
    assert len(json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))) == 8


def test_metadata_edited_into_a_copy_by_keys(metadata, on_screen, qtbot, phantom):
    originals = {path: path.read_bytes() for path in phantom["axial-ct"].paths}
    turn_to(qtbot, metadata, "Edit")
    page = metadata.editing
    qtbot.waitUntil(page.isVisible)
    qtbot.keyClicks(page.input, "SeriesDescription")
    qtbot.keyClick(page.input, KEY.Key_Return)
    qtbot.waitUntil(lambda: page.table.rowCount() == 1 and page.table.item(0, 1).text() != "")
    item = page.table.item(0, 2)
    page.table.setCurrentItem(item)
    page.table.editItem(item)
    editor = page.table.viewport().findChildren(type(page.input))[-1]
    editor.selectAll()
    qtbot.keyClicks(editor, "Edited by hand")
    qtbot.keyClick(editor, KEY.Key_Return)
    qtbot.waitUntil(lambda: page.table.item(0, 2).text() == "Edited by hand")
    page.scope.setFocus()
    qtbot.keyClick(page.scope, KEY.Key_Down)
    with qtbot.waitSignal(page.imported, timeout=20_000):
        qtbot.mouseClick(page.database_button, LEFT)
    model = on_screen.lists.series_model
    qtbot.waitUntil(lambda: model.rowCount() == 5 and not model.is_waiting, timeout=20_000)
    records = [model.record(row) for row in range(5)]
    (new,) = [one for one in records if one.description == "Edited by hand"]
    assert new.instance_count == 8
    assert new.storage == "copied"
    assert {path: path.read_bytes() for path in originals} == originals
