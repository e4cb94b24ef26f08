"""Frames that come from elsewhere are decoded as those of files."""

from __future__ import annotations

import pickle
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

from napari_dicomdb.dicom.pixels import PixelDescription, read_frame
from napari_dicomdb.dicom.streamed import (
    FetchedFrame,
    StreamedPath,
    WholeFile,
    may_wait,
    source_of,
    waiting_allowed,
)
from napari_dicomdb.errors import PixelError

NATIVE = "1.2.840.10008.1.2.1"


@dataclass
class Source:
    answer: FetchedFrame | WholeFile
    asked: int = -1

    def fetch(self, frame: int) -> FetchedFrame | WholeFile:
        self.asked = frame
        return self.answer


def described(dataset):
    from dataclasses import replace

    found = PixelDescription.from_dataset(dataset)
    return replace(found, offset=None, length=None, transfer_syntax_uid=NATIVE)


@pytest.mark.parametrize(
    "name",
    [
        "cine/XA-96f-jpeg-baseline.dcm",
        "cine/US-PAL-8-10x-echo.dcm",
        "compressed/wg04/J2KI/CT1_J2KI",
        "bad/MR_small.dcm",
        "cine/US-RGB-8-epicard.dcm",
    ],
)
def test_as_from_the_file(reference_data, name) -> None:
    path = reference_data / name
    if not path.exists():
        path = next(p for p in sorted((reference_data / "compressed").rglob("*")) if p.is_file())
    dataset = pydicom.dcmread(path)
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    frame = count - 1
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed:
        content = list(generate_frames(dataset.PixelData, number_of_frames=count))[frame]
    else:
        size = len(dataset.PixelData) // count
        content = dataset.PixelData[frame * size : (frame + 1) * size]
        syntax = NATIVE
    source = Source(FetchedFrame(content, syntax))
    own = PixelDescription.from_dataset(dataset)
    streamed = read_frame(StreamedPath.of(path, source), described(dataset), frame)
    np.testing.assert_array_equal(streamed, read_frame(path, own, frame))
    assert source.asked == frame


def test_a_whole_file_does_as_well(reference_data) -> None:
    path = reference_data / "bad" / "MR_small.dcm"
    own = PixelDescription.from_dataset(pydicom.dcmread(path))
    streamed = StreamedPath.of("/nowhere/header.dcm", Source(WholeFile(path, own)))
    dataset = pydicom.dcmread(path)
    pixels = read_frame(streamed, described(dataset))
    np.testing.assert_array_equal(pixels, dataset.pixel_array)


def test_half_a_frame_is_noted_and_none_is_an_error(reference_data) -> None:
    path = reference_data / "bad" / "MR_small.dcm"
    dataset = pydicom.dcmread(path)
    problems: list[tuple[str, str]] = []
    half = StreamedPath.of(path, Source(FetchedFrame(dataset.PixelData[:4096], NATIVE)))
    pixels = read_frame(half, described(dataset), problems=problems)
    np.testing.assert_array_equal(pixels[:32], dataset.pixel_array[:32])
    assert not pixels[32:].any()
    assert problems[0][0] == "truncated-pixels"
    with pytest.raises(PixelError):
        read_frame(StreamedPath.of(path, Source(FetchedFrame(b"", NATIVE))), described(dataset))


def test_what_cannot_be_decoded_is_an_error(reference_data) -> None:
    path = reference_data / "bad" / "MR_small.dcm"
    source = Source(FetchedFrame(b"\xff\xd8garbage", "1.2.840.10008.1.2.4.50"))
    with pytest.raises(PixelError):
        read_frame(StreamedPath.of(path, source), described(pydicom.dcmread(path)))


def test_a_streamed_path_is_a_path() -> None:
    path = StreamedPath.of("/a/b.dcm", Source(FetchedFrame(b"", NATIVE)))
    assert path == Path("/a/b.dcm")
    assert path.parent == Path("/a")
    assert source_of(path) is not None
    assert source_of(path.parent) is None
    assert source_of(Path("/a/b.dcm")) is None
    assert source_of("text") is None
    assert str(pickle.loads(pickle.dumps(path))) == "/a/b.dcm"


def test_who_may_wait() -> None:
    assert not may_wait()  # the main thread, which is the window's
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(may_wait()))
    thread.start()
    thread.join()
    assert found == [True]
    with waiting_allowed(True):
        assert may_wait()
        with waiting_allowed(False):
            assert not may_wait()
        assert may_wait()
    assert not may_wait()
