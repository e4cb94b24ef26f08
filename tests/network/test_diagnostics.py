"""Diagnostics help others and name no patient, no password and no path."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from napari_dicomdb import Database, __version__
from napari_dicomdb.network.diagnostics import diagnostics, without_paths
from napari_dicomdb.network.jobs import JobQueue
from napari_dicomdb.network.logbook import LOGGER, LogBook
from napari_dicomdb.network.node import Node, Tls
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.network.secrets import keep_secret
from napari_dicomdb.settings import save_filter

WORD = "Qxzvkw"
PATIENCE = 60.0
log = logging.getLogger(f"{LOGGER}.testing")


@pytest.fixture
def canary(tmp_path: Path, phantom_paths: list[Path]) -> Iterator[Database]:
    """A database of a patient whose values all have a word that nothing else has."""
    folder = tmp_path / f"scans of {WORD}"
    folder.mkdir()
    for path in phantom_paths[:4]:
        ds = pydicom.dcmread(path)
        ds.PatientName, ds.PatientID = f"{WORD}Family^{WORD}Given", f"{WORD}ID"
        ds.StudyDescription = ds.SeriesDescription = ds.ReferringPhysicianName = f"{WORD}text"
        ds.AccessionNumber = f"{WORD}1"
        ds.save_as(folder / path.name)
    (folder / "letter.txt").write_text(WORD)
    with Database.open(tmp_path / f"database of {WORD}") as made:
        made.import_paths(folder, workers=0)
        yield made


def test_nothing_of_a_patient(
    canary: Database, tmp_path: Path, orthanc: Callable[..., Any], storescp: Callable[..., Any]
) -> None:
    peer = orthanc(DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True)
    add_node(peer.node)
    add_node(storescp().node)
    save_filter("mine", f"{WORD}Family")
    (patient,) = canary.patients()
    (study,) = canary.studies()[:1]
    with LogBook(is_detailed=True) as book, JobQueue(canary, delays=()) as queue:
        queue.start()
        for kind, what, node in (
            ("import", {"paths": [tmp_path / f"scans of {WORD}", tmp_path / WORD]}, ""),
            ("send", {"studies": [study.uid]}, "orthanc"),
            ("send", {"studies": [study.uid]}, "scp"),
            ("find", {"keys": {"PatientName": f"{WORD}*"}, "nodes": ["", "orthanc", "scp"]}, ""),
            ("find", {"keys": {"PatientID": f"{WORD}ID"}, "level": "series"}, "orthanc"),
            ("retrieve", {"wanted": [{"level": "study", "study_uid": study.uid}]}, "orthanc"),
            ("export", {"studies": [study.uid], "to": tmp_path / f"out {WORD}"}, ""),
            ("echo", {}, "nobody"),
        ):
            queue.add(kind, what, node=node)
            assert queue.wait(PATIENCE)
        states = {job.id: job.state for job in queue.jobs()}
        assert list(states.values()).count("done") >= 5, states
        # Even what some module should not have logged.
        log.warning("%s cannot be read", tmp_path / f"scans of {WORD}" / "1.dcm")
        log.warning("no match for %s", patient.name)
        log.warning("GET https://pacs/studies?PatientName=%s", WORD)
        text = diagnostics(book, database=canary, queue=queue, facts={"listener": "stopped"})
    assert WORD.casefold() not in text.casefold()
    assert str(tmp_path) not in text
    assert f"napari-dicomdb {__version__}" in text
    assert "listener: stopped" in text
    assert "orthanc: dimse localhost:" in text
    assert "#4 find" in text
    assert "[no-node]" in text
    assert "associated; " in text
    assert study.uid in text or "1.2.840.10008" in text  # UIDs may be told


def test_nothing_secret(memory_keyring: Any, tmp_path: Path) -> None:
    node = Node(
        "web",
        kind="dicomweb",
        url="https://pacs.example.org:8443/dicom-web",
        credentials="basic",
        user="someuser",
        tls=Tls(ca=str(tmp_path / "secret-ca.pem")),
        secret=keep_secret("swordfish"),
    )
    add_node(node)
    text = diagnostics()
    assert "swordfish" not in text
    assert "someuser" not in text
    assert node.secret not in text
    assert "secret-ca" not in text
    assert "web: dicomweb https://pacs.example.org:8443/dicom-web; TLS (own CA: yes" in text
    assert "credentials basic" in text


def test_a_queue_that_is_not_kept_is_told() -> None:
    with Database.in_memory() as database, JobQueue(database) as queue:
        text = diagnostics(database=database, queue=queue)
    assert "none" in text
    assert "they are not kept" in text
    assert "in memory" in text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/in/of DOE/1.dcm: it is gone", "[path]: it is gone"),
        (r"C:\scans\DOE J\1.dcm: it is gone", "[path]: it is gone"),
        ("cannot read '/in/DOE J/1.dcm' now", "cannot read '[path]' now"),
        ("see https://u:p@pacs:8042/wado?PatientName=DOE now", "see https://pacs:8042 now"),
        ("3 of 5 sent, and/or 1/2", "3 of 5 sent, and/or 1/2"),
        ("PACS@host:104 refused 1.2.840.10008.1.1", "PACS@host:104 refused 1.2.840.10008.1.1"),
    ],
)
def test_paths(text: str, left: str) -> None:
    assert without_paths(text) == left
