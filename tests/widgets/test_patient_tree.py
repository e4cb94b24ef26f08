"""Patients and studies, page by page."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QModelIndex, Qt

from napari_dicomdb.database.records import PatientRecord, StudyRecord
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models import PatientTreeModel, RecordRole, SecondaryTextRole

ROOT = QModelIndex()


class Source:
    """2500 patients with two studies each; notes what is asked of it."""

    def __init__(self, patients=2500):
        self.calls = []
        self.people = [
            PatientRecord(k + 1, f"ID{k:05}", f"Family{k:05}^Given", "", "F", "", 2, 3, 4, "", 0.0)
            for k in range(patients)
        ]

    def patients(self, *, text, limit, offset, order="name", descending=False):
        self.calls.append((text, limit, offset, order, descending))
        found = [p for p in self.people if text in p.name]
        return (found[::-1] if descending else found)[offset : offset + limit]

    def studies(self, *, patient, text, limit, offset, order="date", descending=False):
        return [
            StudyRecord(
                10 * patient.key + k, patient.key, f"1.{k}", "7", f"2020-01-0{k + 1}", "",
                f"Study {k}", "", "", "", ("CT", "PT"), 3, 9, 0.0,
            )
            for k in range(2)
        ][offset : offset + limit]  # fmt: skip


@pytest.fixture
def runner():
    made = TaskRunner("test-tree")
    yield made
    made.close()


@pytest.fixture
def model(qtbot, runner):
    made = PatientTreeModel(runner)
    made.source = Source()
    with qtbot.waitSignal(made.loaded):
        made.show(made.source)
    return made


def test_only_a_page_is_read(model):
    assert model.rowCount() == 100
    assert model.canFetchMore(ROOT)
    assert model.source.calls == [("", 101, 0, "name", False)]


def test_pages_follow_without_gap_or_repeat(qtbot, model):
    while model.canFetchMore(ROOT):
        with qtbot.waitSignal(model.loaded):
            model.fetchMore(ROOT)
            assert not model.canFetchMore(ROOT), "one page at a time"
    names = [model.record(model.index(r, 0)).patient_id for r in range(model.rowCount())]
    assert names == [p.patient_id for p in model.source.people]


def test_studies_are_read_when_unfolded(qtbot, model):
    patient = model.index(7, 0)
    assert model.hasChildren(patient)
    assert model.rowCount(patient) == 0
    with qtbot.waitSignal(model.rowsInserted):
        model.fetchMore(patient)
    assert [model.index(r, 0, patient).data() for r in range(2)] == ["Study 0", "Study 1"]
    study = model.index(1, 0, patient)
    assert model.parent(study) == patient
    assert model.is_study(study)
    assert not model.hasChildren(study)
    assert [model.index(1, c, patient).data() for c in (1, 2, 3)] == ["CT PT", "2020-01-02", "3"]
    assert model.index_of_study(8, 81) == study
    assert not model.index_of_study(8, 999).isValid()


def test_texts(model):
    index = model.index(0, 0)
    assert index.data() == "Family00000, Given"
    assert index.data(SecondaryTextRole) == "ID ID00000 · F"
    assert index.data(RecordRole) is model.source.people[0]
    assert model.headerData(0, Qt.Orientation.Horizontal) == "Patient / study"


def test_sort_is_the_databases_work(qtbot, model):
    with qtbot.waitSignal(model.loaded):
        model.sort(2, Qt.SortOrder.DescendingOrder)
    assert model.source.calls[-1] == ("", 101, 0, "last_study_date", True)
    assert model.record(model.index(0, 0)).patient_id == "ID02499"


def test_a_page_of_an_older_listing_is_dropped(qtbot, model):
    model.show(model.source, "Family0000")
    with qtbot.waitSignal(model.loaded):
        model.show(model.source, "Family00012")
    qtbot.waitUntil(lambda: not model._runner.is_busy)
    assert [model.index(r, 0).data() for r in range(model.rowCount())] == ["Family00012, Given"]


def test_failure_is_told_and_ends(qtbot, runner):
    class Broken:
        def patients(self, **_):
            raise OSError("the disk is gone")

    model = PatientTreeModel(runner)
    with qtbot.waitSignal(model.failed) as caught:
        model.show(Broken())
    assert str(caught.args[0]) == "the disk is gone"
    assert not model.canFetchMore(ROOT)


def test_qt_is_content(qtbot, runner, qtmodeltester):
    model = PatientTreeModel(runner)
    with qtbot.waitSignal(model.loaded):
        model.show(Source(5))
    with qtbot.waitSignal(model.rowsInserted):
        model.fetchMore(model.index(0, 0))
    qtmodeltester.check(model, force_py=True)


def test_the_real_database(qtbot, runner, database):
    model = PatientTreeModel(runner)
    for column in range(4):
        with qtbot.waitSignal(model.loaded):
            model.show(database, "modality:CT")
        with qtbot.waitSignal(model.loaded):
            model.sort(column)
        assert model.index(0, 0).data() == "Phantom, Ada"
        with qtbot.waitSignal(model.rowsInserted):
            model.fetchMore(model.index(0, 0))
        assert model.rowCount(model.index(0, 0)) == 1
