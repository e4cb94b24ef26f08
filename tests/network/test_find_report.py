"""What several have, as one list."""

from __future__ import annotations

import json

from napari_dicomdb.network.find_report import FindReport, merge
from napari_dicomdb.network.query import Match, NodeOutcome, Query


def study(node, uid, count=None, held="none", **values):
    if count is not None:
        values["NumberOfStudyRelatedInstances"] = str(count)
    return Match(node, "study", values, study_uid=uid, held=held)


def test_who_answers_first_is_not_listed_first():
    quick = [study("b", "1", StudyDescription="B"), study("", "1"), study("a", "1")]
    quick[2].values["StudyDescription"] = "A"
    nodes = [NodeOutcome(name, "done") for name in ("a", "b", "")]
    (one,) = FindReport(Query(), quick, nodes).merged()
    assert one.nodes == ("", "a", "b")
    assert one.values["StudyDescription"] == "A"
    (one,) = merge(quick)
    assert one.nodes == ("", "b", "a")


def test_merge():
    merged = merge(
        [
            study("a", "1", 10, "part", StudyDescription=""),
            study("b", "2"),
            study("", "1", 4, "all", StudyID="7"),
            study("b", "1", None, "part", StudyDescription="head"),
        ]
    )
    assert [one.first.study_uid for one in merged] == ["1", "2"]
    one, other = merged
    assert one.nodes == ("", "a", "b")
    assert one.remote == ("a", "b")
    assert (one.held, one.count) == ("part", 10)
    assert (one.values["StudyDescription"], one.values["StudyID"]) == ("head", "7")
    assert (other.held, other.count) == ("none", None)
    plain = json.loads(json.dumps(one.to_json()))
    assert (plain["nodes"], plain["held"], plain["study_uid"]) == (["", "a", "b"], "part", "1")
    # What a node that counts says goes before one that does not.
    (one,) = merge([study("a", "1", 4, "all"), study("b", "1", None, "part")])
    assert one.held == "all"
    (one,) = merge([study("", "1", 4, "all")])
    assert one.held == "all"


def test_patients_are_one_when_they_agree():
    def patient(node, born, patient_id="P", name="Doe"):
        values = {"PatientBirthDate": born, "PatientName": name}
        return Match(node, "patient", values, patient_id=patient_id)

    assert len(merge([patient("a", "19500101"), patient("b", "19500101", name="DOE")])) == 1
    assert len(merge([patient("a", "19500101"), patient("b", "19600101")])) == 2
    assert len(merge([patient("a", "", ""), patient("b", "", "")])) == 2


def test_report():
    report = FindReport(
        Query(),
        [study("a", "1", 3, "all"), study("b", "1", 3, "all"), study("a", "2", 5, "part")],
        [
            NodeOutcome("a", "done", 2, True, "limit", "stopped after 2 studies"),
            NodeOutcome("b", "done", 1),
            NodeOutcome("", "done"),
        ],
    )
    assert report.ok and report.cut and not report.cancelled
    assert report.summary().splitlines() == [
        "2 studies, 1 of them here, 1 in part",
        "a: stopped after 2 studies",
    ]
    plain = json.loads(json.dumps(report.to_json()))
    assert [one["node"] for one in plain["nodes"]] == ["a", "b", ""]
    assert len(plain["matches"]) == 3
    failed = FindReport(Query("series"), [], [NodeOutcome("a", "cancelled", reason="cancelled")])
    assert (failed.ok, failed.cancelled, failed.summary()) == (False, True, "0 series")
    one = FindReport(Query(), [study("a", "1")], [NodeOutcome("a")])
    assert one.summary() == "1 study"
