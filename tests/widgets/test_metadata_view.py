"""The pages together: pin and compare, show over the series, edit."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.metadata_view import MetadataView


@pytest.fixture
def view(qtbot, palette, database, phantom):
    runner = TaskRunner("test-view", 2)
    made = MetadataView(lambda: database, runner, palette)
    qtbot.addWidget(made)
    made.resize(520, 700)
    made.show()
    with qtbot.waitSignal(made.shown):
        made.show_series([database.find_series(phantom["axial-ct"].series_uid)])
    yield made
    runner.close()


def test_instances_by_number(view):
    assert [one.number for one in view.instances] == list(range(1, 9))
    assert view.tags.instance.number == 1


def test_studies_and_patients_are_all_their_series(qtbot, view, database):
    with qtbot.waitSignal(view.shown):
        view.show_series(database.studies())
    assert len(view.instances) == len(database.instances())
    view.instances = []
    with qtbot.waitSignal(view.shown):
        view.show_series(database.patients())
    assert len(view.instances) == len(database.instances())


def test_pin_and_compare(qtbot, view):
    qtbot.mouseClick(view.tags.pin_button, Qt.MouseButton.LeftButton)
    assert view.tags.pin_button.text() == "Compare with pinned"
    with qtbot.waitSignal(view.shown):
        view.tags.slider.setValue(4)
    with qtbot.waitSignal(view.comparison.compared) as done:
        qtbot.mouseClick(view.tags.pin_button, Qt.MouseButton.LeftButton)
    assert (done.args[0].left, done.args[0].right) == ("Instance 1", "Instance 4")
    assert view.tabs.currentWidget() is view.comparison
    assert view.tags.pin_button.text() == "Pin to compare"


def test_from_a_tag_to_its_values(qtbot, view):
    with qtbot.waitSignal(view.columns.filled):
        view.tags.column_requested.emit("InstanceNumber")
    assert view.tabs.currentWidget() is view.columns
    qtbot.waitUntil(lambda: view.columns.values is not None)
    qtbot.waitUntil(lambda: "InstanceNumber" in view.columns.values.header())
    view.columns.instance_chosen.emit(5)
    qtbot.waitUntil(lambda: view.tags.instance.number == 6)


def test_from_a_tag_to_its_edit(qtbot, view):
    view.tags.edit_requested.emit("PatientID")
    assert view.tabs.currentWidget() is view.editing
    assert view.editing.table.item(0, 0).text() == "PatientID"
    qtbot.waitUntil(lambda: view.editing.table.item(0, 1).text() != "")
