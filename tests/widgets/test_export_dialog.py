"""Exporting by hand: where, how, progress, outcome."""

from __future__ import annotations

import threading
import zipfile

import pydicom
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from tests.widgets.anonymising import press, press_tick, tick, type_mapping

from napari_dicomdb.errors import Cancelled
from napari_dicomdb.export.deidentification.mapping import is_encrypted, read_mapping
from napari_dicomdb.widgets.export_dialog import ExportDialog


@pytest.fixture
def dialog(database, palette, qtbot):
    """Export the series of the phantom study."""
    made = ExportDialog(database, database.series(), "4 series", palette)
    qtbot.addWidget(made)
    made.open()
    return made


def _export(qtbot, dialog):
    with qtbot.waitSignal(dialog.exported, timeout=20_000) as caught:
        qtbot.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.cancel_button.text() == "Close")
    return caught.args[0]


def test_files_into_a_chosen_folder(qtbot, dialog, tmp_path, monkeypatch, phantom):
    assert not dialog.export_button.isEnabled()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    qtbot.mouseClick(dialog.browse_button, Qt.MouseButton.LeftButton)
    report = _export(qtbot, dialog)
    files = list((tmp_path / "out").rglob("*.dcm"))
    originals = {p for one in phantom.values() for p in one.paths}
    assert report.written == len(files) == len(originals)
    assert {pydicom.dcmread(p).SOPInstanceUID for p in files} == {
        pydicom.dcmread(p).SOPInstanceUID for p in originals
    }
    assert f"{len(files)} files written" in dialog.notice.text()
    qtbot.mouseClick(dialog.cancel_button, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()


def test_zip_with_dicomdir_typed_by_keyboard(qtbot, dialog, tmp_path):
    dialog.target.setFocus()
    qtbot.keyClicks(dialog.target, str(tmp_path))
    dialog.dicomdir.setFocus()
    qtbot.keyClick(dialog.dicomdir, Qt.Key.Key_Space)
    qtbot.keyClick(dialog.archive, Qt.Key.Key_Space)
    _export(qtbot, dialog)
    with zipfile.ZipFile(tmp_path / "DICOM.zip") as archive:
        assert "DICOMDIR" in archive.namelist()


def test_volumes(qtbot, dialog, tmp_path):
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    dialog.form.setFocus()
    qtbot.keyClick(dialog.form, Qt.Key.Key_Down)
    assert dialog.form.currentText().startswith("NIfTI")
    assert not dialog.dicomdir.isVisible()
    report = _export(qtbot, dialog)
    assert len(list((tmp_path / "out").rglob("*.nii.gz"))) == report.written == 4


def test_folder_is_remembered(qtbot, dialog, database, palette, tmp_path):
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    _export(qtbot, dialog)
    again = ExportDialog(database, database.series(), "4 series", palette)
    qtbot.addWidget(again)
    assert again.target.text() == str(tmp_path / "out")


def test_failure_is_told_in_words(qtbot, dialog, tmp_path):
    (tmp_path / "file").write_text("a file")
    qtbot.keyClicks(dialog.target, str(tmp_path / "file"))
    qtbot.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "is a file: choose a folder" in dialog.notice.text())
    assert dialog.notice.severity == "error"
    qtbot.waitUntil(dialog.export_button.isEnabled)


def test_cancel_stops_and_keeps_the_dialog(qtbot, dialog, database, tmp_path, monkeypatch):
    started, go_on = threading.Event(), threading.Event()
    ended: list[str] = []

    def slow(*args, progress, **kwargs):
        started.set()
        go_on.wait(20)
        try:
            progress(1, 2, "Copying files")
        except Cancelled:
            ended.append("cancelled")
            raise

    monkeypatch.setattr(database, "export", slow)
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    qtbot.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    assert started.wait(20)
    assert not dialog.export_button.isEnabled()
    qtbot.mouseClick(dialog.cancel_button, Qt.MouseButton.LeftButton)
    assert dialog.isVisible()
    go_on.set()
    qtbot.waitUntil(lambda: dialog.notice.text().startswith("Cancelled"))
    assert ended == ["cancelled"]
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_in_the_background_as_a_job(qtbot, database, palette, tmp_path, network):
    made = ExportDialog(database, database.series(), "4 series", palette, network=network)
    qtbot.addWidget(made)
    made.open()
    assert not made.job_button.isEnabled()
    qtbot.keyClicks(made.target, str(tmp_path / "out"))
    qtbot.mouseClick(made.job_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not made.isVisible(), timeout=20_000)
    qtbot.waitUntil(lambda: [job.state for job in network.jobs] == ["done"], timeout=30_000)
    written = {pydicom.dcmread(p).SOPInstanceUID for p in (tmp_path / "out").rglob("*.dcm")}
    assert written == {i.uid for i in database.instances()}


def test_without_a_queue_there_is_no_background(dialog):
    assert not dialog.job_button.isVisible()


@pytest.mark.parametrize("form", ["dicom", ".nii.gz"])
def test_anonymised(qtbot, dialog, tmp_path, phantom, form):
    dialog.form.setCurrentIndex(dialog.form.findData(form))
    dialog.anonymise.tick.click()
    dialog.anonymise.dialog.accept()
    assert not dialog.warning.isVisible()
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    report = _export(qtbot, dialog)
    names = {pydicom.dcmread(p).PatientID for one in phantom.values() for p in one.paths}
    files = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert files
    assert report.written > 0
    for path in files:
        assert not any(name in str(path.relative_to(tmp_path)) for name in names)
        if form == "dicom":
            assert pydicom.dcmread(path).PatientIdentityRemoved == "YES"


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_mappings_tell_of_two_exports(qtbot, dialog, database, palette, tmp_path, passphrase):
    """In one project the same file gets the same UID again, and both mappings tell it."""
    again = ExportDialog(database, database.series(), "4 series", palette)
    qtbot.addWidget(again)
    told = []
    for number, made in enumerate((dialog, again)):
        made.open()
        choices = tick(qtbot, made.anonymise)
        # The second time the project is chosen already.
        project = "" if number else "Trial"
        place = tmp_path / f"who-{number}.json"
        type_mapping(qtbot, choices.form, place, passphrase, project=project)
        press(qtbot, choices, "Ok")
        made.target.selectAll()
        qtbot.keyClicks(made.target, str(tmp_path / f"out-{number}"))
        _export(qtbot, made)
        assert is_encrypted(place) is bool(passphrase)
        mapping = read_mapping(place, passphrase)
        files = (tmp_path / f"out-{number}").rglob("*.dcm")
        copies = {str(pydicom.dcmread(p).SOPInstanceUID) for p in files}
        assert copies == {mapping.uids[i.uid] for i in database.instances()}
        assert set(mapping.patients) == {p.patient_id for p in database.patients()}
        told.append(mapping)
    assert told[0] == told[1]


def test_a_mapping_is_not_for_a_job(qtbot, database, palette, tmp_path, network):
    made = ExportDialog(database, database.series(), "4 series", palette, network=network)
    qtbot.addWidget(made)
    made.open()
    qtbot.keyClicks(made.target, str(tmp_path / "out"))
    assert made.job_button.isEnabled()
    choices = tick(qtbot, made.anonymise)
    type_mapping(qtbot, choices.form, tmp_path / "who.json")
    press(qtbot, choices, "Ok")
    assert not made.job_button.isEnabled()
    assert "export at once" in made.job_button.toolTip()
    press_tick(qtbot, made.anonymise)
    assert made.job_button.isEnabled()
