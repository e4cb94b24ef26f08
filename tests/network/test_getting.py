"""C-GET from peers that send what was not asked for, break off, or are silent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)
from tests.servers import PATIENCE

from napari_dicomdb import Database
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.retrieving import RetrieveReport, Wanted, retrieve

Send = Callable[[Any], Iterator[Any]]


@pytest.fixture
def peer(phantom_paths: list[Path]) -> Iterator[Callable[[Send, float], Node]]:
    """Serve a C-GET SCP that lists the phantom's first three, and sends as it is told."""
    servers = []
    data_sets = [pydicom.dcmread(path) for path in phantom_paths[:3]]

    def find(event: Any) -> Iterator[Any]:
        level = event.identifier.QueryRetrieveLevel
        chosen = data_sets if level == "IMAGE" else data_sets[:1]
        for ds in chosen:
            answer = pydicom.Dataset()
            for element in event.identifier:
                if element.keyword != "QueryRetrieveLevel":
                    setattr(answer, element.keyword, ds.get(element.keyword, ""))
            yield 0xFF00, answer

    def start(send: Send, seconds: float) -> Node:
        ae = AE("PEER")
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelGet)
        ae.add_supported_context(CTImageStorage, scu_role=True, scp_role=True)
        handlers = [(evt.EVT_C_FIND, find), (evt.EVT_C_GET, send)]
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        servers.append(server)
        limits = Limits(answer_seconds=seconds)
        port = server.socket.getsockname()[1]
        return Node("peer", host="127.0.0.1", port=port, called_aet="PEER", limits=limits)

    yield start
    for server in servers:
        server.shutdown()


@pytest.fixture
def get(
    peer: Callable[[Send, float], Node], phantom_paths: list[Path], tmp_path: Path
) -> Callable[..., tuple[RetrieveReport, set[str]]]:
    """Retrieve from such a peer; give the report and the UIDs that the index then has."""
    study = Wanted("study", study_uid=pydicom.dcmread(phantom_paths[0]).StudyInstanceUID)

    def run(send: Send, seconds: float = PATIENCE) -> tuple[RetrieveReport, set[str]]:
        with Database.open(tmp_path / "db") as database:
            report = retrieve(database, peer(send, seconds), [study], pauses=())
            held = {record.uid for record in database.instances()}
        assert not (tmp_path / "db" / "received").exists()
        assert not list((tmp_path / "db").rglob("*.part"))
        return report, held

    return run


def test_all_right(
    get: Callable[[Send], tuple[RetrieveReport, set[str]]], phantom_paths: list[Path]
) -> None:
    def send(event: Any) -> Iterator[Any]:
        yield 3
        for path in phantom_paths[:3]:
            yield 0xFF00, pydicom.dcmread(path)

    report, held = get(send)
    assert report.ok, report.failed
    assert held == set(report.received_uids)
    assert len(held) == 3


def test_objects_of_another_study(
    get: Callable[[Send], tuple[RetrieveReport, set[str]]], phantom_paths: list[Path]
) -> None:
    answered: list[int] = []

    def send(event: Any) -> Iterator[Any]:
        yield 2
        good, other = pydicom.dcmread(phantom_paths[0]), pydicom.dcmread(phantom_paths[1])
        other.StudyInstanceUID = "1.2.3.4"
        other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
        for ds in (good, other):
            yield 0xFF00, ds
        answered.append(1)

    report, held = get(send)
    assert held == {pydicom.dcmread(phantom_paths[0]).SOPInstanceUID}
    assert not report.ok
    failed = {uid: reason for uid, reason, _ in report.failed}
    assert failed["1.2.3.4.5"] in ("uid-mismatch", "not-asked")
    assert len(failed) == 3  # it, and the two that have not come


def test_says_it_has_sent_and_has_not(
    get: Callable[[Send], tuple[RetrieveReport, set[str]]],
) -> None:
    def send(event: Any) -> Iterator[Any]:
        yield 0

    report, held = get(send)
    assert (report.ok, held, report.reasons()) == (False, set(), {"not-sent": 3})


def test_breaks_off(
    get: Callable[[Send], tuple[RetrieveReport, set[str]]], phantom_paths: list[Path]
) -> None:
    def send(event: Any) -> Iterator[Any]:
        yield 3
        yield 0xFF00, pydicom.dcmread(phantom_paths[0])
        event.assoc.abort()

    report, held = get(send)
    assert (report.ok, len(held)) == (False, 1)
    assert report.received == 1
    assert len(report.failed) == 2
    assert set(report.reasons()) <= {"aborted", "closed"}


def test_is_silent(
    get: Callable[..., tuple[RetrieveReport, set[str]]], phantom_paths: list[Path]
) -> None:
    end = threading.Event()

    def send(event: Any) -> Iterator[Any]:
        yield 3
        yield 0xFF00, pydicom.dcmread(phantom_paths[0])
        assert end.wait(PATIENCE)
        yield 0xFF00, pydicom.dcmread(phantom_paths[1])

    try:
        report, held = get(send, 2.0)
    finally:
        end.set()
    assert (report.ok, len(held)) == (False, 1)
    assert report.reasons() == {"timeout": 2}


def test_refuses(get: Callable[[Send], tuple[RetrieveReport, set[str]]]) -> None:
    def send(event: Any) -> Iterator[Any]:
        yield 3
        yield 0xA701, None

    report, held = get(send)
    assert not held
    assert report.reasons() == {"status-a701": 3}
    assert report.status == 0xA701


def test_no_get(storescp: Callable[..., Any], tmp_path: Path) -> None:
    node = storescp().node
    with Database.open(tmp_path / "db") as database, pytest.raises(NetworkError) as caught:
        retrieve(database, node, [Wanted("study", study_uid="1.2")], pauses=())
    assert caught.value.reason == "no-context"
    assert "C-MOVE" in str(caught.value)
