"""What can be done with rows beside loading them."""

from __future__ import annotations

import os
import shutil

import pytest
from qtpy.QtWidgets import QApplication, QWidget

from napari_dicomdb.database.locking import WriterLock
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.widgets import _actions
from napari_dicomdb.widgets._actions import RecordActions
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner


@pytest.fixture
def session(database):
    made, detach = attach_session()
    made.use(database)
    yield made
    detach()


@pytest.fixture
def actions(qtbot, session):
    host, runner = QWidget(), TaskRunner("test-actions")
    qtbot.addWidget(host)
    yield RecordActions(session, runner, host)
    runner.close()


def test_folder_of_the_first_file(qtbot, actions, database, phantom, monkeypatch):
    opened = []
    monkeypatch.setattr(
        _actions.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile())
    )
    actions.show_in_folder([database.find_series(phantom["oblique-mr"].series_uid)])
    qtbot.waitUntil(lambda: bool(opened))
    assert opened == [str(phantom["oblique-mr"].paths[0].parent)]


def test_rescan_finds_new_files(qtbot, actions, session, database, phantom, tmp_path):
    folder, source = tmp_path / "growing", phantom["axial-ct"].paths
    folder.mkdir()
    database.remove(patient=database.patients()[0])
    shutil.copy(source[0], folder)
    database.import_paths([folder], workers=0)
    for path in source[1:]:
        shutil.copy(path, folder)
    with qtbot.waitSignal(session.import_finished, timeout=30_000) as caught:
        actions.rescan(database.patients())
    assert caught.args[1].added == len(source) - 1
    assert caught.args[1].unchanged == 1


@pytest.mark.parametrize("level", ["patient", "study", "series"])
def test_menu_and_copy_at_each_level(actions, database, level):
    records = {
        "patient": database.patients,
        "study": database.studies,
        "series": database.series,
    }[level]()
    actions.add_entries(lambda chosen: [MenuEntry(f"Send {len(chosen)}…", lambda: None)])
    labels = [a.text().split("\t")[0] for a in actions.menu(records).actions()]
    several = "s" if len(records) > 1 else ""
    noun = "patient ID" if level == "patient" else f"{level} UID"
    assert labels[0] == f"Send {len(records)}…"
    assert f"Copy {noun}{several}" in labels
    actions.copy_text(records)
    titles, *rows = QApplication.clipboard().text().split("\n")
    assert len(rows) == len(records)
    assert all(len(row.split("\t")) == len(titles.split("\t")) for row in rows)
    actions.copy_uids(records)
    assert QApplication.clipboard().text().split("\n") == [r.uid for r in records]


def test_removing_a_patient_with_its_copies(qtbot, actions, session, database, phantom_folder):
    database.remove(patient=database.patients()[0])
    database.import_paths([phantom_folder], copy=True, workers=0)
    copies = [i.path for i in database.instances()]
    assert all(p.is_relative_to(database.path) for p in copies)
    actions.ask_to_remove(database.patients())
    qtbot.waitUntil(lambda: actions.dialog is not None)
    assert not actions.dialog.delete_copies.isHidden()
    actions.dialog.delete_copies.setChecked(True)
    with qtbot.waitSignal(actions.removed, timeout=20_000) as caught:
        actions.dialog.remove_button.click()
    assert caught.args[0].files_deleted == len(copies)
    assert database.patients() == []
    assert not any(p.exists() for p in copies)


def test_what_is_gone_already_is_told(qtbot, actions, database):
    (patient,) = database.patients()
    database.remove(patient=patient)
    with qtbot.waitSignal(actions.failed) as caught:
        actions.remove([patient], delete_copies=False)
    assert isinstance(caught.args[0], NotFoundError)


def test_a_study_is_removed_with_its_selected_patient_once(qtbot, actions, database):
    records = [*database.patients(), *database.studies()]
    files = len(database.instances())
    with qtbot.waitSignal(actions.removed, timeout=20_000) as caught:
        actions.remove(records, delete_copies=False)
    assert (caught.args[0].patients, caught.args[0].instances) == (1, files)
    assert database.patients() == []


def test_a_copy_that_stays_is_told(qtbot, actions, database, phantom_folder):
    database.remove(patient=database.patients()[0])
    database.import_paths([phantom_folder], copy=True, workers=0)
    copy = database.instances()[0].path
    copy.unlink()
    copy.mkdir()  # which nobody can unlink
    with qtbot.waitSignal(actions.failed, timeout=20_000) as caught:
        actions.remove(database.patients(), delete_copies=True)
    assert caught.args[0].reason == "not-deleted"
    assert str(copy) in str(caught.args[0])


def test_who_waits_for_another_writer_is_told_and_can_leave(qtbot, actions, database):
    said = []
    actions.progressed.connect(lambda text, *_: said.append(text))
    with WriterLock(database.path).held(wait_seconds=1):
        actions.remove(database.patients(), delete_copies=False)
        qtbot.waitUntil(lambda: any(f"process {os.getpid()}" in text for text in said))
        with qtbot.waitSignal(actions.idle):
            actions.cancel()
    assert len(database.patients()) == 1
    with qtbot.waitSignal(actions.idle, timeout=20_000):
        actions.remove(database.patients(), delete_copies=False)
    assert database.patients() == []
