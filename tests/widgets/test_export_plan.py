"""The plan of one layer: its choice, its answers, and what stands against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.export.exporter import Exportable, Need
from napari_dicomdb.export.segments.segment_meanings import meanings_from, meanings_of
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.widgets._export_segments import SegmentsModel, SegmentTable
from napari_dicomdb.widgets._theme import current_palette
from napari_dicomdb.widgets.models import export_plan
from napari_dicomdb.widgets.models.export_plan import LayerPlan


class Exporter:
    name, version = "paper", "1"

    def examine(self, source):
        return []

    def write(self, exportable, target, folder, *, options, progress):
        return []


def make_ways(*names, needs=(), findings=()):
    source = ExportSource("Layer", np.zeros((2, 3, 4)), ("slice", "row", "column"))
    return [
        Exportable(name, "image", 0.5, (), (), findings, needs, source, Exporter())
        for name in names
    ]


def test_the_best_way_is_the_choice_until_the_user_chooses():
    plan = LayerPlan("Layer", None, make_ways("one", "two"))
    assert plan.way.name == "one"
    plan.choose(1)
    assert plan.way.name == "two"


def test_answers_belong_to_their_way():
    needs = (Need("description", "Description", "text", "as it is"),)
    plan = LayerPlan("Layer", None, make_ways("one", "two", needs=needs))
    plan.answer("description", "for one")
    plan.choose(1)
    assert plan.said["description"] == "as it is"
    plan.choose(0)
    assert plan.said["description"] == "for one"
    assert plan.way.options["description"] == "for one"


def test_a_series_number_can_always_be_said():
    plan = LayerPlan("Layer", None, make_ways("one"))
    assert [need.key for need in plan.needs] == ["series_number"]
    own = (Need("series_number", "Number", "int", 4),)
    plan = LayerPlan("Layer", None, make_ways("one", needs=own))
    assert plan.needs == own


def test_choice_and_answers_outlive_a_second_look():
    old = LayerPlan("Layer", None, make_ways("one", "two"))
    old.choose(1)
    old.answer("series_number", 7)
    new = LayerPlan("Layer", None, make_ways("zero", "one", "two"))
    new.keep_from(old)
    assert new.way.name == "two"
    assert new.said["series_number"] == 7
    # What nobody chose is not kept: another way may be the best one now.
    untouched = LayerPlan("Layer", None, make_ways("zero", "one"))
    untouched.keep_from(LayerPlan("Layer", None, make_ways("one")))
    assert untouched.way.name == "zero"


@pytest.mark.parametrize(
    ("needs", "answer", "told"),
    [
        ((), {}, ""),
        ((Need("shape", "what to do", "choice", None, (("a", "A"),), True),), {}, "what to do"),
        ((Need("shape", "what to do", "choice", None, (("a", "A"),), True),), {"shape": "a"}, ""),
        ((Need("description", "D", "text", "x" * 65),), {}, "series description"),
        ((Need("description", "D", "text", ""),), {"description": "a\\b"}, "backslash"),
    ],
)
def test_what_stands_against_it(needs, answer, told):
    plan = LayerPlan("Layer", None, make_ways("one", needs=needs))
    for key, value in answer.items():
        plan.answer(key, value)
    problem = plan.problem()
    assert (told in problem) if told else problem == ""


def test_what_cannot_be_written_says_why():
    error = Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, "it lies nowhere")
    plan = LayerPlan("Layer", None, make_ways("one", findings=(error,)))
    assert "it lies nowhere" in plan.problem()
    assert LayerPlan("Layer", trouble="it is a drawing").problem() == "it is a drawing"
    assert LayerPlan("Layer").problem() == "there is no way to write it as DICOM"


def test_of_many_segments_only_what_was_said_is_read_again(monkeypatch):
    rows = [
        replace(segment, tracking_id=f"lesion {segment.value}").to_json()
        for segment in meanings_of(make_ways("one")[0].source, range(1, 2001))
    ]
    plan = LayerPlan("Layer", None, make_ways("one", "two", needs=(segments_need(rows),)))
    plan.colours = {2: (1, 2, 3), 9: (4, 5, 6)}
    asked = []

    def counted(answer, known):
        asked.append(len(known))
        return meanings_from(answer, known)

    monkeypatch.setattr(export_plan, "meanings_from", counted)
    plan.prepare()
    assert asked == [2000]  # both ways ask the same
    plan.say(9, label="Liver")
    plan.choose(1)
    shown = plan.meanings()
    assert asked == [2000, 1]
    # The same as if all of it were read at once, which is what is written.
    assert shown == meanings_from(plan._said_of_segments, [export_plan._meaning(r) for r in rows])
    assert [one.value for one in shown] == list(range(1, 2001))
    assert (shown[8].label, shown[8].type.meaning, shown[8].colour) == (
        "Liver",
        "Liver",
        (4, 5, 6),
    )
    assert (shown[1].colour, shown[1].tracking_id) == ((1, 2, 3), "lesion 2")


def segments_need(rows):
    return Need("segments", "Segments", "segments", rows)


def test_a_table_of_many_segments_asks_for_those_it_shows(qtbot, user_folders, monkeypatch):
    found = meanings_of(make_ways("one")[0].source, range(1, 2001))
    rows = [one.to_json() for one in found]
    plan = LayerPlan("Layer", None, make_ways("one", needs=(segments_need(rows),)))
    asked, data = set(), SegmentsModel.data

    def counted(model, index, role=0):
        asked.add(index.row())
        return data(model, index, role)

    monkeypatch.setattr(SegmentsModel, "data", counted)
    table = SegmentTable(current_palette())
    qtbot.addWidget(table)
    table.show_plan(plan)
    table.show()
    qtbot.waitUntil(lambda: bool(asked))
    table.table.scrollToBottom()
    plan.say(2000, label="Liver")
    table.show_plan(plan)
    assert table.model.rowCount() == 2000
    assert len(asked) < 100
    assert table.table.columnWidth(0) > table.table.fontMetrics().horizontalAdvance("2000") + 16
