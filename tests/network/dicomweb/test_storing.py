"""STOW-RS: to real Orthanc byte for byte, and to servers that refuse some, all, or nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.dicomweb import storing
from napari_dicomdb.network.dicomweb.multipart import boundary_of, read_parts
from napari_dicomdb.network.secrets import keep_secret
from napari_dicomdb.network.sending import send_instances


@pytest.fixture
def source():
    with Database.in_memory() as made:
        yield made


@pytest.fixture
def series(source, phantom_paths):
    source.import_paths([phantom_paths[0].parent], workers=0)
    return source.instances()


def uids_in(request):
    """UIDs of the files of a request, as pydicom reads them."""
    kind = request.headers["content-type"]
    found = []
    for part in read_parts(iter([request.body]), boundary_of(kind)):
        assert part.content_type == "application/dicom"
        dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(part.read(1 << 24)))
        assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID
        found.append(dataset)
    return found


def results(stored=(), failed=()):
    def items(pairs, tag):
        return [
            {"00081155": {"vr": "UI", "Value": [uid]}, tag: {"vr": "US", "Value": [code]}}
            for uid, code in pairs
        ]

    body = {}
    if stored:
        body["00081199"] = {"vr": "SQ", "Value": items([(u, 0) for u in stored], "00081196")}
    if failed:
        body["00081198"] = {"vr": "SQ", "Value": items(failed, "00081197")}
    return json.dumps(body)


def test_round_trip_byte_for_byte(web, source, reference_data, data_set_of) -> None:
    names = ["compressed", "charset", "cine/XA-96f-jpeg-baseline.dcm", "bad/image_dfl.dcm"]
    source.import_paths([reference_data / name for name in names], workers=0)
    instances = source.instances()
    assert len({record.transfer_syntax_uid for record in instances}) > 5
    report = source.send(source.patients(), web.node)
    assert report.ok, report.rejected
    assert report.associations < len(instances) / 5  # in batches
    assert report.transcoded == 0
    for record in instances:
        own = data_set_of(record.path)
        if record.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            own += b"\0" * (len(own) % 2)  # PS3.5 Annex A.5
        assert data_set_of(web.file(record.uid)) == own, record.path


def test_a_file_without_meta_is_sent_as_a_whole_one(web, source, reference_data) -> None:
    source.import_paths([reference_data / "bad" / "ExplVR_LitEndNoMeta.dcm"], workers=0)
    (record,) = source.instances()
    assert source.send(source.patients(), web.node).ok
    sent = pydicom.dcmread(pydicom.filebase.DicomBytesIO(web.file(record.uid)))
    assert sent.SOPInstanceUID == record.uid


def test_batches_are_bounded(series, scripted, answer, monkeypatch) -> None:
    monkeypatch.setattr(storing, "MOST_IN_BATCH", 4)
    sizes = []

    def answering(request):
        uids = [ds.SOPInstanceUID for ds in uids_in(request)]
        assert int(request.headers["content-length"]) == len(request.body)
        sizes.append(len(uids))
        return answer(results(uids))

    report = send_instances(series, scripted(answering).node)
    assert report.ok
    assert sizes == [4, 4, 2]
    assert [o.uid for o in report.outcomes] == [r.uid for r in series]


def test_one_that_is_refused_does_not_harm_the_others(series, scripted, answer) -> None:
    bad = series[3].uid

    def answering(request):
        uids = [ds.SOPInstanceUID for ds in uids_in(request)]
        good = [uid for uid in uids if uid != bad]
        return answer(results(good, [(bad, 0x0122)]), "202 Accepted")

    report = send_instances(series, scripted(answering).node)
    assert report.counts == {"sent": len(series) - 1, "failed": 1}
    (failed,) = [o for o in report.outcomes if o.state == "failed"]
    assert (failed.uid, failed.status, failed.reason) == (bad, 0x0122, "status-0122")
    assert "SOP class" in failed.text


def test_a_busy_server_is_tried_again(series, scripted, answer) -> None:
    calls = []

    def answering(request):
        calls.append(request)
        uids = [ds.SOPInstanceUID for ds in uids_in(request)]
        if len(calls) == 1:
            return answer("", "503 Busy")
        if len(calls) == 2:
            return b""  # gone without a word
        if len(calls) == 3:  # out of resources for one of them
            return answer(results(uids[1:], [(uids[0], 0xA700)]), "202 Accepted")
        assert len(uids) == 1
        return answer(results(uids))

    report = send_instances(series, scripted(answering).node, pauses=(0, 0, 0))
    assert report.ok
    assert len(calls) == 4
    assert report.outcomes[0].attempts == 4


def test_a_request_that_is_too_large_is_divided(series, scripted, answer) -> None:
    def answering(request):
        uids = [ds.SOPInstanceUID for ds in uids_in(request)]
        return answer("", "413 Too Large") if len(uids) > 3 else answer(results(uids))

    report = send_instances(series, scripted(answering).node)
    assert report.ok
    assert {o.attempts for o in report.outcomes} == {1}


def test_one_that_makes_the_server_fail_is_found(series, scripted, answer) -> None:
    bad = series[6].uid

    def answering(request):
        uids = [ds.SOPInstanceUID for ds in uids_in(request)]
        return answer("oops", "500 Error") if bad in uids else answer(results(uids))

    report = send_instances(series, scripted(answering).node)
    assert report.counts == {"sent": len(series) - 1, "failed": 1}
    assert next(o for o in report.outcomes if o.state == "failed").uid == bad


@pytest.mark.parametrize("transcode", [True, False])
def test_a_refused_transfer_syntax(source, reference_data, scripted, answer, transcode) -> None:
    source.import_paths([reference_data / "cine" / "US-PAL-8-10x-echo.dcm"], workers=0)
    (record,) = source.instances()

    def answering(request):
        (dataset,) = uids_in(request)
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            return answer(results(failed=[(record.uid, 0xC122)]), "409 Conflict")
        return answer(results([record.uid]))

    report = send_instances([record], scripted(answering).node, transcode=transcode)
    assert report.ok == transcode
    assert report.transcoded == int(transcode)


def test_what_the_answer_does_not_name_is_not_sent(series, scripted, answer) -> None:
    server = scripted(lambda request: answer(results([series[0].uid])))
    report = send_instances(series, server.node)
    assert report.counts == {"sent": 1, "failed": len(series) - 1}
    assert {o.reason for o in report.outcomes[1:]} == {"not-confirmed"}


def test_files_that_are_gone_or_cut_are_refused(source, phantom_paths, tmp_path, web) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for path in phantom_paths[:4]:
        (folder / path.name).write_bytes(path.read_bytes())
    source.import_paths([folder], workers=0)
    gone, cut, *_ = sorted(folder.iterdir())
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-100])
    report = source.send(source.patients(), web.node)
    assert report.counts == {"sent": 2, "refused": 2}
    assert {o.reason for o in report.outcomes if o.state == "refused"} == {"missing", "truncated"}


@pytest.mark.parametrize(
    ("status", "reason"),
    [("401 Who", "unauthorized"), ("403 No", "forbidden"), ("404 Not", "not-found")],
)
def test_a_server_that_wants_nothing_of_us(series, scripted, answer, status, reason) -> None:
    server = scripted(lambda request: answer("", status))
    with pytest.raises(NetworkError) as caught:
        send_instances(series, server.node, pauses=())
    assert caught.value.reason == reason
    assert len(server.requests) == 1


def test_no_server(series, web) -> None:
    with pytest.raises(NetworkError) as caught:
        send_instances(series, web.through(1), pauses=())
    assert caught.value.reason == "refused"


def test_cancelled_between_batches(series, scripted, answer, monkeypatch) -> None:
    monkeypatch.setattr(storing, "MOST_IN_BATCH", 5)
    server = scripted(lambda r: answer(results([d.SOPInstanceUID for d in uids_in(r)])))

    def progress(done, total, text):
        if done == 5:
            raise Cancelled("enough")

    report = send_instances(series, server.node, progress=progress)
    assert report.cancelled
    assert report.counts == {"sent": 5, "not-sent": 5}


def test_cut_connections_lose_nothing(web, series, proxy) -> None:
    cutting = proxy(web.port, 2_000, 50_000)
    node = web.through(cutting.port)
    report = send_instances(series, node, pauses=(0, 0, 0))
    assert report.ok
    assert cutting.connections == 3
    for record in series:
        assert web.file(record.uid)


def test_with_a_login(start_web, series, memory_keyring) -> None:
    web = start_web(AuthenticationEnabled=True, RegisteredUsers={"jo": "pw"})
    node = replace(web.node, credentials="basic", user="jo", secret=keep_secret("pw"))
    assert send_instances(series, node).ok
    with pytest.raises(NetworkError) as caught:
        send_instances(series, web.node, pauses=())
    assert caught.value.reason == "unauthorized"
