"""Retrieving by WADO-RS from a real Orthanc."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.retrieving import Wanted, retrieve

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@pytest.fixture
def web(orthanc: Callable[..., Any], phantom_paths: list[Path]) -> Node:
    """An Orthanc that has the phantom series, as a DICOMweb node."""
    if not Path(PLUGIN).is_file():
        pytest.skip("no DICOMweb plug-in of Orthanc")
    server = orthanc(Plugins=[PLUGIN], DicomWeb={"Enable": True, "Root": "/dicom-web/"})
    for path in phantom_paths:
        server.ask("/instances", path.read_bytes())
    return Node("web", kind="dicomweb", url=f"{server.url}/dicom-web")


def test_every_level(
    web: Node, phantom_paths: list[Path], tmp_path: Path, data_set_of: Callable[[Path], bytes]
) -> None:
    by_uid = {pydicom.dcmread(path).SOPInstanceUID: path for path in phantom_paths}
    ds = pydicom.dcmread(phantom_paths[2])
    came: list[str] = []
    with Database.open(tmp_path / "db") as database:
        one = Wanted(
            "instance", "", ds.StudyInstanceUID, ds.SeriesInstanceUID, (ds.SOPInstanceUID,)
        )
        report = retrieve(database, web, [one], pauses=())
        assert (report.ok, report.received, report.method) == (True, 1, "WADO-RS")
        report = retrieve(
            database,
            web,
            [Wanted("patient", patient_id=ds.PatientID)],
            arrived=lambda uid, path: came.append(uid),
        )
        assert (report.ok, report.received, report.already) == (True, 9, 1)
        assert sorted([*came, ds.SOPInstanceUID]) == sorted(by_uid)
        study = Wanted("study", study_uid=ds.StudyInstanceUID)
        report = retrieve(database, web, [study])
        assert (report.ok, report.received, report.already) == (True, 0, 10)
        report = retrieve(database, web, [study], only_missing=False)
        assert (report.ok, report.received, report.already) == (True, 10, 0)
        held = {record.uid: record.path for record in database.instances()}
        assert {uid: data_set_of(path) for uid, path in held.items()} == {
            uid: data_set_of(path) for uid, path in by_uid.items()
        }
    assert not (tmp_path / "db" / "received").exists()


def test_what_is_not_there(web: Node, phantom_paths: list[Path], tmp_path: Path) -> None:
    ds = pydicom.dcmread(phantom_paths[0])
    with Database.open(tmp_path / "db") as database:
        two = (ds.SOPInstanceUID, "1.2.3")
        wanted = Wanted("instance", "", ds.StudyInstanceUID, ds.SeriesInstanceUID, two)
        report = retrieve(database, web, [wanted], pauses=())
        assert report.received == 1
        assert [uid for uid, _, _ in report.failed] == ["1.2.3"]
        report = retrieve(database, web, [Wanted("patient", patient_id="nobody")], pauses=())
        assert report.reasons() == {"not-found": 1}


def test_cancelled(web: Node, phantom_paths: list[Path], tmp_path: Path) -> None:
    def progress(done: int, total: int | None, text: str) -> None:
        if done:
            raise Cancelled("enough")

    study = Wanted("study", study_uid=pydicom.dcmread(phantom_paths[0]).StudyInstanceUID)
    with Database.open(tmp_path / "db") as database:
        report = retrieve(database, web, [study], progress=progress)
        # Quick as it is, it may have come whole before anybody was asked.
        assert report.cancelled or report.received == 10
        assert len(database.instances()) == report.received
        assert report.received + len(report.failed) == 10


def test_not_there_at_all(tmp_path: Path, quick: Limits) -> None:
    node = Node("gone", kind="dicomweb", url="http://127.0.0.1:1/dicom-web", limits=quick)
    with Database.open(tmp_path / "db") as database, pytest.raises(NetworkError):
        retrieve(database, node, [Wanted("study", study_uid="1.2")], pauses=())
