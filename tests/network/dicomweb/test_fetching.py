"""WADO-RS into the database: byte for byte, once each, and nothing of what is wrong."""

from __future__ import annotations

import urllib.request
from dataclasses import replace

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.client import DicomWebClient
from napari_dicomdb.network.dicomweb.fetching import fetch_instances, instance_uids
from napari_dicomdb.network.secrets import keep_secret

FILES = [
    "compressed",  # JPEG 2000, JPEG-LS, RLE ...
    "charset/chrGreek.dcm",
    "charset/chrKoreanMulti.dcm",
    "cine/XA-96f-jpeg-baseline.dcm",
    "bad/image_dfl.dcm",
    "bad/MR_small.dcm",
    "bad/MR_small_padded.dcm",
    "enhanced",
    "rt_dvh",
]


@pytest.fixture
def database(tmp_path):
    with Database.open(tmp_path / "db") as made:
        yield made


@pytest.fixture
def inbox(database):
    with Inbox(database, settle_seconds=0.01) as made:
        yield made


def files_of(reference_data, names=FILES):
    paths = []
    for name in names:
        place = reference_data / name
        paths += [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
    found = {}
    for path in sorted(paths):
        if path.read_bytes()[128:132] == b"DICM":
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            if "SOPInstanceUID" in dataset and "StudyInstanceUID" in dataset:
                found.setdefault(dataset.SOPInstanceUID, (path, dataset.StudyInstanceUID))
    return found


def test_data_sets_come_byte_for_byte(
    start_web, reference_data, database, inbox, data_set_of
) -> None:
    web = start_web()
    files = files_of(reference_data)
    assert len(files) > 20
    web.add(*(path for path, _ in files.values()))
    with DicomWebClient(web.node) as client:
        for study in sorted({study for _, study in files.values()}):
            report = fetch_instances(web.node, study, store=inbox.open, client=client)
            assert report.failed == []
    inbox.flush()
    kept = {record.uid: record for record in database.instances()}
    assert kept.keys() == files.keys()
    for uid, (path, _) in files.items():
        assert data_set_of(kept[uid].path) == data_set_of(path), path
        meta = pydicom.filereader.read_file_meta_info(kept[uid].path)
        assert meta.MediaStorageSOPInstanceUID == uid
        original = pydicom.filereader.read_file_meta_info(path)
        assert meta.TransferSyntaxUID == original.TransferSyntaxUID


@pytest.fixture
def cts(web, reference_data):
    paths = sorted((reference_data / "ctmrpet_rtstruct" / "STS_002_CT").rglob("*.dcm"))[:6]
    web.add(*paths)
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]


def test_series_instances_and_what_is_here_already(web, cts, inbox, database) -> None:
    study, series = cts[0].StudyInstanceUID, cts[0].SeriesInstanceUID
    uids = [ds.SOPInstanceUID for ds in cts]
    seen = []
    one = fetch_instances(
        web.node, study, series, uids[0], store=inbox.open, arrived=lambda u, p: seen.append(u)
    )
    assert one.received == seen == uids[:1]
    rest = fetch_instances(web.node, study, series, store=inbox.open, skip={uids[0]})
    assert set(uids[1:]) <= set(rest.received)
    assert uids[0] not in rest.received
    none = fetch_instances(web.node, study, series, uids[0], store=inbox.open, skip=uids)
    assert none.received == []
    with DicomWebClient(web.node) as client:
        assert set(uids) <= {uid for _, uid in instance_uids(client, study)}
    inbox.flush()
    assert {r.uid for r in database.instances()} == {*one.received, *rest.received}


def test_a_broken_connection_goes_on_where_it_stopped(web, cts, proxy, inbox, database) -> None:
    """Answers are cut after bytes of the request; cut the server's side by a short wait."""
    study, series = cts[0].StudyInstanceUID, cts[0].SeriesInstanceUID
    cutting = proxy(web.port, 100)  # the first request is cut in its head
    node = web.through(cutting.port)
    report = fetch_instances(node, study, series, store=inbox.open, pauses=(0.0, 0.0))
    assert set(report.received) >= {ds.SOPInstanceUID for ds in cts}
    assert cutting.connections >= 2


@pytest.mark.parametrize("part", [0.001, 0.1, 0.3, 0.4, 0.52, 0.7, 0.9, 0.9999])
def test_a_truncated_answer_keeps_what_was_whole(
    web, cts, scripted, answer, inbox, database, data_set_of, part
) -> None:
    """The first answer ends somewhere; the rest is asked for one by one."""
    study, series = cts[0].StudyInstanceUID, cts[0].SeriesInstanceUID

    def real(line, accept):
        url = f"{web.url}/dicom-web{line.split()[1].removeprefix('/rs')}"
        request = urllib.request.Request(url, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=20) as got:
            return got.read(), got.headers["Content-Type"]

    def answering(request):
        content, kind = real(request.line, request.headers["accept"])
        whole = request.line.split()[1].endswith(series)
        return answer(content[: int(len(content) * part)] if whole else content, kind=kind)

    server = scripted(answering)
    report = fetch_instances(server.node, study, series, store=inbox.open, pauses=(0.0,))
    assert sorted(report.received) == sorted(set(report.received))
    assert set(report.received) >= {ds.SOPInstanceUID for ds in cts}
    assert report.failed == []
    single = [r for r in server.requests if f"{series}/instances/" in r.line]
    assert len(single) <= len(report.received)
    assert part < 0.3 or len(single) < len(report.received)
    inbox.flush()
    for record in database.instances():
        assert data_set_of(record.path) == data_set_of(web.file(record.uid))


def multipart(*contents, boundary="x", kind="application/dicom"):
    parts = [f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode() + c for c in contents]
    return b"\r\n".join([*parts, f"--{boundary}--".encode()])


RELATED = 'multipart/related; type="application/dicom"; boundary=x'


def test_what_is_wrong_is_reported_and_the_rest_kept(
    reference_data, scripted, answer, inbox, database
) -> None:
    good = (reference_data / "bad" / "MR_small.dcm").read_bytes()
    dataset = pydicom.dcmread(reference_data / "bad" / "MR_small.dcm")
    cut = (reference_data / "charset" / "chrRuss.dcm").read_bytes()[:700]
    other = (reference_data / "cine" / "US-RGB-8-epicard.dcm").read_bytes()
    content = multipart(b"<html>" * 50, cut, other, good, b"")
    server = scripted(lambda request: answer(content, kind=RELATED))
    study = dataset.StudyInstanceUID
    report = fetch_instances(server.node, study, store=inbox.open)
    assert report.received == [dataset.SOPInstanceUID]
    reasons = [reason for _, reason, _ in report.failed]
    assert reasons[0] == "not-dicom"
    assert "uid-mismatch" in reasons  # of another study than was asked for
    assert len(reasons) == 4
    inbox.flush()
    assert [record.uid for record in database.instances()] == [dataset.SOPInstanceUID]
    assert not list((database.path / "received").rglob("*.part*"))


def test_another_instance_than_was_asked_for(reference_data, scripted, answer, inbox) -> None:
    good = (reference_data / "bad" / "MR_small.dcm").read_bytes()
    server = scripted(lambda request: answer(multipart(good), kind=RELATED))
    report = fetch_instances(server.node, "1.2", "1.3", "1.4", store=inbox.open, pauses=())
    assert report.received == []
    assert report.failed[0][1] == "uid-mismatch"


def test_one_file_without_multipart(reference_data, scripted, answer, inbox) -> None:
    path = reference_data / "bad" / "MR_small.dcm"
    dataset = pydicom.dcmread(path)
    server = scripted(lambda r: answer(path.read_bytes(), kind="application/dicom"))
    report = fetch_instances(
        server.node,
        dataset.StudyInstanceUID,
        dataset.SeriesInstanceUID,
        dataset.SOPInstanceUID,
        store=inbox.open,
    )
    assert report.received == [dataset.SOPInstanceUID]
    assert report.size == len(path.read_bytes()) - report_meta_length(path)


def report_meta_length(path):
    raw = path.read_bytes()
    return 144 + int.from_bytes(raw[140:144], "little")


@pytest.mark.parametrize(
    ("content", "kind", "status", "reason"),
    [
        ("<html>", "text/html", "200 OK", "not-dicomweb"),
        ("x", "multipart/related", "200 OK", "bad-multipart"),
        (b"--y\r\n\r\n" * 20_000, RELATED, "200 OK", "bad-multipart"),
        ("", "text/plain", "404 Not Found", "not-found"),
        ("", "text/plain", "406 Not Acceptable", "not-acceptable"),
        (b"--x\r\n" + b"A: b\r\n" * 10_000, RELATED, "200 OK", "bad-multipart"),
    ],
)
def test_answers_that_give_nothing(
    scripted, answer, inbox, database, content, kind, status, reason
) -> None:
    server = scripted(lambda request: answer(content, status, kind))
    with pytest.raises(NetworkError) as caught:
        fetch_instances(server.node, "1.2.3", store=inbox.open, pauses=())
    assert caught.value.reason == reason
    inbox.flush()
    assert database.instances() == []


def test_hostile_uids_make_no_paths(scripted, answer, inbox) -> None:
    server = scripted(lambda request: answer("", "404 Not Found"))
    with pytest.raises(NetworkError):
        fetch_instances(server.node, "../../admin?x=1#", store=inbox.open, pauses=())
    assert server.requests[0].line.startswith("GET /rs/studies/..%2F..%2Fadmin%3Fx%3D1%23 ")


def test_with_a_login(start_web, reference_data, inbox, memory_keyring) -> None:
    web = start_web(AuthenticationEnabled=True, RegisteredUsers={"jo": "pw"})
    node = replace(web.node, credentials="basic", user="jo", secret=keep_secret("pw"))
    path = reference_data / "bad" / "MR_small.dcm"
    dataset = pydicom.dcmread(path)
    with Database.in_memory() as source:
        source.import_paths([path], workers=0)
        assert source.send(source.patients(), node).ok
    report = fetch_instances(node, dataset.StudyInstanceUID, store=inbox.open)
    assert report.received == [dataset.SOPInstanceUID]
    with pytest.raises(NetworkError) as caught:
        fetch_instances(web.node, dataset.StudyInstanceUID, store=inbox.open)
    assert caught.value.reason == "unauthorized"
