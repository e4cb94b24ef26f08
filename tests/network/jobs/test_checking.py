"""What a job must be told, and what it is called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.jobs.checking import checked, title_of
from napari_dicomdb.network.retrieve_report import Wanted


@pytest.mark.parametrize(
    ("kind", "what", "node"),
    [
        ("fly", {}, "PACS"),
        ("echo", {}, ""),
        ("echo", {"series": []}, "PACS"),
        ("find", {"keys": {}}, ""),
        ("find", {"nodes": []}, ""),
        ("find", {"nodes": [1]}, ""),
        ("find", {"keys": {"PatientName": "x"}, "level": "room"}, "PACS"),
        ("retrieve", {}, "PACS"),
        ("retrieve", {"wanted": "1.2"}, "PACS"),
        ("retrieve", {"wanted": [{"level": "study"}]}, "PACS"),
        ("retrieve", {"wanted": [{"room": "study"}]}, "PACS"),
        ("retrieve", {"wanted": [{"level": "study", "study_uid": "1.2"}]}, ""),
        ("send", {}, "PACS"),
        ("send", {"series": []}, "PACS"),
        ("send", {"series": [1]}, "PACS"),
        ("import", {}, ""),
        ("import", {"paths": [""]}, ""),
        ("export", {"series": ["1.2"]}, ""),
        ("export", {"to": "/x"}, ""),
        ("import", {"paths": ["x"], "copy": object()}, ""),
    ],
)
def test_what_cannot_be_done_is_refused(kind: str, what: dict[str, Any], node: str) -> None:
    with pytest.raises(DicomDbError) as refused:
        checked(kind, what, node)
    assert str(refused.value)
    assert refused.value.reason != "error"


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert checked("import", {"paths": [Path("in")]}, "") == {"paths": [str(tmp_path / "in")]}
    assert checked("import", {"paths": "in"}, "")["paths"] == [os.path.abspath("in")]
    made = checked("export", {"series": ["1.2"], "to": "out"}, "")
    assert made["to"] == str(tmp_path / "out")


def test_a_query_is_kept_as_it_is_asked() -> None:
    made = checked("find", {"keys": {"StudyDate": "2020-02"}, "nodes": ["", "PACS"]}, "")
    assert made == {
        "level": "study",
        "keys": {"StudyDate": "20200201-20200229"},
        "root": "study",
        "nodes": ["", "PACS"],
    }


def test_what_is_wanted_may_be_given_as_objects() -> None:
    one = Wanted("instance", study_uid="1", series_uid="1.2", instance_uids=("1.2.3",))
    made = checked("retrieve", {"wanted": [one, {"level": "study", "study_uid": "9"}]}, "PACS")
    assert [Wanted(**plain) for plain in made["wanted"]] == [one, Wanted("study", study_uid="9")]


@pytest.mark.parametrize(
    ("kind", "what", "node", "title"),
    [
        ("echo", {}, "PACS", "Test PACS"),
        ("find", {"level": "series"}, "PACS", "Find series at PACS"),
        ("find", {"level": "study", "nodes": [""]}, "", "Find studies at this database"),
        ("find", {"level": "study", "nodes": ["A", "B"]}, "", "Find studies at 2 nodes"),
        ("send", {"series": ["1"], "studies": ["1", "2"]}, "P", "Send 2 studies, 1 series to P"),
        ("import", {"paths": ["/a"]}, "", "Import 1 file or folder"),
        ("export", {"instances": ["1", "2"], "to": "/DOE"}, "", "Export 2 instances"),
        (
            "retrieve",
            {"wanted": [{"level": "study"}, {"level": "instance", "instance_uids": ["1", "2"]}]},
            "PACS",
            "Retrieve 1 study, 2 instances from PACS",
        ),
    ],
)
def test_titles(kind: str, what: dict[str, Any], node: str, title: str) -> None:
    assert title_of(kind, what, node) == title
