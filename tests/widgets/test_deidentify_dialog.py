"""Anonymising by hand: choices, preview, what may show names, progress, outcome."""

from __future__ import annotations

import json
import threading
import zipfile

import numpy as np
import pydicom
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog
from tests.export.deidentification.conftest import write_ultrasound
from tests.widgets.anonymising import LEFT, type_mapping

from napari_dicomdb.widgets.deidentify_dialog import DeidentifyDialog


@pytest.fixture
def make_dialog(database, palette, qtbot):
    """Open the dialog on all series; its first preview is made."""

    def make():
        made = DeidentifyDialog(database, database.series(), "all series", palette)
        qtbot.addWidget(made)
        with qtbot.waitSignal(made.form.previewed, timeout=20_000):
            made.open()
        return made

    return make


@pytest.fixture
def dialog(make_dialog):
    """The dialog on the phantom study."""
    return make_dialog()


@pytest.fixture
def ultrasound(database, tmp_path):
    """A series that does not deny to show names."""
    return write_ultrasound(tmp_path / "us" / "1.dcm", database)


def _effects(dialog):
    table = dialog.form.table
    return {
        table.item(row, 0).text(): table.item(row, 2).text() for row in range(table.rowCount())
    }


def _write(qtbot, dialog):
    with qtbot.waitSignal(dialog.exported, timeout=20_000) as caught:
        qtbot.mouseClick(dialog.export_button, LEFT)
    qtbot.waitUntil(lambda: dialog.cancel_button.text() == "Close")
    return caught.args[0]


def test_preview_follows_the_choices(qtbot, dialog):
    assert _effects(dialog)["(0010,0010)"].startswith("replaced")
    assert "shifted" not in _effects(dialog)["(0008,0020)"]
    assert "Looked at 8 of" in dialog.form.seen.text()
    with qtbot.waitSignal(dialog.form.previewed, timeout=20_000):
        dialog.form.dates.setFocus()
        qtbot.keyClick(dialog.form.dates, Qt.Key.Key_Down)
    assert dialog.form.dates.currentData() == "shift"
    assert _effects(dialog)["(0008,0020)"].startswith("shifted")


def test_an_option_is_ticked_by_mouse(qtbot, dialog):
    box = dialog.form.options["uids"]
    with qtbot.waitSignal(dialog.form.previewed, timeout=20_000):
        qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
    assert box.isChecked()
    assert _effects(dialog)["(0020,000D)"].startswith("kept")


def test_copies_are_written(qtbot, dialog, tmp_path, monkeypatch, phantom):
    assert not dialog.export_button.isEnabled()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    qtbot.mouseClick(dialog.browse_button, LEFT)
    dialog.form.patient_id.selectAll()
    qtbot.keyClicks(dialog.form.patient_id, "STUDY-A")
    report = _write(qtbot, dialog)
    files = list((tmp_path / "out").rglob("*.dcm"))
    originals = [p for one in phantom.values() for p in one.paths]
    assert report.written == len(files) == len(originals)
    known = {pydicom.dcmread(p, stop_before_pixels=True).SOPInstanceUID for p in originals}
    for path in files:
        copy = pydicom.dcmread(path)
        assert copy.PatientID == "STUDY-A"
        assert copy.SOPInstanceUID not in known
    assert f"{len(files)} anonymised files written" in dialog.notice.text()
    qtbot.mouseClick(dialog.cancel_button, LEFT)
    assert not dialog.isVisible()


def test_zip_and_into_the_database(qtbot, dialog, database, tmp_path):
    before = len(database.series())
    qtbot.keyClicks(dialog.target, str(tmp_path))
    dialog.archive.setFocus()
    qtbot.keyClick(dialog.archive, Qt.Key.Key_Space)
    _write(qtbot, dialog)
    with zipfile.ZipFile(tmp_path / "Anonymised.zip") as archive:
        assert all(name.endswith(".dcm") for name in archive.namelist())
    qtbot.keyClick(dialog.archive, Qt.Key.Key_Space)
    qtbot.keyClick(dialog.add_to, Qt.Key.Key_Space)
    dialog.target.selectAll()
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    _write(qtbot, dialog)
    assert len(database.series()) == 2 * before


def test_series_that_may_show_names_are_listed(qtbot, make_dialog, ultrasound, tmp_path):
    dialog = make_dialog()
    assert dialog.form.warned.isVisible()
    item = dialog.form.blocked.item(0)
    assert "US" in item.text()
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    report = _write(qtbot, dialog)
    assert [reason for _, reason, _ in report.rejected] == ["burned-in"]
    assert "black out rectangles" in dialog.notice.text()
    # Looked at: ticked by the keyboard.
    dialog.form.blocked.setCurrentItem(item)
    qtbot.keyClick(dialog.form.blocked, Qt.Key.Key_Space)
    assert item.checkState() == Qt.CheckState.Checked
    dialog.target.selectAll()
    qtbot.keyClicks(dialog.target, str(tmp_path / "again"))
    assert _write(qtbot, dialog).rejected == []


def test_rectangles_are_typed(qtbot, make_dialog, ultrasound, tmp_path):
    dialog = make_dialog()
    with qtbot.waitSignal(dialog.form.previewed, timeout=20_000):
        qtbot.keyClicks(dialog.form.blackout, "0,0,9,4@US; 2,5,1,1@US")
    assert not dialog.form.blocked.isVisible()
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    report = _write(qtbot, dialog)
    assert report.blackened == 1
    copies = [pydicom.dcmread(p) for p in (tmp_path / "out").rglob("*.dcm")]
    (us,) = [c for c in copies if c.Modality == "US"]
    assert not us.pixel_array[:4, :9].any()
    assert np.count_nonzero(us.pixel_array == 0) == 37


def test_rectangles_are_those_of_shapes(qtbot, database, palette, ultrasound):
    from napari.components import ViewerModel

    viewer = ViewerModel()
    series = [s for s in database.series() if s.modality == "US"]
    (loadable,) = database.examine(series[0])[:1]
    for data, options, _ in loadable.to_layers(loadable.load(lazy=False)):
        viewer.add_image(data, **options)
    dialog = DeidentifyDialog(database, series, "1 series", palette, viewer=viewer)
    qtbot.addWidget(dialog)
    dialog.open()
    qtbot.mouseClick(dialog.form.shapes_button, LEFT)
    assert "No shapes lie over an image" in dialog.notice.text()
    viewer.add_shapes([[[0, 0], [0, 9], [4, 9], [4, 0]]], shape_type="rectangle")
    with qtbot.waitSignal(dialog.form.previewed, timeout=20_000):
        qtbot.mouseClick(dialog.form.shapes_button, LEFT)
    assert dialog.form.blackout.text() == "0,0,10,5@1.2.3.6.0"
    assert dialog.form.blocked.count() == 0


def test_wrong_words_are_told(qtbot, dialog, tmp_path):
    qtbot.keyClicks(dialog.form.blackout, "here")
    qtbot.waitUntil(lambda: "is no rectangle" in dialog.form.seen.text())
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    qtbot.mouseClick(dialog.export_button, LEFT)
    assert "is no rectangle" in dialog.notice.text()
    assert not (tmp_path / "out").exists()


def test_choices_are_remembered(qtbot, dialog, make_dialog, tmp_path, user_folders):
    dialog.form.options["characteristics"].setFocus()
    qtbot.keyClick(dialog.form.options["characteristics"], Qt.Key.Key_Space)
    dialog.form.project.setFocus()
    qtbot.keyClicks(dialog.form.project.lineEdit(), "Trial")
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    _write(qtbot, dialog)
    again = make_dialog()
    assert again.form.options["characteristics"].isChecked()
    assert again.form.project.currentText() == "Trial"
    assert again.form.project.findText("Trial") >= 0
    assert again.target.text() == str(tmp_path / "out")
    key = json.loads((user_folders / "projects" / "Trial.json").read_text())["key"]
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file() and key in p.name]


def test_cancel_leaves_nothing(qtbot, dialog, database, tmp_path, monkeypatch):
    started, go_on = threading.Event(), threading.Event()
    whole = database.deidentify

    def slow(*args, progress, **kwargs):
        def told(done, total, text):
            started.set()
            go_on.wait(20)
            progress(done, total, text)

        return whole(*args, progress=told, **kwargs)

    monkeypatch.setattr(database, "deidentify", slow)
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    qtbot.mouseClick(dialog.export_button, LEFT)
    assert started.wait(20)
    qtbot.mouseClick(dialog.cancel_button, LEFT)
    assert dialog.isVisible()
    go_on.set()
    qtbot.waitUntil(lambda: dialog.notice.text().startswith("Cancelled"))
    assert not list(tmp_path.rglob("*.dcm"))
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_mapping_is_encrypted(qtbot, dialog, tmp_path):
    from napari_dicomdb.export.deidentification.mapping import is_encrypted, read_mapping

    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    type_mapping(qtbot, dialog.form, tmp_path / "map", "correct horse")
    report = _write(qtbot, dialog)
    assert is_encrypted(tmp_path / "map")
    copies = [pydicom.dcmread(p) for p in (tmp_path / "out").rglob("*.dcm")]
    made = read_mapping(tmp_path / "map", "correct horse")
    assert {c.SOPInstanceUID for c in copies} <= set(made.uids.values())
    assert len(copies) == report.written


def test_a_mapping_inside_of_the_target_is_refused(qtbot, dialog, tmp_path):
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    type_mapping(qtbot, dialog.form, tmp_path / "out" / "map")
    qtbot.mouseClick(dialog.export_button, LEFT)
    qtbot.waitUntil(lambda: "keep the mapping elsewhere" in dialog.notice.text())
    qtbot.waitUntil(dialog.export_button.isEnabled)
    qtbot.keyClick(dialog.form.mapping.passphrase, Qt.Key.Key_X)
    qtbot.mouseClick(dialog.export_button, LEFT)
    assert "not typed twice alike" in dialog.notice.text()
    assert not (tmp_path / "out").exists()


def test_the_report_is_saved_without_paths(qtbot, dialog, tmp_path, monkeypatch, database):
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    assert not dialog.report_button.isVisible()
    report = _write(qtbot, dialog)
    target = tmp_path / "report.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    qtbot.mouseClick(dialog.report_button, LEFT)
    saved = json.loads(target.read_text())
    assert saved["written"] == report.written
    assert saved["rejected"] == {}
    assert {e["tag"] for e in saved["effects"]} >= {"(0010,0010)", "(0008,0018)"}
    assert not any(p.name in target.read_text() for p in database.patients())
