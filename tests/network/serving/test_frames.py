"""Frames, as stored and decompressed, against pydicom."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.encaps import generate_frames

from napari_dicomdb.network.serving.accept import Wanted
from napari_dicomdb.network.serving.frames import MEDIA_TYPES, Form, choose_form

OCTETS = "application/octet-stream"
EXPLICIT = "1.2.840.10008.1.2.1"
PLAIN = Form(OCTETS, EXPLICIT, False)
JPEG, JLS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"
VIDEO = "1.2.840.10008.1.2.4.102"
AS_STORED = "multipart/related; transfer-syntax=*"


@pytest.mark.parametrize(
    ("wanted", "stored", "form"),
    [
        (Wanted(), JPEG, PLAIN),
        (Wanted("*/*", None, "*"), JPEG, Form("image/jpeg", JPEG, True)),
        (Wanted(), VIDEO, Form("video/mp4", VIDEO, True)),
        (Wanted(), EXPLICIT, PLAIN),
        (Wanted("*/*", True, JLS), JLS, Form("image/jls", JLS, True)),
        (Wanted(OCTETS, True), JPEG, PLAIN),
        (Wanted(OCTETS, True, EXPLICIT), JPEG, PLAIN),
        (Wanted(OCTETS, True, "*"), JPEG, Form(OCTETS, JPEG, True)),
        (Wanted("image/jpeg", True), JPEG, Form("image/jpeg", JPEG, True)),
        (Wanted("image/jpeg", True, JPEG), JPEG, Form("image/jpeg", JPEG, True)),
        (Wanted("image/x-jls", True), JLS, Form("image/jls", JLS, True)),
        (Wanted("image/jpeg", True), JLS, None),
        (Wanted("image/jpeg", True), EXPLICIT, None),
        (Wanted("image/jpeg", True, "1.2.840.10008.1.2.4.70"), JPEG, None),
        (Wanted("text/plain"), EXPLICIT, None),
    ],
)
def test_form(wanted: Wanted, stored: str, form: Form | None) -> None:
    assert choose_form([wanted], stored, stored in MEDIA_TYPES) == form


def stored_frames(dataset: pydicom.Dataset) -> list[bytes]:
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    if dataset["PixelData"].is_undefined_length:
        return list(generate_frames(dataset.PixelData, number_of_frames=count))
    length = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated // 8
    if "422" in dataset.PhotometricInterpretation:
        length = length * 2 // 3
    return [dataset.PixelData[n * length : (n + 1) * length] for n in range(count)]


def test_every_image_as_stored(web: Any, split: Any, read: Any) -> None:
    kinds = set()
    for record in web.database.instances():
        if not record.pixel_keyword or record.bits_allocated == 1:
            continue
        theirs = stored_frames(read(record.path))
        numbers = sorted({1, len(theirs) // 2 + 1, len(theirs)})
        answer = web.get(f"{web.path(record)}/frames/{','.join(map(str, numbers))}", AS_STORED)
        assert answer.status_code == 200, record.path
        parts = split(answer)
        assert [content for _, content in parts] == [theirs[n - 1] for n in numbers]
        kind = MEDIA_TYPES.get(record.transfer_syntax_uid, OCTETS)
        kinds.add(kind)
        assert {one.split(";")[0] for one, _ in parts} == {kind}
    assert {OCTETS, "image/jpeg", "image/dicom-rle"} <= kinds


def test_decompressed(web: Any, split: Any) -> None:
    compared = 0
    for record in web.database.instances():
        if record.transfer_syntax_uid not in (
            *("1.2.840.10008.1.2.5", JLS, "1.2.840.10008.1.2.4.90"),
        ):
            continue
        answer = web.get(f"{web.path(record)}/frames/1", f'multipart/related; type="{OCTETS}"')
        assert answer.status_code == 200, record.path
        ((kind, content),) = split(answer)
        assert kind == f"{OCTETS}; transfer-syntax={EXPLICIT}"
        dataset = pydicom.dcmread(record.path)
        if dataset.SamplesPerPixel > 1 or int(dataset.get("NumberOfFrames", 1)) > 1:
            continue
        pixels = dataset.pixel_array
        assert np.array_equal(np.frombuffer(content, pixels.dtype).reshape(pixels.shape), pixels)
        compared += 1
    assert compared >= 2


def test_dicomweb_client(web: Any) -> None:
    client = DICOMwebClient(web.server.url)
    record = web.named("CT1_RLE")
    study = web.database.find_series(record.series_uid).study_uid
    (content,) = client.retrieve_instance_frames(study, record.series_uid, record.uid, [1])
    pixels = pydicom.dcmread(record.path).pixel_array
    assert content == pixels.tobytes()


def test_bits_and_other_byte_orders(
    start: Any, web: Any, tmp_path: Path, split: Any, reference_data: Path, program: Any
) -> None:
    segmentation = next(i for i in web.database.instances() if i.bits_allocated == 1)
    expected = pydicom.dcmread(segmentation.path).pixel_array
    count = segmentation.frame_count
    answer = web.get(f"{web.path(segmentation)}/frames/{count}", "*/*")
    ((_, content),) = split(answer)
    bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
    shape = expected.shape[-2:]
    assert np.array_equal(bits[: shape[0] * shape[1]].reshape(shape), expected[count - 1])
    folder = tmp_path / "orders"
    folder.mkdir()
    (source,) = (reference_data / "compressed").rglob("MR4_UNC")
    pixels = pydicom.dcmread(source).pixel_array
    for option, name, uid in (("+td", "deflated.dcm", "1.2.3.4"), ("+tb", "big.dcm", "1.2.3.5")):
        subprocess.run([program("dcmconv"), option, source, folder / name], check=True)
        subprocess.run(
            [program("dcmodify"), "-nb", "-imt", "-m", f"SOPInstanceUID={uid}", folder / name],
            check=True,
        )
    other = start(folder)
    assert len(other.database.instances()) == 2
    for record in other.database.instances():
        ((_, content),) = split(other.get(f"{other.path(record)}/frames/1", "*/*"))
        assert content == pixels.astype("<u2").tobytes(), record.path


def test_one_part_alone(web: Any) -> None:
    record = web.named("CT1_UNC")
    answer = web.get(f"{web.path(record)}/frames/1", OCTETS)
    assert answer.content == pydicom.dcmread(record.path).PixelData
    assert answer.headers["Content-Type"] == f"{OCTETS}; transfer-syntax={EXPLICIT}"
    several = next(i for i in web.database.instances() if i.frame_count > 1)
    assert web.get(f"{web.path(several)}/frames/1,2", OCTETS).status_code == 406


@pytest.mark.parametrize(
    ("frames", "status"),
    [
        ("0", 400),
        ("-1", 400),
        ("1,", 400),
        ("a", 400),
        ("1,2,3,4", 404),
        ("999999999", 404),
        ("1" + ",1" * 20_000, 413),
    ],
)
def test_frames_that_are_not_there(web: Any, frames: str, status: int) -> None:
    record = web.named("CT1_UNC")
    assert web.get(f"{web.path(record)}/frames/{frames}", "*/*").status_code == status


def test_no_image(web: Any) -> None:
    record = next(i for i in web.database.instances() if not i.pixel_keyword)
    assert web.get(f"{web.path(record)}/frames/1", "*/*").status_code == 404


def test_a_truncated_file_is_told(start: Any, phantom_paths: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "short"
    folder.mkdir()
    (folder / "one.dcm").write_bytes(phantom_paths[0].read_bytes()[:-1000])
    web = start(folder)
    (record,) = web.database.instances()
    answer = web.get(f"{web.path(record)}/frames/1", "*/*")
    assert answer.status_code == 406
    assert "truncated-pixels" in answer.text
    assert io.BytesIO(answer.content).read(9) != b"Traceback"
