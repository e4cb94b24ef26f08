"""Several nodes and the local database at once: Orthanc by DIMSE and DICOMweb, dcmqrscp."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from tests.servers import PATIENCE

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, NotFoundError, QueryError
from napari_dicomdb.network.finding import find
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.network.query import Match, NodeOutcome, Query

# pynetdicom, as a peer, drops the sockets of associations that were broken off.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)

WEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
PENDING = 0xFF00


def answer_of(number):
    answer = pydicom.Dataset()
    answer.QueryRetrieveLevel = "STUDY"
    answer.StudyInstanceUID = f"1.2.3.{number}"
    return answer


@pytest.fixture
def several(orthanc, dcmqrscp, charset_files, phantom_paths):
    """A DIMSE node, a DICOMweb node and another DIMSE node, with some of the same."""
    if not Path(WEB).exists():
        pytest.skip("Orthanc's DICOMweb plug-in is not installed")
    peer = orthanc(DicomAlwaysAllowFind=True, DefaultEncoding="Utf8", Plugins=[WEB])
    for file in [*charset_files, *phantom_paths]:
        peer.ask("/instances", file.read_bytes())
    web = Node("web", kind="dicomweb", url=f"{peer.url}/dicom-web")
    return [peer.node, web, dcmqrscp(charset_files)]


def test_all_at_once(several, phantom_paths, charset_files):
    head = pydicom.dcmread(phantom_paths[0])
    studies = {pydicom.dcmread(p).StudyInstanceUID for p in charset_files}
    with Database.in_memory() as database:
        database.import_paths(phantom_paths[:4], workers=0)
        waves = []
        threads = set()

        def found(matches):
            waves.append(matches)
            threads.add(threading.current_thread())

        progress = []
        report = find(
            several,
            Query(),
            database=database,
            found=found,
            progress=lambda done, total, text: progress.append((done, total, text)),
        )
    assert report.ok and not report.cut, report.nodes
    assert [o.node for o in report.nodes] == ["orthanc", "web", "dcmqrscp", ""]
    assert threads == {threading.main_thread()}
    assert [m for wave in waves for m in wave] == report.matches
    assert all(waves)
    assert progress[-1][:2] == (4, 4)
    uids = {name: {m.uid for m in report.matches if m.node == name} for name in ("orthanc", "web")}
    assert uids["orthanc"] == uids["web"] == {*studies, head.StudyInstanceUID}
    merged = {one.first.study_uid: one for one in report.merged()}
    assert set(merged) == {*studies, head.StudyInstanceUID}
    ours = merged[head.StudyInstanceUID]
    assert ours.nodes == ("", "orthanc", "web")
    assert (ours.held, ours.count) == ("part", len(phantom_paths))
    assert {m.held_count for m in ours.matches} == {4}
    for uid in studies:
        assert set(merged[uid].nodes) == {"orthanc", "web", "dcmqrscp"}
        assert merged[uid].held == "none"
    assert "1 in part" in report.summary()


def test_names_of_every_way_agree(several, expected_names):
    report = find(several, Query("patient"))
    for node in several:
        names = {m.text("PatientName").rstrip("=") for m in report.matches if m.node == node.name}
        # ISO IR 13 is half-width katakana, which Orthanc does not read.
        assert set(expected_names.values()) - names <= {expected_names["chrH32"]}, node.name


def test_one_that_fails_keeps_nobody_up(several, answering, quick, phantom_database):
    silent = Node("silent", host="127.0.0.1", port=answering(None), limits=quick)
    nowhere = Node("nowhere", host="no.such.host.invalid", limits=quick)
    report = find([silent, several[0], nowhere], Query(), database=phantom_database)
    assert not report.ok
    assert [(o.node, o.state, o.reason) for o in report.nodes] == [
        ("silent", "failed", "timeout"),
        ("orthanc", "done", ""),
        ("nowhere", "failed", "name-not-resolved"),
        ("", "done", ""),
    ]
    assert report.nodes[1].count > 5
    assert "silent:" in report.summary()
    (here,) = [one for one in report.merged() if "" in one.nodes]
    assert here.held == "all"


def test_cancelling_tells_the_nodes_and_keeps_what_came(find_scp, phantom_database, monkeypatch):
    monkeypatch.setattr("napari_dicomdb.network.dimse_find._GRACE", 30)
    stopped = threading.Event()

    def handle(event):
        yield PENDING, answer_of(1)
        assert stopped.wait(PATIENCE)
        yield 0xFE00, None

    came = threading.Event()

    def found(matches):
        if any(m.node for m in matches):
            came.set()

    def progress(done, total, text):
        if came.is_set():
            raise Cancelled("enough")

    node = find_scp(handle, cancelled=stopped)
    report = find([node], Query(), database=phantom_database, found=found, progress=progress)
    assert report.cancelled
    assert stopped.is_set()
    assert [(o.node, o.state, o.count) for o in report.nodes] == [
        ("finder", "cancelled", 1),
        ("", "done", 1),
    ]
    assert {m.uid for m in report.matches} > {"1.2.3.1"}


def test_what_is_raised_while_taking_stops_all(find_scp):
    node = find_scp(lambda event: ((PENDING, answer_of(n)) for n in range(10**9)))

    def found(matches):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        find([node], Query(limit=10**6), found=found)


def test_nobody_to_ask():
    report = find([], Query())
    assert (report.ok, report.matches, report.nodes) == (True, [], [])


def test_from_the_database(several, tmp_path, monkeypatch, phantom_paths):
    monkeypatch.setenv("DICOMDB_SETTINGS", str(tmp_path / "settings.json"))
    for node in several:
        add_node(node)
    head = pydicom.dcmread(phantom_paths[0])
    with Database.in_memory() as database:
        database.import_paths(phantom_paths, workers=0)
        keys = {"PatientID": head.PatientID}
        (series,) = database.find({**keys, "Modality": "CT"}, level="series").merged()
        assert set(series.nodes) == {"", "orthanc", "web"}
        assert (series.first.series_uid, series.held) == (head.SeriesInstanceUID, "all")
        report = database.find(keys, "web", level="instance", here=False)
        assert len(report.matches) == len(phantom_paths)
        assert {m.held for m in report.matches} == {"all"}
        assert database.find(Query(keys=keys), [several[0]], here=False).nodes[0].node == "orthanc"
        assert [o.node for o in database.find(keys, []).nodes] == [""]
        with pytest.raises(NotFoundError):
            database.find(keys, "nobody")
        with pytest.raises(QueryError):
            database.find({"Modality": "CT"})


def test_limit_of_each(several):
    report = find([replace(node) for node in several], Query(limit=2))
    assert report.ok and report.cut
    assert [(o.count, o.cut, o.reason) for o in report.nodes] == [(2, True, "limit")] * 3
    assert all("more" in o.text for o in report.nodes)


def test_texts_of_dicomweb_servers_are_clean(monkeypatch):
    def search(node, query, found, waiting):
        values = {"PatientName": "a\u202eb", "X": [{"Y": "c\x9bd"}], "Z": "two\nlines", "N": "ok"}
        found([Match(node.name, "study", values, study_uid="1")])
        return NodeOutcome(node.name, "done", 1)

    monkeypatch.setattr("napari_dicomdb.network.dicomweb.searching.search_dicomweb", search)
    report = find([Node("web", kind="dicomweb", url="http://h/")], Query())
    assert dict(report.matches[0].values) == {
        "PatientName": "a\ufffdb",
        "X": [{"Y": "c\ufffdd"}],
        "Z": "two\nlines",
        "N": "ok",
    }


def test_what_breaks_off_in_a_thread_is_told(monkeypatch):
    import sqlite3

    def broken(*arguments):
        raise sqlite3.DatabaseError("disk image is malformed")

    monkeypatch.setattr("napari_dicomdb.network.finding.find_here", broken)
    with Database.in_memory() as database:
        (outcome,) = find([], Query(), database=database).nodes
    assert (outcome.state, outcome.reason) == ("failed", "database")
