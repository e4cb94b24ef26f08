"""Bulk data, by their tags."""

from __future__ import annotations

from typing import Any

import pydicom
import pytest

OCTETS = "application/octet-stream"


def test_pixels_whole(web: Any, split: Any) -> None:
    for record in (
        web.named("CT1_UNC"),
        next(i for i in web.database.instances() if i.frame_count > 1 and i.bits_allocated == 16),
    ):
        dataset = pydicom.dcmread(record.path)
        path = f"{web.path(record)}/bulkdata/7FE00010"
        ((kind, content),) = split(web.get(path))
        assert kind.startswith(OCTETS)
        length = dataset.pixel_array.nbytes
        assert content == dataset.pixel_array.tobytes() == dataset.PixelData[:length]
        assert web.get(path, OCTETS).content == content


def test_compressed_pixels(web: Any, split: Any) -> None:
    record = web.named("CT1_RLE")
    path = f"{web.path(record)}/bulkdata/7fe00010"
    dataset = pydicom.dcmread(record.path)
    ((_, content),) = split(web.get(path))
    assert content == dataset.pixel_array.tobytes()
    ((kind, content),) = split(web.get(path, "multipart/related; type=image/dicom-rle"))
    assert kind.startswith("image/dicom-rle")
    assert content in dataset.PixelData


def test_other_values(web: Any, split: Any) -> None:
    record = web.named("CT1_UNC")
    dataset = pydicom.dcmread(record.path)
    path = f"{web.path(record)}/bulkdata"
    assert web.get(f"{path}/00100020", OCTETS).content.rstrip(b" ") == dataset.PatientID.encode()
    ((_, content),) = split(web.get(f"{path}/00280010"))
    assert int.from_bytes(content, "little") == dataset.Rows
    assert web.get(f"{path}/00280010", "image/png").status_code == 406
    head = web.client.head(f"{path}/00280010")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("00999999", 404),
        ("0040A730/1/00080100", 404),
        ("00280010/1/00080100", 404),
        ("x", 400),
        ("7FE00010/", 400),
        ("../../../../etc/passwd", 400),
        ("..%2f..%2fetc%2fpasswd", 400),
        ("0040A730/0/00080100", 400),
        ("/".join(["0040A730/1"] * 50 + ["00080100"]), 400),
    ],
)
def test_what_there_is_not(web: Any, path: str, status: int) -> None:
    record = web.named("CT1_UNC")
    answer = web.get(f"{web.path(record)}/bulkdata/{path}")
    assert answer.status_code == status if "../" not in path else answer.status_code in (400, 404)
