"""Frames, metadata, rendered images and bulk data of a real server, and of strange ones."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.client import DicomWebClient
from napari_dicomdb.network.dicomweb.frames import (
    fetch_bulk,
    fetch_frame,
    fetch_metadata,
    fetch_rendered,
    find_series,
)


@pytest.fixture
def client(web):
    with DicomWebClient(web.node) as made:
        yield made


def kept(web, path):
    web.add(path)
    dataset = pydicom.dcmread(path)
    return dataset, (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)


def test_compressed_frames_come_as_they_are(web, client, reference_data) -> None:
    dataset, uids = kept(web, reference_data / "cine" / "XA-96f-jpeg-baseline.dcm")
    frames = list(generate_frames(dataset.PixelData, number_of_frames=96))
    for number in (1, 50, 96):
        came = fetch_frame(client, *uids, number)
        assert came.content == frames[number - 1]
        assert came.transfer_syntax_uid == dataset.file_meta.TransferSyntaxUID
    with pytest.raises(NetworkError):
        fetch_frame(client, *uids, 97)


def test_native_frames_are_little_endian_pixels(web, client, reference_data) -> None:
    dataset, uids = kept(web, reference_data / "bad" / "MR_small.dcm")
    came = fetch_frame(client, *uids, 1)
    pixels = np.frombuffer(came.content, "<i2").reshape(dataset.Rows, dataset.Columns)
    np.testing.assert_array_equal(pixels, dataset.pixel_array)


def test_metadata_and_bulk_data(web, client, reference_data) -> None:
    dataset, uids = kept(web, reference_data / "cine" / "US-PAL-8-10x-echo.dcm")
    items, url = fetch_metadata(client, *uids[:2])
    (item,) = items
    assert item["00280010"]["Value"] == [dataset.Rows]
    uri = item["00281201"]["BulkDataURI"]
    assert fetch_bulk(client, uri, url) == dataset.RedPaletteColorLookupTableData
    with pytest.raises(NetworkError) as caught:
        fetch_bulk(client, uri, url, largest=10)
    assert caught.value.reason in ("too-large", "answer-too-large")
    with pytest.raises(NetworkError) as caught:
        fetch_bulk(client, "http://elsewhere.example/x", url)
    assert caught.value.reason == "redirected"


def test_rendered(web, client, reference_data) -> None:
    dataset, uids = kept(web, reference_data / "bad" / "MR_small.dcm")
    for kind, name in (("image/jpeg", "JPEG"), ("image/png", "PNG")):
        with Image.open(io.BytesIO(fetch_rendered(client, *uids, media_type=kind))) as image:
            assert image.format == name
            assert image.size == (dataset.Columns, dataset.Rows)


def test_the_study_of_a_series(web, client, reference_data) -> None:
    _, (study, series, _) = kept(web, reference_data / "bad" / "MR_small.dcm")
    assert find_series(client, series) == study
    with pytest.raises(NetworkError) as caught:
        find_series(client, "1.2.3.4")
    assert caught.value.reason == "not-found"


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        ("<html>", "text/html", "not-acceptable"),
        (b"--b--", 'multipart/related; boundary="b"', "bad-multipart"),
        (b"--b\r\n\r\nhalf", 'multipart/related; boundary="b"', "truncated"),
        (b"--b\r\nContent-Type: image/webp\r\n\r\nx\r\n--b--", "multipart/related; boundary=b",
         "not-acceptable"),
    ],
)  # fmt: skip
def test_frames_that_are_none(scripted, answer, content, kind, reason) -> None:
    server = scripted(lambda request: answer(content, kind=kind))
    with DicomWebClient(server.node, pauses=()) as client, pytest.raises(NetworkError) as caught:
        fetch_frame(client, "1", "2", "3", 1)
    assert caught.value.reason == reason


def test_a_media_type_names_its_transfer_syntax(scripted, answer) -> None:
    body = b"--b\r\nContent-Type: image/jls\r\n\r\nxyz\r\n--b--"
    server = scripted(lambda request: answer(body, kind="multipart/related; boundary=b"))
    with DicomWebClient(server.node) as client:
        came = fetch_frame(client, "1", "2", "3", 1)
    assert came.transfer_syntax_uid == "1.2.840.10008.1.2.4.80"


def test_metadata_of_another_series_are_refused(scripted, answer) -> None:
    body = '[{"0020000E": {"vr": "UI", "Value": ["9.9"]}}]'
    server = scripted(lambda request: answer(body))
    with DicomWebClient(server.node) as client, pytest.raises(NetworkError) as caught:
        fetch_metadata(client, "1", "2")
    assert caught.value.reason == "uid-mismatch"
