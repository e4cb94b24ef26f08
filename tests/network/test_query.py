"""What is asked and what is answered, as values."""

from __future__ import annotations

import json
import pickle

import pytest

from napari_dicomdb.errors import QueryError
from napari_dicomdb.network.query import Match, NodeOutcome, Query


def test_query_keeps_what_is_sent():
    query = Query(
        "series",
        {"PatientName": " Doe* ", "StudyDate": "2020-02", "Modality": ["ct", "MR"]},
        returned=("SeriesDescription", "Manufacturer"),
        limit=5,
        fuzzy=True,
    )
    assert query.keys == {
        "PatientName": "Doe*",
        "StudyDate": "20200201-20200229",
        "Modality": "CT\\MR",
    }
    assert query.wanted()[0] == "SeriesInstanceUID"
    assert query.wanted()[-1] == "Manufacturer"
    assert "Manufacturer" not in query.wanted("study")
    for again in (
        Query.from_json(json.loads(json.dumps(query.to_json()))),
        pickle.loads(pickle.dumps(query)),
    ):
        assert again == query
    assert Query(keys={"StudyID": "", "PatientID": "1"}).matching() == {"PatientID": "1"}
    with pytest.raises(TypeError):
        query.keys["PatientID"] = "2"  # type: ignore[index]


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": "image"},
        {"root": "worklist"},
        {"limit": 0},
        {"limit": True},
        {"returned": "PatientID"},
        {"keys": ["PatientID"]},
        {"keys": {"PatientID": 5}},
        {"keys": {"SpecificCharacterSet": "ISO_IR 100"}},
    ],
)
def test_wrong_queries(wrong):
    with pytest.raises(QueryError):
        Query(**wrong)
    with pytest.raises(QueryError, match="no query"):
        Query.from_json({"colour": "red"})


def test_match_and_outcome():
    match = Match(
        "pacs",
        "study",
        {"NumberOfStudyRelatedInstances": "12", "X": [{"CodeValue": "T"}]},
        patient_id="P",
        study_uid="1.2",
        held="part",
        held_count=3,
    )
    assert (match.uid, match.count, match.text("X"), match.text("nothing")) == ("1.2", 12, "", "")
    assert Match("pacs", "instance", instance_uid="1").count == 1
    for odd in ("", "-3", "many", "9" * 30, "²"):
        assert Match("p", "study", {"NumberOfStudyRelatedInstances": odd}).count is None
    plain = json.loads(json.dumps(match.to_json()))
    assert (plain["held"], plain["held_count"], plain["count"]) == ("part", 3, 12)
    assert plain["values"]["X"] == [{"CodeValue": "T"}]
    assert NodeOutcome("a").ok
    assert not NodeOutcome("a", cut=True).ok
    assert NodeOutcome("a", "failed", reason="refused").to_json()["reason"] == "refused"
