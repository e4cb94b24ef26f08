"""The form: where to look, for what; by keyboard; what is remembered and what is not."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.errors import QueryError
from napari_dicomdb.network.node import Node
from napari_dicomdb.settings import settings_path
from napari_dicomdb.widgets._remembered import flush
from napari_dicomdb.widgets.query_form import QueryForm

NODES = [Node("orthanc", host="localhost", port=4242), Node("R&D", host="localhost", port=104)]


@pytest.fixture
def make(qtbot, palette):
    def open_form(nodes=NODES):
        form = QueryForm()
        qtbot.addWidget(form)
        form.apply_palette(palette)
        form.show_nodes(nodes)
        form.show()
        qtbot.waitExposed(form)
        return form

    return open_form


def test_what_is_typed_is_asked_for(qtbot, make):
    form = make()
    qtbot.keyClicks(form.name, "doe")
    qtbot.keyClicks(form.modality.lineEdit(), "ct, mr")
    qtbot.keyClicks(form.description, "chest")
    form.date.choose("range")
    qtbot.keyClicks(form.date.first, "2020")
    query = form.query()
    assert query.level == "study"
    assert dict(query.keys) == {
        "PatientName": "doe*",
        "StudyDate": "20200101-",
        "ModalitiesInStudy": "CT\\MR",
        "StudyDescription": "*chest*",
    }


def test_series_are_asked_for_their_own_modality_and_description(qtbot, make):
    form = make()
    form.choose_level("series")
    qtbot.keyClicks(form.modality.lineEdit(), "ct")
    qtbot.keyClicks(form.description, "lung")
    assert dict(form.query().keys) == {"Modality": "CT", "SeriesDescription": "*lung*"}


def test_patients_have_no_date(make):
    form = make()
    form.date.choose("today")
    form.choose_level("patient")
    assert not form.date.isEnabled()
    query = form.query()
    assert (query.level, query.root, dict(query.keys)) == ("patient", "patient", {})


def test_what_cannot_be_asked_for_is_said(qtbot, make):
    form = make()
    form.date.choose("range")
    qtbot.keyClicks(form.date.first, "last week")
    with pytest.raises(QueryError, match="StudyDate"):
        form.query()


def test_return_searches_and_escape_cancels(qtbot, make):
    form = make()
    for line in (form.name, form.patient_id, form.accession, form.description):
        with qtbot.waitSignal(form.searched):
            qtbot.keyClick(line, Qt.Key.Key_Return)
    with qtbot.waitSignal(form.searched):
        qtbot.keyClick(form.boxes["orthanc"], Qt.Key.Key_Return)
    with qtbot.waitSignal(form.searched):
        qtbot.mouseClick(form.search_button, Qt.MouseButton.LeftButton)
    form.show_busy(True)
    assert form.search_button.text() == "Cancel"
    with qtbot.waitSignal(form.cancelled):
        qtbot.keyClick(form.name, Qt.Key.Key_Escape)
    with qtbot.waitSignal(form.cancelled):
        qtbot.mouseClick(form.search_button, Qt.MouseButton.LeftButton)


def test_nodes_by_check_boxes(qtbot, make):
    form = make()
    assert form.chosen_nodes() == ["", "orthanc", "R&D"]
    assert form.boxes["R&D"].text() == "R&&D"
    qtbot.keyClick(form.boxes["orthanc"], Qt.Key.Key_Space)
    assert form.chosen_nodes() == ["", "R&D"]
    form.show_nodes([*NODES, Node("new", host="localhost", port=1)])
    assert form.chosen_nodes() == ["", "R&D", "new"]
    assert not form.add_node_button.isVisible()


def test_without_a_node_there_is_the_way_to_add_one(qtbot, make):
    form = make([])
    assert form.chosen_nodes() == [""]
    with qtbot.waitSignal(form.nodes_wanted):
        qtbot.mouseClick(form.add_node_button, Qt.MouseButton.LeftButton)


def test_more_keys(qtbot, make):
    form = make()
    form.adder.setText("ReferringPhysicianName")
    qtbot.keyClick(form.adder, Qt.Key.Key_Return)
    (field,) = form.extra
    assert form.focusWidget() is field.line
    qtbot.keyClicks(field.line, "House*")
    form.add_key("StudyID")
    assert form.add_key("ReferringPhysicianName") is field
    assert dict(form.query().keys) == {"ReferringPhysicianName": "House*", "StudyID": ""}
    with qtbot.waitSignal(form.searched):
        qtbot.keyClick(field.line, Qt.Key.Key_Return)
    qtbot.mouseClick(form.extra[1].cross, Qt.MouseButton.LeftButton)
    assert [one.keyword for one in form.extra] == ["ReferringPhysicianName"]
    qtbot.mouseClick(form.clear_button, Qt.MouseButton.LeftButton)
    assert dict(form.query().keys) == {}


def test_it_is_remembered_but_for_who_the_patient_is(qtbot, make):
    form = make()
    qtbot.keyClick(form.boxes["orthanc"], Qt.Key.Key_Space)
    form.choose_level("series")
    form.date.choose("week")
    qtbot.keyClicks(form.name, "Secretname")
    qtbot.keyClicks(form.patient_id, "Secretid")
    form.add_key("StudyID", "Secretstudy")
    form.modality.setCurrentText("MR")
    form.query()
    flush()
    assert "Secret" not in settings_path().read_text(encoding="utf-8")
    again = make()
    assert again.chosen_nodes() == ["", "R&D"]
    assert again.chosen_level() == "series"
    assert again.date.preset.currentData() == "week"
    assert again.modality.currentText() == "MR"
    assert [one.keyword for one in again.extra] == ["StudyID"]
    assert again.name.text() == again.extra[0].line.text() == ""


def test_two_fields_stand_side_by_side_where_there_is_room(qtbot, make):
    form = make()
    form.resize(400, 400)
    qtbot.waitUntil(lambda: form.name.y() < form.patient_id.y())
    form.resize(700, 400)
    qtbot.waitUntil(lambda: form.accession.y() == form.description.y() or
                    form.name.y() == form.level.y())  # fmt: skip


def test_every_field_has_a_name_and_a_tip(make):
    form = make()
    for field in (form.level, form.name, form.patient_id, form.modality, form.accession,
                  form.description, form.adder, form.date.preset):  # fmt: skip
        assert field.accessibleName()
        assert field.toolTip()
