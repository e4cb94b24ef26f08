"""The upkeep window on a real database: files that go, move and change."""

from __future__ import annotations

import shutil

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_dicomdb import Database
from napari_dicomdb.widgets import _upkeep_files
from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import ThemeWatcher
from napari_dicomdb.widgets._upkeep_page import READ_ONLY
from napari_dicomdb.widgets.database_actions import DatabaseActions

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def images(tmp_path, phantom_folder):
    """A copy of the phantom study that may be moved about."""
    return shutil.copytree(phantom_folder, tmp_path / "images")


@pytest.fixture
def actions(qtbot, tmp_path, images):
    session, detach = attach_session()
    host = QWidget()
    qtbot.addWidget(host)
    theme = ThemeWatcher()
    runner = TaskRunner("databases", 2)
    with Database.open(tmp_path / "db") as database:
        database.import_paths([images], workers=0)
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.open(tmp_path / "db")
    yield DatabaseActions(session, runner, theme, host)
    runner.close()
    theme.disconnect_settings()
    detach()


@pytest.fixture
def dialog(actions):
    return actions.show_upkeep("files")


def click(qtbot, dialog, button):
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)
    qtbot.waitUntil(lambda: not dialog.work.is_busy, timeout=20_000)


def told(dialog):
    assert dialog.work.outcome.isVisibleTo(dialog)
    return dialog.work.outcome.text()


def test_all_files_are_there(qtbot, dialog):
    click(qtbot, dialog, dialog.files.verify_button)
    assert "31 files" in told(dialog)
    assert dialog.work.outcome.severity == "info"
    assert dialog.files.model.rows == []
    assert not dialog.files.forget_button.isEnabled()


def test_missing_files_are_listed_saved_and_forgotten(
    qtbot, dialog, actions, images, phantom, tmp_path, monkeypatch
):
    folder = images / phantom["axial-ct"].paths[0].parent.name
    gone = sorted(folder.iterdir())[:3]
    for path in gone:
        path.unlink()
    click(qtbot, dialog, dialog.files.verify_button)
    assert "3 missing" in told(dialog)
    cells = [row.cells for row in dialog.files.model.rows]
    assert (str(folder), "3", "", "Folder") in cells
    assert {str(p) for p in gone} <= {c[0] for c in cells}
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "report.csv"), "")
    )
    qtbot.mouseClick(dialog.files.save_button, LEFT)
    assert str(gone[0]) in (tmp_path / "report.csv").read_text()
    answers = iter([QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])
    monkeypatch.setattr(QMessageBox, "question", lambda *_: next(answers))
    qtbot.mouseClick(dialog.files.forget_button, LEFT)
    assert sum(s.instance_count for s in actions.session.database.series()) == 31
    click(qtbot, dialog, dialog.files.forget_button)
    assert sum(s.instance_count for s in actions.session.database.series()) == 28
    assert len(actions.session.database.series()) == 4


def test_a_moved_folder_is_relinked_after_a_preview(qtbot, dialog, actions, images, tmp_path):
    images.rename(tmp_path / "elsewhere")
    page = dialog.files
    page.old_root.setText(str(images))
    page.new_root.setText(str(tmp_path / "elsewhere"))
    assert not page.relink_button.isEnabled()
    click(qtbot, dialog, page.preview_button)
    assert "31 files" in page.match.text()
    database = actions.session.database
    first = database.instances(database.series()[0])[0]
    assert str(first.path).startswith(str(images)), "a preview writes nothing"
    click(qtbot, dialog, page.relink_button)
    moved = [i.path for s in database.series() for i in database.instances(s)]
    assert all(p.is_file() and str(p).startswith(str(tmp_path / "elsewhere")) for p in moved)


def test_moved_files_are_found(qtbot, dialog, images, tmp_path, monkeypatch):
    (tmp_path / "drive").mkdir()
    images.rename(tmp_path / "drive" / "images")
    click(qtbot, dialog, dialog.files.verify_button)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "drive"))
    qtbot.mouseClick(dialog.files.find_button, LEFT)
    qtbot.waitUntil(lambda: dialog.files.has_preview, timeout=20_000)
    assert dialog.files.new_root.text().startswith(str(tmp_path / "drive"))
    qtbot.waitUntil(lambda: dialog.files.relink_button.isEnabled(), timeout=20_000)


def test_a_folder_that_is_not_there_is_told(qtbot, dialog, images, tmp_path):
    page = dialog.files
    click(qtbot, dialog, page.preview_button)
    assert "Name the folder" in told(dialog)
    page.old_root.setText(str(images))
    page.new_root.setText(str(tmp_path / "nowhere"))
    click(qtbot, dialog, page.preview_button)
    assert "is no folder" in told(dialog)
    assert "Traceback" not in told(dialog)


def test_numbers(qtbot, dialog, actions):
    page = dialog.numbers
    qtbot.waitUntil(lambda: bool(page.bars), timeout=20_000)
    by_modality = {name: number for name, number, _ in page.bars["Files by modality"].entries}
    series = actions.session.database.series()
    assert by_modality == {
        m: sum(s.instance_count for s in series if s.modality == m)
        for m in {s.modality for s in series}
    }


def test_check_repair_and_shrink(qtbot, dialog):
    page = dialog.soundness
    dialog.show_page("repair")
    click(qtbot, dialog, page.check_button)
    assert "in order" in told(dialog)
    assert "sound" in page.text.toPlainText()
    click(qtbot, dialog, page.repair_button)
    assert "Found" in page.text.toPlainText()
    click(qtbot, dialog, page.vacuum_button)
    assert "freed" in told(dialog)


def test_backup(qtbot, dialog, tmp_path, monkeypatch):
    (tmp_path / "backups").mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "backups"))
    dialog.show_page("backup")
    click(qtbot, dialog, dialog.backup.backup_button)
    assert dialog.work.outcome.severity == "info"
    assert any((tmp_path / "backups" / "db").iterdir())


def test_a_read_only_database_is_looked_at_only(qtbot, dialog, actions, tmp_path):
    with qtbot.waitSignal(actions.session.opened, timeout=20_000):
        actions.session.open(tmp_path / "db", read_only=True)
    assert not dialog.soundness.repair_button.isEnabled()
    assert dialog.soundness.repair_button.toolTip() == READ_ONLY
    click(qtbot, dialog, dialog.soundness.check_button)
    assert dialog.work.outcome.severity == "info"


def test_a_damaged_index_is_read_into_a_new_one(qtbot, dialog, actions, tmp_path):
    session = actions.session
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.open(tmp_path / "empty", create=True)
    index = tmp_path / "db" / "dicomdb.sqlite"
    data = bytearray(index.read_bytes())
    data[:100] = b"\xff" * 100
    index.write_bytes(data)
    with qtbot.waitSignal(session.open_failed, timeout=20_000):
        session.open(tmp_path / "db")
    dialog.show_page("repair")
    assert str(tmp_path / "db") in dialog.soundness.text.toPlainText()
    assert not dialog.soundness.check_button.isEnabled()
    with qtbot.waitSignal(session.opened, timeout=30_000):
        qtbot.mouseClick(dialog.soundness.repair_button, LEFT)
    assert session.database.path == tmp_path / "db"


def test_work_can_be_cancelled(qtbot, dialog):
    def endless(progress):
        while True:
            progress(0, None, "Looking")

    dialog.work.run("Looking", endless)
    assert not dialog.files.verify_button.isEnabled()
    qtbot.mouseClick(dialog.work.cancel_button, LEFT)
    qtbot.waitUntil(lambda: not dialog.work.is_busy, timeout=20_000)
    assert told(dialog) == "Cancelled."
    assert dialog.files.verify_button.isEnabled()


def test_numbers_of_a_report_are_grouped():
    said = _upkeep_files._sentence("12000 files looked for, 1500 missing; /a 2019 scans is away")
    assert said == "12\u2009000 files looked for, 1\u2009500 missing; /a 2019 scans is away."
