"""WADO-RS: files byte by byte, or in Explicit VR Little Endian."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

from napari_dicomdb.network.serving.accept import Wanted
from napari_dicomdb.network.serving.retrieval import choose_syntax

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def test_every_file_byte_by_byte(web: Any, split: Any, data_set_of: Any) -> None:
    compared = 0
    for study in web.database.studies():
        answer = web.get(f"/studies/{study.uid}", AS_STORED)
        assert answer.status_code == 200
        records = [i for s in web.database.series(study) for i in web.database.instances(s)]
        parts = split(answer)
        assert len(parts) == len(records)
        for record, (kind, content) in zip(records, parts, strict=True):
            assert kind == f"application/dicom; transfer-syntax={record.transfer_syntax_uid}"
            there = record.path.read_bytes()
            if there[128:132] == b"DICM":
                assert content == there
            else:
                assert data_set_of(content) == there
            compared += 1
    assert compared == web.database.info()["instances"] > 60


def test_explicit_little_endian_for_who_names_nothing_else(
    web: Any, split: Any, read: Any
) -> None:
    for record in web.database.instances():
        answer = web.get(web.path(record), 'multipart/related; type="application/dicom"')
        if record.path.name == "SC_rgb_jpeg.dcm":  # says explicit VR, and is not
            assert answer.status_code == 406
            continue
        assert answer.status_code == 200, record.path
        ((kind, content),) = split(answer)
        assert kind == f"application/dicom; transfer-syntax={EXPLICIT}"
        made = pydicom.dcmread(io.BytesIO(content))
        there = read(record.path)
        assert made.file_meta.TransferSyntaxUID == EXPLICIT
        assert made.SOPInstanceUID == there.SOPInstanceUID
        if record.transfer_syntax_uid == EXPLICIT and there.preamble:
            assert content == record.path.read_bytes()
        if record.path.name.startswith(("CT1_RLE", "MR4_RLE")):
            assert np.array_equal(made.pixel_array, there.pixel_array)


def test_dicomweb_client(web: Any) -> None:
    client = DICOMwebClient(web.server.url)
    record = web.named("chrH31.dcm")
    study = web.database.find_series(record.series_uid).study_uid
    (series,) = client.retrieve_series(study, record.series_uid)
    assert series == pydicom.dcmread(record.path)
    compressed = next(
        i for i in web.database.instances() if i.transfer_syntax_uid.endswith(".4.90")
    )
    study = web.database.find_series(compressed.series_uid).study_uid
    one = client.retrieve_instance(
        study, compressed.series_uid, compressed.uid, media_types=(("application/dicom", "*"),)
    )
    assert one == pydicom.dcmread(compressed.path)


@pytest.mark.parametrize(
    ("accept", "stored", "chosen"),
    [
        ([Wanted()], "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.90"),
        ([Wanted("application/dicom")], "1.2.840.10008.1.2.4.90", EXPLICIT),
        ([Wanted("application/dicom", True, IMPLICIT)], EXPLICIT, IMPLICIT),
        ([Wanted("application/dicom", True, "1.2.840.10008.1.2.4.80")], EXPLICIT, None),
        ([Wanted("application/dicom")], "1.2.840.10008.1.2.4.102", None),
        ([Wanted("application/dicom", True, "*")], "1.2.840.10008.1.2.4.102", "same"),
        ([Wanted("image/jpeg")], EXPLICIT, None),
        (
            [Wanted("application/dicom", True, "1.2.840.10008.1.2.4.80"), Wanted("*/*")],
            EXPLICIT,
            EXPLICIT,
        ),
    ],
)
def test_negotiation(accept: list[Wanted], stored: str, chosen: str | None) -> None:
    assert choose_syntax(accept, stored) == (stored if chosen == "same" else chosen)


def test_what_there_is_not(web: Any) -> None:
    record = web.named("CT1_UNC")
    study = web.database.find_series(record.series_uid).study_uid
    other = web.named("chrH31.dcm")
    path = web.path(record)
    assert web.get(path, "text/html").status_code == 406
    asked = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80'
    assert web.get(path, asked).status_code == 406
    for lost in (
        "/studies/1.2.3",
        f"/studies/{study}/series/1.2",
        f"/studies/1.2/series/{record.series_uid}",
        f"/studies/{study}/series/{record.series_uid}/instances/{other.uid}",
        f"/studies/{study}/series/{other.series_uid}/instances/{record.uid}",
    ):
        assert web.get(lost, AS_STORED).status_code == 404


def test_one_file_with_head_and_range(web: Any) -> None:
    record = web.named("CT1_UNC")
    content = record.path.read_bytes()
    single = "application/dicom; transfer-syntax=*"
    whole = web.get(web.path(record), single)
    assert whole.content == content
    assert whole.headers["Accept-Ranges"] == "bytes"
    head = web.client.head(web.path(record), headers={"Accept": single})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(content))
    part = web.get(web.path(record), single, headers={"Range": "bytes=128-131"})
    assert (part.status_code, part.content) == (206, b"DICM")
    beyond = web.get(web.path(record), single, headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416
    study = web.database.find_series(record.series_uid).study_uid
    head = web.client.head(f"/studies/{study}", headers={"Accept": AS_STORED})
    assert (head.status_code, head.content) == (200, b"")


def test_files_that_are_gone(
    start: Any, phantom_paths: list[Path], tmp_path: Path, split: Any
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    copies = [folder / one.name for one in phantom_paths[:3]]
    for there, copy in zip(phantom_paths, copies, strict=False):
        copy.write_bytes(there.read_bytes())
    web = start(folder)
    (study,) = web.database.studies()
    copies[1].unlink()
    answer = web.get(f"/studies/{study.uid}", AS_STORED)
    assert answer.status_code == 206
    assert "1 instances are not included" in answer.headers["Warning"]
    assert {content for _, content in split(answer)} == {
        copies[0].read_bytes(),
        copies[2].read_bytes(),
    }
    copies[0].unlink()
    copies[2].write_bytes(b"something else")
    assert web.get(f"/studies/{study.uid}", AS_STORED).status_code == 410


def test_a_bare_data_set_becomes_a_file(
    start: Any, phantom_paths: list[Path], tmp_path: Path, split: Any, data_set_of: Any
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "one").write_bytes(data_set_of(phantom_paths[0]))
    web = start(bare)
    (record,) = web.database.instances()
    ((_, content),) = split(web.get(web.path(record), AS_STORED))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pydicom.dcmread(io.BytesIO(content)) == pydicom.dcmread(phantom_paths[0])
    assert data_set_of(content) == data_set_of(phantom_paths[0])


def test_a_damaged_file_is_no_half_answer(
    start: Any, reference_data: Path, tmp_path: Path, split: Any
) -> None:
    (source,) = (reference_data / "compressed").rglob("CT1_RLE")
    folder = tmp_path / "damaged"
    folder.mkdir()
    dataset = pydicom.dcmread(source)
    dataset.PixelData = pydicom.encaps.encapsulate([b"\xff" * 500])
    dataset.save_as(folder / "broken.dcm")
    web = start(folder)
    (record,) = web.database.instances()
    answer = web.get(web.path(record), 'multipart/related; type="application/dicom"')
    assert answer.status_code == 406
    assert str(folder) not in answer.text
    ((_, content),) = split(web.get(web.path(record), AS_STORED))
    assert content == (folder / "broken.dcm").read_bytes()
