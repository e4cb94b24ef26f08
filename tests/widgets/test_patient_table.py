"""Patients, page by page."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QModelIndex, Qt

from napari_dicomdb.database.records import PatientRecord
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models import (
    PATIENT_COLUMNS,
    PatientTable,
    RecordRole,
    SecondaryTextRole,
    place_of,
)


@pytest.fixture
def runner():
    made = TaskRunner("test-patients")
    yield made
    made.close()


@pytest.fixture
def model(qtbot, runner):
    people = [
        PatientRecord(k + 1, f"ID{k:05}", f"Family{k:05}^Given", "1950-03-02", "F", "", 2, 3, 1400,
                      "2020-01-02", 0.0)
        for k in range(250)
    ]  # fmt: skip
    calls = []

    def query(*, limit, offset, order="name", descending=False):
        calls.append((limit, offset, order, descending))
        return (people[::-1] if descending else people)[offset : offset + limit]

    made = PatientTable(runner)
    made.calls, made.people = calls, people
    with qtbot.waitSignal(made.loaded):
        made.show(query)
    return made


def test_only_a_page_is_read(model):
    assert model.rowCount() == 100
    assert not model.is_complete
    assert model.calls == [(101, 0, "name", False)]


def test_texts(model):
    def cell(name):
        return model.index(0, place_of(PATIENT_COLUMNS, name)).data()

    assert cell("name") == "Family00000, Given"
    assert cell("id") == "ID00000"
    assert cell("files") == "1\u2009400"
    assert cell("added") == "", "unknown"
    assert model.index(0, 0).data(SecondaryTextRole) == "ID ID00000 · F · 1950-03-02"
    assert model.index(0, 0).data(RecordRole) is model.people[0]
    assert model.headerData(0, Qt.Orientation.Horizontal) == "Patient"


def test_sort_is_the_databases_work(qtbot, model):
    with qtbot.waitSignal(model.loaded):
        model.sort(place_of(PATIENT_COLUMNS, "last"), Qt.SortOrder.DescendingOrder)
    assert model.calls[-1] == (101, 0, "last_study_date", True)
    assert model.record(0).patient_id == "ID00249"


def test_qt_is_content(model, qtmodeltester):
    qtmodeltester.check(model, force_py=True)


@pytest.mark.parametrize("column", [c for c in PATIENT_COLUMNS if c.order], ids=lambda c: c.name)
def test_the_real_database_sorts_by_every_column(qtbot, runner, database, column):
    model = PatientTable(runner)
    with qtbot.waitSignal(model.loaded):
        model.show(database.patients)
    with qtbot.waitSignal(model.loaded):
        model.sort(place_of(PATIENT_COLUMNS, column.name))
    assert model.rowCount(QModelIndex()) == 1
