"""What is kept of a job names nobody."""

from __future__ import annotations

import json

from napari_dicomdb.network.jobs.reports import (
    MOST_LISTED,
    count_reasons,
    failed_instances,
    failed_sendings,
    without_comment,
    without_patients,
)
from napari_dicomdb.network.send_report import SendOutcome


def test_what_may_name_a_patient_goes() -> None:
    what = {
        "level": "study",
        "keys": {"PatientName": "DOE*"},
        "wanted": [{"level": "patient", "patient_id": "DOE1"}, {"study_uid": "1.2"}],
        "paths": ["/in/DOE"],
        "to": "/out/DOE",
        "series": ["1.2.3"],
    }
    left = without_patients(what)
    assert "DOE" not in json.dumps(left)
    assert left == {
        "level": "study",
        "wanted": [{"level": "patient"}, {"study_uid": "1.2"}],
        "series": ["1.2.3"],
        "forgotten": ["keys", "paths", "patient_id", "to"],
    }
    assert without_patients(left) == left
    assert what["paths"] == ["/in/DOE"]  # its own is as it was


def test_of_uids_alone_nothing_goes() -> None:
    assert without_patients({"series": ["1.2"], "transcode": True}) == {
        "series": ["1.2"],
        "transcode": True,
    }


def test_refused_files_are_counted_by_reason() -> None:
    assert count_reasons([("/a/DOE", "not-dicom", "x"), ("/b", "not-dicom", "y")]) == {
        "not-dicom": 2
    }


def test_failed_instances_are_listed_up_to_a_bound() -> None:
    told = failed_instances([(f"1.2.{n}", "timeout", "DOE") for n in range(MOST_LISTED + 5)])
    assert told["failed_count"] == MOST_LISTED + 5
    assert len(told["failed"]) == MOST_LISTED
    assert told["failed"][1] == {"uid": "1.2.1", "reason": "timeout"}
    assert failed_instances([("DOE", "x", "")])["failed"] == [{"uid": "", "reason": "x"}]


def test_of_what_a_node_says_only_the_status_is_kept() -> None:
    outcomes = [
        SendOutcome("1.2.1", "/in/DOE/1", "sent", "stored"),
        SendOutcome("1.2.2", "/in/DOE/2", "failed", "busy: DOE", "status-a700", 0xA700),
        SendOutcome("1.2.3", "/in/DOE/3", "refused", "/in/DOE/3 is gone", "unreadable"),
    ]
    told = failed_sendings(outcomes)
    assert "DOE" not in json.dumps(told)
    assert told["failed_count"] == 2
    assert [one["uid"] for one in told["failed"]] == ["1.2.2", "1.2.3"]
    assert told["failed"][0]["text"] == "the node is out of resources, perhaps its disk"


def test_the_words_of_the_node_go() -> None:
    told = "the node could not do the query: status C001H (no DOE^JOHN (4711)); 2 left out"
    kept = without_comment("bad-status", told)
    assert kept == "the node could not do the query: status C001H; 2 left out"
    kept = without_comment("status-aa02", "the node finds nothing of it (DOE^JOHN)")
    assert kept == "the node finds nothing of what is asked for"
    assert without_comment("closed", "the connection broke (reset)") == (
        "the connection broke (reset)"
    )
