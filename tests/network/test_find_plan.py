"""What is asked level by level, and in how many requests."""

from __future__ import annotations

import pytest

from napari_dicomdb.errors import QueryError
from napari_dicomdb.network.find_plan import plan_query, single_keys, split_lists
from napari_dicomdb.network.query import Query


def levels(plan):
    return [stage.level for stage in plan.stages]


@pytest.mark.parametrize(
    ("level", "keys", "root", "expected", "above"),
    [
        ("study", {}, "study", ["study"], []),
        ("study", {}, "patient", ["patient", "study"], []),
        ("study", {"PatientID": "P"}, "patient", ["study"], ["PatientID"]),
        ("study", {"PatientID": "P*"}, "patient", ["patient", "study"], []),
        ("series", {"Modality": "CT"}, "study", ["study", "series"], []),
        ("series", {"StudyInstanceUID": "1.2"}, "study", ["series"], ["StudyInstanceUID"]),
        (
            "series",
            {"StudyInstanceUID": "1.2", "PatientName": "D*"},
            "study",
            ["study", "series"],
            [],
        ),
        (
            "instance",
            {"StudyInstanceUID": "1", "SeriesInstanceUID": "2"},
            "study",
            ["instance"],
            ["StudyInstanceUID", "SeriesInstanceUID"],
        ),
        (
            "instance",
            {"StudyInstanceUID": "1"},
            "study",
            ["series", "instance"],
            ["StudyInstanceUID"],
        ),
        ("instance", {}, "patient", ["patient", "study", "series", "instance"], []),
        ("patient", {}, "patient", ["patient"], []),
    ],
)
def test_levels(level, keys, root, expected, above):
    plan = plan_query(Query(level, keys), root)
    assert levels(plan) == expected
    assert list(plan.above) == above
    for stage in plan.stages:
        assert not set(stage.keys) & set(above)


def test_keys_go_to_their_level():
    query = Query(
        "series",
        {"PatientName": "D*", "StudyDate": "2020", "Modality": "CT", "PatientWeight": ""},
        returned=("Manufacturer", "SliceThickness"),
    )
    study, series = plan_query(query, "study").stages
    assert (study.keys["PatientName"], study.keys["StudyDate"]) == ("D*", "20200101-20201231")
    assert "PatientWeight" in study.keys
    assert "Modality" not in study.keys
    assert series.keys["Modality"] == "CT"
    assert {"Manufacturer", "SliceThickness", "SeriesInstanceUID"} <= set(series.keys)
    assert not {"PatientName", "StudyDate", "StudyInstanceUID"} & set(series.keys)
    (only,) = plan_query(query, "study", relational=True).stages
    assert {"PatientName", "StudyDate", "Modality", "StudyInstanceUID"} <= set(only.keys)


def test_patients_of_studies():
    plan = plan_query(Query("patient", {"PatientSex": "F"}), "study")
    assert plan.patients_of_studies
    (stage,) = plan.stages
    assert (stage.level, stage.keys["PatientSex"]) == ("study", "F")
    assert {"PatientID", "PatientName", "StudyInstanceUID"} <= set(stage.keys)


def test_lists_become_requests():
    keys = {"PatientID": "a\\b", "Modality": "CT\\MR", "StudyDate": ""}
    assert [tuple(one.values()) for one in split_lists(keys)] == [
        ("a", "CT", ""), ("a", "MR", ""), ("b", "CT", ""), ("b", "MR", ""),
    ]  # fmt: skip
    many = "\\".join(f"1.2.{n}" for n in range(450))
    parts = [one["SOPInstanceUID"] for one in split_lists({"SOPInstanceUID": many})]
    assert [part.count("\\") + 1 for part in parts] == [200, 200, 50]
    assert "\\".join(parts) == many
    with pytest.raises(QueryError, match="fewer"):
        list(split_lists({"PatientID": "\\".join(map(str, range(101)))}))
    assert list(single_keys({})) == [{}]
    assert list(single_keys({"StudyInstanceUID": "1\\2"})) == [
        {"StudyInstanceUID": "1"},
        {"StudyInstanceUID": "2"},
    ]
    with pytest.raises(QueryError):
        list(single_keys({"StudyInstanceUID": "\\".join(map(str, range(1001)))}))
