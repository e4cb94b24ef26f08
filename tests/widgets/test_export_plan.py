"""The plan of one layer: its choice, its answers, and what stands against it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.export.exporter import Exportable, Need
from napari_dicomdb.export.source import ExportSource
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
