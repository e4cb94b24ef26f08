"""Anonymised copies sent to a real Orthanc, at once and as a job: what it has names nobody."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from tests.export.deidentification.conftest import write_ultrasound

from napari_dicomdb import Database
from napari_dicomdb.database.private_folders import copies_folder
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.export.deidentification.profile import Profile
from napari_dicomdb.network.jobs import JobQueue
from napari_dicomdb.network.jobs.run import Run
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.nodes import add_node

PATIENCE = 60.0


@pytest.fixture
def database(tmp_path: Path, phantom_paths: list[Path]) -> Iterator[Database]:
    with Database.open(tmp_path / "db") as made:
        made.import_paths(phantom_paths, workers=0)
        yield made


def stored(peer: Any) -> dict[str, bytes]:
    """Files that an Orthanc has, by UID."""
    files = [bytes(peer.ask(f"/instances/{one}/file")) for one in peer.ask("/instances")]
    return {str(pydicom.dcmread(io.BytesIO(raw)).SOPInstanceUID): raw for raw in files}


def check(database: Database, files: dict[str, bytes]) -> None:
    """No UID, name or ID of an original is in what has arrived; its pixels are."""
    originals = [pydicom.dcmread(i.path) for i in database.instances() if i.pixel_keyword]
    told = {str(o.PatientID) for o in originals} | {str(o.SOPInstanceUID) for o in originals}
    told |= {word for o in originals for word in str(o.PatientName).split("^") if len(word) > 3}
    # By itself: within the digits of a new UID it is there by chance.
    words = [re.compile(rb"(?<![\d.])" + re.escape(one.encode()) + rb"(?![\d.])") for one in told]
    for raw in files.values():
        assert not [word for word in words if word.search(raw)]
        assert pydicom.dcmread(io.BytesIO(raw)).PatientIdentityRemoved == "YES"
    pixels = {o.PixelData for o in originals}
    assert {pydicom.dcmread(io.BytesIO(raw)).PixelData for raw in files.values()} <= pixels


def test_at_once(database: Database, orthanc: Callable[..., Any], tmp_path: Path) -> None:
    us = write_ultrasound(tmp_path / "us" / "1.dcm", database)
    peer = orthanc()
    profile = Profile(dates="shift", project="sent")
    report = database.send(database.patients(), peer.node, deidentify=profile)
    files = stored(peer)
    total = len(database.instances())
    assert len(files) == total - 1 == report.stored
    check(database, files)
    (left_out,) = [o for o in report.outcomes if o.state == "refused"]
    assert (left_out.path, left_out.reason) == (str(us), "burned-in")
    assert not report.ok
    paths = {str(i.path) for i in database.instances()}
    assert {o.path for o in report.outcomes} <= paths
    assert list(copies_folder().iterdir()) == []
    # The same project makes the same copies: the node has them already.
    database.send(database.patients(), peer.node, deidentify=profile)
    assert stored(peer).keys() == files.keys()


def test_nothing_is_left_when_nobody_answers(database: Database) -> None:
    gone = Node("gone", host="127.0.0.1", port=1, limits=Limits(connect_seconds=1))
    with pytest.raises(NetworkError):
        database.send(database.patients(), gone, deidentify=Profile())
    assert list(copies_folder().iterdir()) == []


def test_as_a_job_through_a_pause(
    database: Database,
    orthanc: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Without a project the copies of both attempts are the same study still."""
    write_ultrasound(tmp_path / "us" / "1.dcm", database)
    peer = orthanc()
    add_node(peer.node)
    acknowledge = Run.acknowledge
    total = len(database.instances())
    what = {
        "studies": [study.uid for study in database.studies()],
        "deidentify": Profile(retain_characteristics=True).to_choices(),
    }
    with JobQueue(database, delays=(0.0,)) as queue:

        def pausing(self: Run, uid: str) -> None:
            acknowledge(self, uid)
            queue.pause(self.job.id)

        with monkeypatch.context() as patch:
            patch.setattr(Run, "acknowledge", pausing)
            job = queue.add("send", what, node="orthanc")
            assert "anonymised" in job.title
            queue.start()
            assert queue.wait(PATIENCE)
        assert queue.job(job.id).state == "paused"
        assert len(stored(peer)) == 1
        assert list(copies_folder().iterdir()) == []
        queue.resume(job.id)
        assert queue.wait(PATIENCE)
        done = queue.job(job.id)
    files = stored(peer)
    assert len(files) == total - 1
    assert len(peer.ask("/studies")) == len(database.studies()) - 1  # of the phantom alone
    check(database, files)
    assert (done.state, done.reason) == ("failed", "burned-in")
    assert done.report is not None
    assert (done.report["sent"], done.report["left_out"]) == (total - 1, {"burned-in": 1})
    kept = json.dumps(done.to_json())
    for patient in database.patients():
        assert patient.name not in kept
        assert patient.patient_id not in kept
    assert list(copies_folder().iterdir()) == []


def test_a_job_with_choices_that_are_none(
    database: Database, storescp: Callable[..., Any]
) -> None:
    add_node(storescp().node)
    what = {"studies": [s.uid for s in database.studies()], "deidentify": {"dates": "guess"}}
    with JobQueue(database, delays=()) as queue:
        job = queue.add("send", what, node="scp")
        queue.start()
        assert queue.wait(PATIENCE)
        assert queue.job(job.id).reason == "bad-profile"
