"""What is wanted, and what came of it."""

from __future__ import annotations

import json

import pytest

from napari_dicomdb.errors import QueryError
from napari_dicomdb.network.query import Match
from napari_dicomdb.network.retrieve_report import RetrieveReport, Wanted


def test_by_keys() -> None:
    assert Wanted.of_keys({"PatientID": "P"}) == Wanted("patient", "P")
    keys = {"StudyInstanceUID": "1", "SeriesInstanceUID": "2", "SOPInstanceUID": "3\\4"}
    wanted = Wanted.of_keys(keys)
    assert wanted == Wanted("instance", "", "1", "2", ("3", "4"))
    assert Wanted(**json.loads(json.dumps(wanted.to_json()))) == wanted
    for bad in ({"PatientName": "X"}, {"SeriesInstanceUID": "2"}, {}, {"StudyInstanceUID": "1*"}):
        with pytest.raises(QueryError):
            Wanted.of_keys(bad)


def test_by_match() -> None:
    match = Match("n", "instance", {}, "P", "1", "2", "3")
    assert Wanted.of_match(match) == Wanted("instance", "P", "1", "2", ("3",))
    match = Match("n", "study", {}, "P", "1")
    assert Wanted.of_match(match) == Wanted("study", "P", "1")


def test_report() -> None:
    report = RetrieveReport("pacs", "C-GET", 3, 2, status=0xB000, seconds=1.25)
    assert report.ok
    report.failed += [("1", "a", "x"), ("", "b", "y"), ("2", "b", "y")]
    assert not report.ok
    assert list(report.reasons().items()) == [("b", 2), ("a", 1)]
    assert report.summary() == (
        "3 instances retrieved from pacs, 2 here already, 3 failed in 1.2 s"
    )
    plain = json.loads(json.dumps(report.to_json()))
    assert plain["failed"][0] == {"uid": "1", "reason": "a", "text": "x"}
    assert (plain["ok"], report.status_text) == (False, "B000H")
    report.cancelled = True
    assert report.summary().endswith("; cancelled")
