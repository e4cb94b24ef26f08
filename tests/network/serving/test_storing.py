"""STOW-RS: what is taken lies in the database byte by byte; what is not is told why."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

from napari_dicomdb import Database
from napari_dicomdb.errors import HeaderError
from napari_dicomdb.network.serving import storing
from napari_dicomdb.network.serving.storing import Outcome, meta_of

NAMES = ("CT1_RLE", "US1_UNC", "chrH31.dcm", "chrArab.dcm")


def files_of(reference_data: Path) -> list[Path]:
    every = [*(reference_data / "compressed").rglob("*"), *(reference_data / "charset").rglob("*")]
    return [one for one in every if one.name in NAMES]


def uid_of(item: dict[str, Any]) -> str:
    return str(item["00081155"]["Value"][0])


def test_round_trip(start: Any, store: Any, reference_data: Path, data_set_of: Any) -> None:
    web = start()
    files = files_of(reference_data)
    assert len(files) == 4
    answer = store(web, *(one.read_bytes() for one in files))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/dicom+json"
    taken = answer.json()["00081199"]["Value"]
    assert "00081198" not in answer.json()
    by_uid = {str(pydicom.dcmread(one).SOPInstanceUID): one for one in files}
    assert [uid_of(one) for one in taken] == list(by_uid)
    for record in web.database.instances():
        there = by_uid[record.uid]
        assert record.path.is_relative_to(web.database.path)
        assert data_set_of(record.path) == data_set_of(there)
        assert record.uid not in str(record.path)
    for one in taken:  # and out again, by the address that was told
        got = web.client.get(
            one["00081190"]["Value"][0], headers={"Accept": "application/dicom; transfer-syntax=*"}
        )
        assert data_set_of(got.content) == data_set_of(by_uid[uid_of(one)])
    again = store(web, files[0].read_bytes())
    assert again.status_code == 200
    assert web.database.info()["instances"] == 4


def test_dicomweb_client(start: Any, reference_data: Path) -> None:
    web = start()
    client = DICOMwebClient(web.server.url)
    datasets = [pydicom.dcmread(one) for one in files_of(reference_data)]
    answer = client.store_instances(datasets)
    assert len(answer.ReferencedSOPSequence) == 4
    assert "FailedSOPSequence" not in answer
    assert {one["0020000D"]["Value"][0] for one in client.search_for_studies()} == {
        str(one.StudyInstanceUID) for one in datasets
    }
    for one in datasets:
        got = client.retrieve_instance(
            one.StudyInstanceUID,
            one.SeriesInstanceUID,
            one.SOPInstanceUID,
            media_types=(("application/dicom", "*"),),
        )
        assert got == one


def test_another_study_than_the_path_names(
    start: Any, store: Any, phantom_paths: list[Path], reference_data: Path
) -> None:
    web = start()
    own = pydicom.dcmread(phantom_paths[0])
    (other,) = (reference_data / "compressed").rglob("CT1_RLE")
    study = f"/studies/{own.StudyInstanceUID}"
    answer = store(web, phantom_paths[0].read_bytes(), other.read_bytes(), path=study)
    assert answer.status_code == 202
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [0xA900]
    assert uid_of(failed) == pydicom.dcmread(other).SOPInstanceUID
    assert [i.uid for i in web.database.instances()] == [own.SOPInstanceUID]
    assert answer.json()["00081190"]["Value"] == [f"{web.server.url}{study}"]
    assert store(web, other.read_bytes(), path=study).status_code == 409


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", 0xC000),
        (b"no DICOM at all" * 50, 0xC000),
        (bytes(128) + b"DICM", 0xC000),
        (bytes(128) + b"DICM" + b"\2\0\0\0UL\4\0\xff\xff\xff\x7f" * 3, 0xC000),
        (bytes(128) + b"DICM" + b"\2\0\1\0OB\0\0\xff\xff\xff\x7f" + bytes(100), 0xC000),
    ],
)
def test_what_is_no_instance(start: Any, store: Any, content: bytes, reason: int) -> None:
    web = start()
    answer = store(web, content)
    assert answer.status_code == 409
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [reason]
    assert web.database.info()["instances"] == 0


def test_hostile_uids_stay_in_the_database(
    start: Any, store: Any, phantom_paths: list[Path], tmp_path: Path
) -> None:
    web = start()
    before = {one for one in tmp_path.rglob("*") if web.database.path not in one.parents}
    for uid in ("../../../escape", "/tmp/escape", "x" * 100, "1.2\n3"):
        dataset = pydicom.dcmread(phantom_paths[0])
        target = io.BytesIO()
        with pydicom.config.disable_value_validation():
            dataset.SOPInstanceUID = uid
            dataset.file_meta.MediaStorageSOPInstanceUID = uid
            dataset.save_as(target)
        assert store(web, target.getvalue()).status_code in (200, 409)
    assert {one for one in tmp_path.rglob("*") if web.database.path not in one.parents} == before
    assert all(i.path.is_relative_to(web.database.path) for i in web.database.instances())


def test_truncated_and_mismatched(start: Any, store: Any, phantom_paths: list[Path]) -> None:
    web = start()
    whole = phantom_paths[0].read_bytes()
    other = pydicom.dcmread(phantom_paths[1])
    other.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    target = io.BytesIO()
    other.save_as(target, enforce_file_format=False)
    answer = store(web, whole[:-100], target.getvalue(), phantom_paths[2].read_bytes())
    assert answer.status_code == 202
    codes = [one["00081197"]["Value"][0] for one in answer.json()["00081198"]["Value"]]
    assert codes == [0xC000, 0xA900]
    assert web.database.info()["instances"] == 1


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("", 400),
        ("text/plain", 415),
        ("application/dicom", 415),
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom+json"; boundary=x', 415),
        ('multipart/related; type="application/dicom"; boundary=' + "x" * 500, 400),
        ('multipart/related; type="application/dicom"; boundary=other', 400),
    ],
)
def test_requests_that_are_none(start: Any, kind: str, status: int) -> None:
    web = start()
    headers = {"Content-Type": kind}
    answer = web.client.post("/studies", content=b"--m\r\n\r\nx\r\n--m--\r\n", headers=headers)
    assert answer.status_code == status


def test_limits(start: Any, store: Any, phantom_paths: list[Path]) -> None:
    size = phantom_paths[0].stat().st_size
    web = start(largest_object=size // 2)
    answer = store(web, phantom_paths[0].read_bytes())
    assert answer.status_code == 413
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
    small = start(database=web.database, largest_request=size)
    assert store(small, *(one.read_bytes() for one in phantom_paths[:3])).status_code == 413

    def unending() -> Any:
        yield b"--m-a-r-k\r\n\r\n"
        for _ in range(100):
            yield bytes(size)

    kind = 'multipart/related; type="application/dicom"; boundary=m-a-r-k'
    answer = small.client.post("/studies", content=unending(), headers={"Content-Type": kind})
    assert answer.status_code == 413
    assert web.database.info()["instances"] == 0


def test_a_full_disk(
    start: Any, store: Any, phantom_paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_dicomdb.database import arriving

    web = start()
    monkeypatch.setattr(arriving, "_LEAST_ROOM", 1 << 60)
    answer = store(web, phantom_paths[0].read_bytes())
    assert answer.status_code == 507
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
    monkeypatch.undo()
    assert store(web, phantom_paths[0].read_bytes()).status_code == 200


def test_a_cut_connection_keeps_what_was_whole(
    start: Any, proxy: Any, phantom_paths: list[Path]
) -> None:
    import httpx

    web = start()
    files = [one.read_bytes() for one in phantom_paths[:3]]
    message = b"".join(
        b"--m\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n" for one in files
    )
    between = proxy(web.server.address[1], len(files[0]) * 2 + 600)
    kind = 'multipart/related; type="application/dicom"; boundary=m'
    with pytest.raises(httpx.HTTPError):
        httpx.post(
            f"http://127.0.0.1:{between.port}/dicom-web/studies",
            content=message + b"--m--\r\n",
            headers={"Content-Type": kind},
        )
    web.server.stop()
    with Database.open(web.database.path, read_only=True) as database:
        found = {i.uid for i in database.instances()}
    expected = [str(pydicom.dcmread(one).SOPInstanceUID) for one in phantom_paths[:3]]
    assert found <= set(expected[:2])
    left = [one for one in web.database.path.rglob("*") if one.suffix == ".partial"]
    assert left == []


def test_whatever_the_cut_what_was_acknowledged_stays(
    start: Any, proxy: Any, phantom_paths: list[Path], data_set_of: Any
) -> None:
    """Cut at forty places, each request then sent again: all is there once, and whole."""
    import httpx

    web = start()
    files = {str(pydicom.dcmread(one).SOPInstanceUID): one for one in phantom_paths}
    size = phantom_paths[0].stat().st_size
    kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=m'}
    message = b"".join(
        b"--m\r\nContent-Type: application/dicom\r\n\r\n" + one.read_bytes() + b"\r\n"
        for one in [*files.values()][:2]
    )
    between = proxy(web.server.address[1], *(50 + n * size // 20 for n in range(40)))
    url = f"http://127.0.0.1:{between.port}/dicom-web/studies"
    acknowledged: set[str] = set()
    for _ in range(42):
        try:
            answer = httpx.post(url, content=message + b"--m--\r\n", headers=kind)
        except httpx.HTTPError:
            continue
        acknowledged |= {uid_of(one) for one in answer.json()["00081199"]["Value"]}
    assert acknowledged == set([*files][:2])
    assert between.connections >= 41
    web.server.stop()
    with Database.open(web.database.path, read_only=True) as database:
        found = {i.uid: i.path for i in database.instances()}
    assert found.keys() == acknowledged
    for uid, path in found.items():
        assert data_set_of(path) == data_set_of(files[uid])


def test_read_only_takes_nothing(start: Any, store: Any, phantom_paths: list[Path]) -> None:
    web = start(read_only=True)
    answer = store(web, phantom_paths[0].read_bytes())
    assert answer.status_code == 405
    assert "POST" not in answer.headers["Allow"]
    assert "STOW-RS" not in web.client.get("/").json()["services"]


def test_file_meta(phantom_paths: list[Path]) -> None:
    raw = phantom_paths[0].read_bytes()
    there = pydicom.dcmread(phantom_paths[0]).file_meta
    found = meta_of(raw)
    assert found is not None
    offset, uids = found
    assert uids["SOPInstanceUID"] == there.MediaStorageSOPInstanceUID
    assert uids["TransferSyntaxUID"] == there.TransferSyntaxUID
    assert offset == 144 + there.FileMetaInformationGroupLength
    for length in range(0, offset + 12):
        assert meta_of(raw[:length]) is None
    with pytest.raises(HeaderError):
        meta_of(bytes(200))


def test_reasons() -> None:
    assert Outcome(reason="something new").failure == 0x0110
    assert storing._REASONS["uid-mismatch"] == 0xA900
