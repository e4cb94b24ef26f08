"""Studies as a table."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models import STUDY_COLUMNS, StudyTable, place_of


@pytest.fixture
def model(qtbot, database):
    runner = TaskRunner("test-studies")
    made = StudyTable(runner)
    with qtbot.waitSignal(made.loaded):
        made.show(database.studies)
    yield made
    runner.close()


def test_cells(model, database):
    (study,) = database.studies()

    def cell(name):
        return model.index(0, place_of(STUDY_COLUMNS, name)).data()

    assert cell("description") == study.description == "Synthetic head phantom"
    assert cell("date") == study.date
    assert cell("modalities") == "CT MR"
    assert cell("series") == "4"
    assert cell("accession") == study.accession_number
    tip = model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert f"Accession number: {study.accession_number}" in tip


@pytest.mark.parametrize("column", [c for c in STUDY_COLUMNS if c.order], ids=lambda c: c.name)
def test_every_column_sorts(qtbot, model, column):
    with qtbot.waitSignal(model.loaded):
        model.sort(place_of(STUDY_COLUMNS, column.name), Qt.SortOrder.DescendingOrder)
    assert model.rowCount() == 1
