"""Retrieving from real peers: dcmqrscp and Orthanc, by C-GET and C-MOVE."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, DatabaseError, NetworkError, QueryError
from napari_dicomdb.network import getting, retrieve_watch
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.retrieving import Wanted, retrieve

UIDS = ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID"]


def uids_of(path: Path) -> pydicom.Dataset:
    return pydicom.dcmread(path, specific_tags=[*UIDS, "InstanceNumber"])


def study_of(path: Path) -> Wanted:
    return Wanted("study", study_uid=uids_of(path).StudyInstanceUID)


def series_of(path: Path) -> Wanted:
    ds = uids_of(path)
    return Wanted("series", study_uid=ds.StudyInstanceUID, series_uid=ds.SeriesInstanceUID)


def once(paths: Iterable[Path]) -> list[Path]:
    """Return DICOM files, each object once."""
    by_uid = {uids_of(path).SOPInstanceUID: path for path in sorted(paths) if path.is_file()}
    assert len(by_uid) >= 3
    return list(by_uid.values())


def same_object(one: Path, other: Path, data_set_of: Callable[[Path], bytes]) -> bool:
    """Compare two files: by bytes, or by values where the peer writes lengths in another way.

    DCMTK, which Orthanc uses too, sends no lengths of groups and no padding at the end.
    """
    if data_set_of(one) == data_set_of(other):
        return True
    data_sets = [pydicom.dcmread(one), pydicom.dcmread(other)]

    def drop(parent: pydicom.Dataset, element: pydicom.DataElement) -> None:
        if element.tag.element == 0 or element.tag == 0xFFFCFFFC:
            del parent[element.tag]

    for data_set in data_sets:
        data_set.walk(drop)
    assert data_sets[0] == data_sets[1]
    assert data_sets[0].get("PixelData") == data_sets[1].get("PixelData")
    return False


def nothing_half_done(root: Path) -> bool:
    """Whether nothing is left of what was received beside the files of the index."""
    return not (root / "received").exists() and not list(root.rglob("*.part"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "database") as opened:
        yield opened


@pytest.fixture
def same(database: Database, data_set_of: Callable[[Path], bytes]) -> Callable[[list[Path]], None]:
    """Compare what the database has with what the peer was given, byte by byte."""

    def compare(files: list[Path]) -> None:
        held = {record.uid: record for record in database.instances()}
        for path in files:
            record = held.pop(uids_of(path).SOPInstanceUID)
            same_object(record.path, path, data_set_of)
            meta = pydicom.dcmread(record.path, stop_before_pixels=True).file_meta
            true = pydicom.dcmread(path, stop_before_pixels=True).file_meta
            assert meta.TransferSyntaxUID == true.TransferSyntaxUID
            assert meta.MediaStorageSOPInstanceUID == record.uid
        assert not held
        assert database.path is not None
        assert nothing_half_done(database.path)

    return compare


def test_every_level_by_get(
    dcmqrscp: Callable[..., Node],
    phantom_paths: list[Path],
    database: Database,
    same: Callable[[list[Path]], None],
) -> None:
    node = dcmqrscp(phantom_paths)
    ds = uids_of(phantom_paths[3])
    one = Wanted("instance", "", ds.StudyInstanceUID, ds.SeriesInstanceUID, (ds.SOPInstanceUID,))
    report = retrieve(database, node, [one])
    assert (report.ok, report.received, report.already, report.method) == (True, 1, 0, "C-GET")
    same(phantom_paths[3:4])
    report = retrieve(database, node, [series_of(phantom_paths[0])])
    assert (report.ok, report.received, report.already) == (True, 9, 1)
    assert set(report.received_uids) == {uids_of(p).SOPInstanceUID for p in phantom_paths} - {
        ds.SOPInstanceUID
    }
    same(phantom_paths)
    report = retrieve(database, node, [Wanted("patient", patient_id=ds.PatientID)])
    assert (report.ok, report.received, report.already) == (True, 0, 10)
    report = retrieve(database, node, [study_of(phantom_paths[0])], only_missing=False)
    assert (report.ok, report.received, report.already) == (True, 10, 0)
    same(phantom_paths)  # the same once more: nothing is kept twice
    assert [a.kind for a in database.activity()].count("retrieve") == 3


def test_first_slice_first(
    dcmqrscp: Callable[..., Node], phantom_paths: list[Path], database: Database
) -> None:
    node = dcmqrscp(list(reversed(phantom_paths)))
    came: list[str] = []

    def arrived(uid: str, path: Path) -> None:
        assert path.is_file()
        assert [record.path for record in database.instances(uid=uid)] == [path]
        came.append(uid)

    report = retrieve(database, node, [study_of(phantom_paths[0])], arrived=arrived)
    assert report.ok
    numbers = {uids_of(p).SOPInstanceUID: int(uids_of(p).InstanceNumber) for p in phantom_paths}
    assert sorted(map(numbers.__getitem__, came)) == sorted(numbers.values())
    assert numbers[report.received_uids[0]] == min(numbers.values())


@pytest.mark.parametrize("way", ["get", "move"])
@pytest.mark.parametrize(
    ("option", "pattern"),
    [
        ("x=", "charset/chr[AFGHIJKR]*.dcm"),
        ("xv", "compressed/wg04/J2KR/*_J2KR"),
        ("xs", "compressed/wg04/JPLL/*_JPLL"),
        ("xr", "compressed/wg04/RLE/*_RLE"),
        ("xu", "compressed/wg04/JLSN/*_JLSN"),
    ],
)
def test_reference_data_from_dcmqrscp(
    dcmqrscp: Callable[..., Node],
    database: Database,
    same: Callable[[list[Path]], None],
    reference_data: Path,
    way: str,
    option: str,
    pattern: str,
) -> None:
    files = once(reference_data.glob(pattern))
    node = dcmqrscp(files, options=(f"+{option}", f"-{option}"), retrieve=way)
    report = retrieve(database, node, list(dict.fromkeys(map(study_of, files))))
    assert report.ok, report.failed
    assert report.method == ("C-MOVE" if way == "move" else "C-GET")
    same(files)


def test_first_context_taken_for_all(
    dcmqrscp: Callable[..., Node],
    database: Database,
    same: Callable[[list[Path]], None],
    reference_data: Path,
) -> None:
    # dcmqrscp sends by the first context of a SOP class, in which it cannot send both.
    files = [
        reference_data / "compressed" / "wg04" / folder / f"CT1_{folder[:4]}"
        for folder in ("J2KR", "RLE")
    ]
    files.append(reference_data / "compressed" / "wg04" / "REF" / "CT1_UNC")
    node = dcmqrscp(files, options=("+xv",))
    report = retrieve(database, node, list(dict.fromkeys(map(study_of, files))), pauses=())
    assert report.received == 2
    assert [uid for uid, _, _ in report.failed] == [uids_of(files[1]).SOPInstanceUID]
    same([files[0], files[2]])


def test_rare_sop_class(
    dcmqrscp: Callable[..., Node],
    database: Database,
    same: Callable[[list[Path]], None],
    phantom_paths: list[Path],
    tmp_path: Path,
) -> None:
    # dcmqrscp does not say of what SOP class its objects are.
    ds = pydicom.dcmread(phantom_paths[0])
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.5.1"  # ophthalmic photography
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.save_as(tmp_path / "rare.dcm")
    report = retrieve(database, dcmqrscp([tmp_path / "rare.dcm"]), [study_of(phantom_paths[0])])
    assert report.ok, report.failed
    same([tmp_path / "rare.dcm"])


def test_full_disk(
    dcmqrscp: Callable[..., Node],
    database: Database,
    same: Callable[[list[Path]], None],
    phantom_paths: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_dicomdb.database import arriving

    node = dcmqrscp(phantom_paths)
    asked = 0
    true = arriving.shutil.disk_usage

    def usage(path: Any) -> Any:
        nonlocal asked
        asked += 1
        return true(path)._replace(free=0) if asked > 4 else true(path)

    monkeypatch.setattr(arriving.shutil, "disk_usage", usage)
    with pytest.raises(DatabaseError) as caught:
        retrieve(database, node, [study_of(phantom_paths[0])])
    assert caught.value.reason == "disk-full"
    monkeypatch.undo()
    assert len(database.instances()) == 4
    report = retrieve(database, node, [study_of(phantom_paths[0])])
    assert (report.ok, report.received, report.already) == (True, 6, 4)
    same(phantom_paths)


def test_the_bytes_that_came(
    dcmqrscp: Callable[..., Node],
    database: Database,
    data_set_of: Callable[[Path], bytes],
    program: Callable[[str], str],
    reference_data: Path,
    tmp_path: Path,
) -> None:
    """What is kept is what the server sends, to the last byte: as DCMTK's getscu gets it."""
    files = once((reference_data / "compressed" / "wg04" / "J2KR").glob("*_J2KR"))
    node = dcmqrscp(files, options=("+xv",))
    folder = tmp_path / "by getscu"
    folder.mkdir()
    for path in files:
        ds = uids_of(path)
        assert retrieve(database, node, [study_of(path)]).ok
        words = [program("getscu"), "-S", "+B", "+xv", "-aec", "STORE", "-od", str(folder)]
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ds.StudyInstanceUID}"]
        subprocess.run([*words, *keys, node.host, str(node.port)], check=True)
        (record,) = database.instances(uid=ds.SOPInstanceUID)
        (theirs,) = folder.glob(f"*{ds.SOPInstanceUID}*")
        assert data_set_of(record.path) == data_set_of(theirs)


@pytest.mark.parametrize("way", ["get", "move"])
def test_reference_data_from_orthanc(
    orthanc: Callable[..., Any],
    database: Database,
    same: Callable[[list[Path]], None],
    reference_data: Path,
    data_set_of: Callable[[bytes], bytes],
    free_port_of: Callable[[], int],
    way: str,
    tmp_path: Path,
) -> None:
    port = free_port_of()
    modalities = {"us": ["DICOMDB", "127.0.0.1", port]}
    server = orthanc(
        DicomModalities=modalities,
        DicomAlwaysAllowGet=True,
        DicomAlwaysAllowMove=True,
        DicomAlwaysAllowFind=True,
    )
    files = {
        uids_of(path).SOPInstanceUID: path
        for pattern in ("compressed/wg04/*/*", "charset/chr[AFGHIJKR]*.dcm", "cine/*.dcm")
        for path in once(reference_data.glob(pattern))
    }
    for path in files.values():
        assert server.ask("/instances", path.read_bytes())["Status"] == "Success"
    node = replace(server.node, retrieve=way, move_port=port)
    wanted = list(dict.fromkeys(study_of(path) for path in files.values()))
    report = retrieve(database, node, wanted)
    assert report.ok, report.failed
    assert report.received == len(files)
    held = {record.uid: record for record in database.instances()}
    exact = 0
    for uid, path in files.items():
        kept, true = held[uid].path, pydicom.dcmread(path, stop_before_pixels=True)
        assert held[uid].transfer_syntax_uid == true.file_meta.TransferSyntaxUID
        exact += same_object(kept, path, data_set_of)
    assert exact >= 5


def test_move_to_a_listener_that_runs(
    dcmqrscp: Callable[..., Node],
    phantom_paths: list[Path],
    database: Database,
    same: Callable[[list[Path]], None],
) -> None:
    from napari_dicomdb.network.listener import Listener
    from napari_dicomdb.network.listener_settings import ListenerSettings

    node = dcmqrscp(phantom_paths, retrieve="move")
    came: list[str] = []
    with Listener(database, ListenerSettings(port=node.move_port)):
        report = retrieve(
            database, node, [study_of(phantom_paths[0])], arrived=lambda uid, _: came.append(uid)
        )
        assert report.ok, report.failed
        assert (report.received, len(came)) == (10, 10)
    same(phantom_paths)


def test_move_to_somebody_else(
    dcmqrscp: Callable[..., Node],
    phantom_paths: list[Path],
    database: Database,
    storescp: Callable[..., Any],
) -> None:
    other = storescp()
    node = dcmqrscp(phantom_paths[:2], retrieve="move", move_port=other.node.port)
    report = retrieve(database, node, [study_of(phantom_paths[0])], pauses=())
    assert (report.ok, report.received) == (False, 0)
    assert "other-destination" in report.reasons()
    assert len(report.reasons()) == 2
    assert report.reasons()["not-sent"] == 2


def test_move_to_an_unknown_destination(
    dcmqrscp: Callable[..., Node], phantom_paths: list[Path], database: Database
) -> None:
    node = dcmqrscp(phantom_paths[:2], retrieve="move", move_destination="STRANGER")
    report = retrieve(database, node, [study_of(phantom_paths[0])], pauses=())
    assert not report.ok
    assert report.reasons() == {"status-a801": 2}
    assert "AE title" in report.failed[0][2]
    assert "STRANGER" in report.failed[0][2]
    assert report.status_text == "A801H"


def test_goes_on_after_broken_connections(
    dcmqrscp: Callable[..., Node],
    phantom_paths: list[Path],
    database: Database,
    same: Callable[[list[Path]], None],
    proxy: Callable[..., Any],
) -> None:
    node = dcmqrscp(phantom_paths)
    # What the node sends is cut in the midst of objects, again and again.
    wire = proxy(node.port, None, 20_000, 20_001, 30_123, 35_000, 700, 20_000, of_server=True)
    cut = replace(node, port=wire.port)
    report = retrieve(database, cut, [study_of(phantom_paths[0])], pauses=(0.0, 0.0))
    assert report.ok, report.failed
    assert report.received == 10
    assert wire.connections > 4
    same(phantom_paths)


def test_gives_up_and_goes_on_later(
    dcmqrscp: Callable[..., Node],
    phantom_paths: list[Path],
    database: Database,
    same: Callable[[list[Path]], None],
    proxy: Callable[..., Any],
) -> None:
    node = dcmqrscp(phantom_paths)
    wire = proxy(node.port, None, 30_000, *[200] * 10, of_server=True)
    cut = replace(node, port=wire.port)
    report = retrieve(database, cut, [study_of(phantom_paths[0])], pauses=(0.0,))
    assert not report.ok
    assert 0 < report.received < 10
    assert report.received + len(report.failed) == 10
    assert all(uid and reason in ("closed", "aborted") for uid, reason, _ in report.failed)
    assert database.path is not None
    assert nothing_half_done(database.path)
    report = retrieve(database, node, [study_of(phantom_paths[0])])
    assert report.ok
    assert 0 < report.received < 10
    same(phantom_paths)


def test_cancelled_keeps_what_came(
    dcmqrscp: Callable[..., Node],
    phantom_paths: list[Path],
    database: Database,
    same: Callable[[list[Path]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = dcmqrscp(phantom_paths)
    for module in (getting, retrieve_watch):  # all come within one turn
        monkeypatch.setattr(module, "_TURN", 0.0)

    def progress(done: int, total: int | None, text: str) -> None:
        if done >= 2:
            raise Cancelled("enough")

    report = retrieve(database, node, [study_of(phantom_paths[0])], progress=progress)
    assert report.cancelled
    assert 2 <= report.received < 10
    assert Counter(reason for _, reason, _ in report.failed) == {"cancelled": 10 - report.received}
    assert len(database.instances()) == report.received
    assert "cancelled" in report.summary()
    report = retrieve(database, node, [study_of(phantom_paths[0])])
    assert report.ok
    same(phantom_paths)


def test_what_is_not_there(
    dcmqrscp: Callable[..., Node], phantom_paths: list[Path], database: Database
) -> None:
    node = dcmqrscp(phantom_paths[:1])
    report = retrieve(database, node, [Wanted("study", study_uid="1.2.3")])
    assert (report.ok, report.reasons()) == (False, {"not-found": 1})
    ds = uids_of(phantom_paths[0])
    two = (ds.SOPInstanceUID, "1.2.3.4")
    wanted = Wanted("instance", "", ds.StudyInstanceUID, ds.SeriesInstanceUID, two)
    report = retrieve(database, node, [wanted], pauses=())
    assert report.received == 1
    assert [uid for uid, _, _ in report.failed] == ["1.2.3.4"]


def test_wanted_must_name_something() -> None:
    for bad in (
        {"level": "study"},
        {"level": "series", "study_uid": "1.2"},
        {"level": "instance", "study_uid": "1.2", "series_uid": "1.3"},
        {"level": "patient", "patient_id": "*"},
        {"level": "planet", "study_uid": "1.2"},
    ):
        with pytest.raises(QueryError):
            Wanted(**bad)  # type: ignore[arg-type]


def test_node_that_is_not_there(database: Database, quick: Limits) -> None:
    node = Node("gone", host="127.0.0.1", port=1, limits=quick)
    with pytest.raises(NetworkError) as caught:
        retrieve(database, node, [Wanted("study", study_uid="1.2.3")])
    assert caught.value.reason == "refused"


def test_read_only(database: Database, quick: Limits) -> None:
    assert database.path is not None
    node = Node("gone", host="127.0.0.1", port=1, limits=quick)
    with (
        Database.open(database.path, read_only=True) as readable,
        pytest.raises(DatabaseError) as caught,
    ):
        retrieve(readable, node, [Wanted("study", study_uid="1.2.3")])
    assert caught.value.reason == "read-only"


_KILLED = """
import os, signal, sys
from napari_dicomdb import Database
from napari_dicomdb.network import getting, retrieve_watch
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.retrieving import Wanted, retrieve
getting._TURN = retrieve_watch._TURN = 0.0
root, port, study, most = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
node = Node("scp", host="localhost", port=port, called_aet="STORE")
def progress(done, total, text):
    if done >= most:
        print(done, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
with Database.open(root) as database:
    retrieve(database, node, [Wanted("study", study_uid=study)], progress=progress)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_and_asked_for_again(
    dcmqrscp: Callable[..., Node],
    phantom_paths: list[Path],
    tmp_path: Path,
    same: Callable[[list[Path]], None],
    database: Database,
) -> None:
    node = dcmqrscp(phantom_paths)
    assert database.path is not None
    study = uids_of(phantom_paths[0]).StudyInstanceUID
    for most in (1, 4):
        words = [sys.executable, "-c", _KILLED, str(database.path), str(node.port), study]
        killed = subprocess.run([*words, str(most)], capture_output=True, text=True, check=False)
        assert killed.returncode == -9, killed.stderr
        with Database.open(database.path) as opened:  # adopts what had come
            assert len(opened.instances()) >= int(killed.stdout)
            assert nothing_half_done(database.path)
    report = retrieve(database, node, [study_of(phantom_paths[0])])
    assert report.ok
    assert report.already >= 4
    assert os.listdir(database.path).count("incoming") == 0
    same(phantom_paths)
