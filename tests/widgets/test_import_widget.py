"""The import dock: form, progress, report."""

from __future__ import annotations

import json
import shutil

import pytest
from qtpy.QtCore import Qt

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dock(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM import")
    qtbot.waitUntil(lambda: widget._session.database is not None, timeout=20_000)
    widget.workers.value = 1
    return widget


@pytest.fixture
def folder(tmp_path, phantom):
    made = tmp_path / "cd"
    shutil.copytree(phantom["axial-ct"].paths[0].parent, made)
    (made / "notes.txt").write_text("not an image")
    return made


def run(qtbot, dock):
    with qtbot.waitSignal(dock._session.import_finished, timeout=60_000) as caught:
        qtbot.mouseClick(dock.start_button, LEFT)
    return caught.args


def test_form_says_what_to_do(dock, tmp_path):
    assert dock.paths() == ()
    assert not dock.start_button.isEnabled()
    dock.set_paths([tmp_path])
    assert dock.paths() == (tmp_path,)
    assert dock.start_button.isEnabled()
    one = tmp_path / "a.dcm"
    one.touch()
    dock.set_paths([one])
    assert dock.what.value == "Files"
    assert dock.paths() == (one,)
    assert not dock.files.native.isHidden()
    assert dock.folder.native.isHidden()


def test_dry_run_reports_and_changes_nothing(qtbot, dock, folder, tmp_path, phantom):
    dock.set_paths([folder])
    dock.dry_run.value = True
    request, report = run(qtbot, dock)
    assert request.dry_run
    assert dock._session.database.series() == []
    assert dock.report.sentence.text().startswith("Dry run: ")
    assert [r.reason for r in dock.report.model.rows()] == [r for _, r, _ in report.rejected]
    assert [r.path for r in dock.report.model.rows()] == [str(folder / "notes.txt")]
    saved = json.loads(dock.report.save(tmp_path / "r.json").read_text(encoding="utf-8"))
    assert saved["rejected"][0]["path"] == str(folder / "notes.txt")


def test_copy_and_link(qtbot, dock, folder, phantom):
    dock.set_paths([folder])
    dock.mode.value = "Copy into database"
    request, report = run(qtbot, dock)
    assert request.copy
    assert report.added == len(phantom["axial-ct"].paths)
    (series,) = dock._session.database.series()
    assert series.storage == "copied"
    shutil.rmtree(folder)
    instances = dock._session.database.instances(series)
    assert all(i.path.is_file() for i in instances), "copies outlive the originals"


def test_report_is_read_in_words(qtbot, dock, folder, phantom):
    dock.set_paths([folder])
    run(qtbot, dock)
    files = len(phantom["axial-ct"].paths)
    assert dock.report.sentence.text() == f"{files} files added, 1 refused"
    assert not dock.bar.is_running


def test_report_grows_while_files_are_read(qtbot, dock, folder):
    for number in range(200):
        (folder / f"letter{number}.txt").write_text("not an image")
    heard = []
    dock._session.import_reported.connect(
        lambda request, report: heard.append((len(report.rejected), dock.report.report is report))
    )
    dock.set_paths([folder])
    _, report = run(qtbot, dock)
    assert heard  # before the end, which `run` waits for
    assert all(shown for _, shown in heard)
    assert dock.report.report is report
    assert len(dock.report.model.rows()) == 201
