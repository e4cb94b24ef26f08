"""Merging, splitting and undoing by mouse."""

from __future__ import annotations

import pytest
from pydicom import dcmread
from qtpy.QtCore import Qt

from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.patient_dialog import PatientDialog, patient_entries

CHECKED = Qt.CheckState.Checked


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two studies of P1, one of P2: the same name and birth date; and somebody else."""
    folder = tmp_path_factory.mktemp("people")
    people = (("Roe^Jane", "P1"), ("Roe^Jane", "P1"), ("Roe^Jané", "P2"), ("Poe^Ann", "P9"))
    for number, (name, ident) in enumerate(people):
        made = write_phantom_study(folder / str(number), ("axial-ct",), matrix=8, slices=4)
        for path in made[0].paths:
            ds = dcmread(path)
            ds.SpecificCharacterSet = "ISO_IR 192"
            ds.PatientName, ds.PatientID, ds.PatientBirthDate = name, ident, "19700203"
            ds.StudyInstanceUID = f"1.2.{number}"
            ds.SeriesInstanceUID = f"1.2.{number}.1"
            ds.SOPInstanceUID = f"1.2.{number}.1.{ds.InstanceNumber}"
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            ds.save_as(path)
    return folder


@pytest.fixture
def session(user_folders, files, qtbot):
    attached, detach = attach_session()
    attached.folders.timer.stop()
    with qtbot.waitSignal(attached.opened):
        attached.open()
    attached.database.import_paths([files], workers=0)
    yield attached
    detach()


@pytest.fixture
def runner():
    made = TaskRunner("patients")
    yield made
    made.close()


@pytest.fixture
def open_dialog(session, runner, qtbot, palette):
    def opened(records=()):
        dialog = PatientDialog(session, runner, records, palette=palette)
        qtbot.addWidget(dialog)
        with qtbot.waitSignal(dialog.filled):
            dialog.open()
        return dialog

    return opened


def click(qtbot, dialog, button):
    with qtbot.waitSignal(dialog.filled):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def listed(session):
    return {
        p.patient_id + ("*" if p.is_split else ""): sorted(
            s.uid for s in session.database.studies(p)
        )
        for p in session.database.patients()
    }


BEFORE = {"P1": ["1.2.0", "1.2.1"], "P2": ["1.2.2"], "P9": ["1.2.3"]}


def test_merge_and_undo(session, open_dialog, qtbot):
    assert listed(session) == BEFORE
    one, two = (session.database.patient(ident) for ident in ("P1", "P2"))
    dialog = open_dialog([one, two])
    tree = dialog.tree
    assert [tree.topLevelItem(k).text(1) for k in range(2)] == ["P1", "P2"]
    # What differs is marked: name and ID, not the birth date.
    marks = [tree.topLevelItem(0).font(k).bold() for k in range(4)]
    assert marks == [True, True, False, False]
    tree.setCurrentItem(tree.topLevelItem(1))
    assert dialog.merge_button.text() == "Merge as Roe, Jané"
    with qtbot.waitSignal(session.changed):
        click(qtbot, dialog, dialog.merge_button)
    assert listed(session) == {"P2": ["1.2.0", "1.2.1", "1.2.2"], "P9": ["1.2.3"]}
    assert tree.topLevelItemCount() == 1
    assert tree.topLevelItem(0).child(0).text(0) == "merged: Roe, Jane"
    assert not dialog.merge_button.isEnabled()
    dialog.tabs.setCurrentIndex(2)
    assert dialog.tabs.tabText(2) == "History (1)"
    assert "merged into" in dialog.changes.topLevelItem(0).text(1)
    click(qtbot, dialog, dialog.undo_button)
    assert listed(session) == BEFORE
    assert not dialog.undo_button.isEnabled()
    assert tree.topLevelItemCount() == 2


def test_split_off_checked_studies(session, open_dialog, qtbot):
    patient = session.database.patient("P1")
    studies = session.database.studies(patient)
    dialog = open_dialog([s for s in studies if s.uid == "1.2.1"])
    assert [s.uid for s in dialog.checked_studies()] == ["1.2.1"]
    assert dialog.split_button.text() == "Split off 1 study"
    click(qtbot, dialog, dialog.split_button)
    assert listed(session) == {**BEFORE, "P1": ["1.2.0"], "P1*": ["1.2.1"]}
    assert dialog.tree.topLevelItemCount() == 2
    assert "(split off)" in dialog.tree.topLevelItem(1).text(0)


def test_all_studies_are_refused_in_words(session, open_dialog, qtbot):
    patient = session.database.patient("P1")
    dialog = open_dialog([patient])
    top = dialog.tree.topLevelItem(0)
    assert not dialog.split_button.isEnabled()
    for row in range(top.childCount()):
        top.child(row).setCheckState(0, CHECKED)
    with qtbot.waitSignal(dialog.failed):
        qtbot.mouseClick(dialog.split_button, Qt.MouseButton.LeftButton)
    assert "nobody would be left" in dialog.says.text()
    assert listed(session) == BEFORE


def test_suggestions_lead_to_a_comparison(session, open_dialog, qtbot):
    dialog = open_dialog()
    assert dialog.tabs.currentIndex() == 1  # nobody chosen: who seems to be one person
    top = dialog.similar.topLevelItem(0)
    assert top.text(0) == "One name and birth date, differing patient IDs"
    assert [top.child(k).text(1) for k in range(top.childCount())] == ["P1", "P2"]
    click(qtbot, dialog, dialog.compare_button)
    assert dialog.tabs.currentIndex() == 0
    click(qtbot, dialog, dialog.merge_button)
    assert listed(session) == {"P1": ["1.2.0", "1.2.1", "1.2.2"], "P9": ["1.2.3"]}
    assert dialog.similar.topLevelItemCount() == 0


def test_read_only(session, runner, qtbot):
    with qtbot.waitSignal(session.opened):
        session.open(session.database.path, read_only=True)
    patients = session.database.patients()
    dialog = PatientDialog(session, runner, patients)
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: dialog.tree.topLevelItemCount() == 3)
    assert not dialog.merge_button.isEnabled()
    assert not dialog.split_button.isEnabled()


def test_entries(session):
    patients = session.database.patients()
    studies = session.database.studies()
    mine = session.database.studies(session.database.patient("P1"))
    assert patient_entries(patients) == ["Merge patients…"]
    assert patient_entries(patients[:1]) == ["Patient identities…"]
    assert patient_entries(mine) == ["Split…"]
    assert patient_entries(studies) == []
    assert patient_entries(session.database.series()) == []
    assert patient_entries([]) == []
