"""What labels are said to be: features, names, answers."""

from __future__ import annotations

import json

import pytest

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.segments.segment_meanings import meaning_of, meanings_from
from napari_dicomdb.export.source import Label
from napari_dicomdb.export.terminology import Term

LIVER = meaning_of(Label(2, "Liver", (1.0, 0.5, 0.0)))


def test_a_name_is_enough():
    assert (LIVER.label, LIVER.type.meaning) == ("Liver", "Liver")
    assert LIVER.colour == (255, 128, 0)
    assert meaning_of(Label(3)).label == "Segment 3"
    assert meaning_of(Label(3, "x" * 100)).label == "x" * 64
    assert meaning_of(Label(3, "", (float("nan"), 0, 1))).colour == meaning_of(Label(3)).colour


def test_codes_of_the_layer_go_before_the_name():
    told = {
        "type": "Mine", "type_code": "99X 12", "category": "Tissue",
        "category_code": "SCT 85756007", "region": "Chest", "region_code": "SCT 51185008",
        "algorithm_type": "AUTOMATIC", "algorithm_name": "net", "tracking_id": float("nan"),
    }  # fmt: skip
    found = meaning_of(Label(1, "Liver", features=told))
    assert found.type == Term("12", "99X", "Mine")
    assert found.region == Term("51185008", "SCT", "Chest")
    assert (found.algorithm_type, found.algorithm_name) == ("AUTOMATIC", "net")
    assert (found.tracking_id, found.type_modifier) == ("", None)


def test_answers_go_before_all_and_are_plain_values():
    rows = json.loads(json.dumps([LIVER.to_json()]))
    rows[0]["region"] = "SCT 51185008"
    (found,) = meanings_from(rows, [LIVER])
    assert found.region.value == "51185008"
    assert found.type == LIVER.type
    (renamed,) = meanings_from({2: {"label": "kidney_right"}}, [LIVER])
    assert (renamed.type.meaning, renamed.type_modifier.meaning) == ("Kidney", "Right")
    (typed,) = meanings_from([{"value": 2, "type": ["1", "99X", "odd"], "region": None}], [LIVER])
    assert (typed.type, typed.region) == (Term("1", "99X", "odd"), None)
    assert meanings_from(None, [LIVER]) == (LIVER,)
    assert meanings_from([{"value": 99}], [LIVER]) == (LIVER,)  # no such label


@pytest.mark.parametrize(
    "answer",
    [
        "liver",
        [{"label": "x"}],
        {2: {"labels": "x"}},
        {2: {"type": "liver"}},
        {2: {"label": ""}},
        {2: {"label": "a\\b"}},
        {2: {"algorithm_type": "MAGIC"}},
        {2: {"colour": [0, 0, 300]}},
        {2: {"tracking_uid": "x.y"}},
        {2: {"category": ["", "SCT", "nothing"]}},
        {2: {"type": ["A\\B", "99X", "two codes"]}},
        {2: {"type": ["A", "99X", "two\\meanings"]}},
    ],
)
def test_what_does_not_fit_is_refused(answer):
    with pytest.raises(ExportError) as refused:
        meanings_from(answer, [LIVER])
    assert refused.value.reason == "bad-value"


def test_a_new_name_takes_its_region_along_unless_a_person_chose_one():
    known = [meaning_of(Label(1, "liver_tumor"))]
    assert known[0].region.meaning == "Liver"
    (renamed,) = meanings_from([{"value": 1, "label": "kidney_cyst_left"}], known)
    assert (renamed.region.meaning, renamed.region_modifier.meaning) == ("Kidney", "Left")
    (chosen,) = meanings_from([{"value": 1, "region": "SCT 78961009"}], known)
    (kept,) = meanings_from([{"value": 1, "label": "cyst"}], [chosen])
    assert kept.region.value == "78961009"
