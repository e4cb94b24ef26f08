"""Videos made by FFmpeg itself, put into DICOM files."""

from __future__ import annotations

import io
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from napari_dicomdb.dicom.description import PixelDescription
from napari_dicomdb.dicom.pixels import read_frame, read_frames
from napari_dicomdb.dicom.video import VIDEO_SYNTAXES, close_videos, is_available
from napari_dicomdb.errors import MissingDecoderError, PixelError

av = pytest.importorskip("av")

MPEG2, AVC, HEVC, HEVC10 = (f"1.2.840.10008.1.2.4.{n}" for n in (100, 102, 107, 108))
COUNT, ROWS, COLUMNS = 60, 48, 64


@pytest.fixture(autouse=True)
def no_decoder_stays_open():
    yield
    close_videos()


def grey_of(number: int) -> int:
    """Grey that tells frames apart although it is encoded with loss."""
    return 16 + (number * 37) % 220


def encode(codec: str, container: str, count: int = COUNT, **options) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height = COLUMNS, ROWS
        stream.pix_fmt = options.pop("pix_fmt", "yuv420p")
        stream.gop_size = options.pop("gop", 12)
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none"}
        for number in range(count):
            cells = np.full((ROWS, COLUMNS, 3), grey_of(number), np.uint8)
            cells[: ROWS // 2, : COLUMNS // 2] = (255, 0, 0)
            image = av.VideoFrame.from_ndarray(cells, format="rgb24")
            file.mux(stream.encode(image))
        file.mux(stream.encode())
    return buffer.getvalue()


def dicom(path: Path, video: bytes, syntax: str, *, fragments: int = 1, **changes) -> Path:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.4", "1.2.5"
    ds.Modality, ds.NumberOfFrames, ds.FrameTime = "ES", COUNT, 40
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 3
    ds.PhotometricInterpretation, ds.PlanarConfiguration = "YBR_PARTIAL_420", 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    if fragments == 1:
        ds.PixelData = encapsulate([video], has_bot=False)
    else:
        size = -(-len(video) // fragments) // 2 * 2 + 2
        parts = [video[k : k + size] for k in range(0, len(video), size)]
        parts[-1] += b"\0" * (len(parts[-1]) % 2)
        items = [struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part for part in parts]
        ds.PixelData = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + b"".join(items)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


@pytest.fixture(scope="module")
def encoded() -> bytes:
    return encode("libx264", "mp4")


@pytest.fixture(scope="module")
def loop(tmp_path_factory, encoded) -> Path:
    return dicom(tmp_path_factory.mktemp("video") / "loop.dcm", encoded, AVC)


def described(path: Path) -> PixelDescription:
    return PixelDescription.from_dataset(pydicom.dcmread(path))


def seen(frame: np.ndarray) -> int:
    return round(float(frame[ROWS // 2 :].mean()))


@pytest.mark.parametrize(
    ("codec", "container", "syntax", "options"),
    [
        ("mpeg2video", "mpegts", MPEG2, {}),
        ("mpeg2video", "mpeg2video", MPEG2, {}),
        ("libx264", "mp4", AVC, {}),
        ("libx264", "mpegts", AVC, {}),
        ("libx264", "h264", AVC, {}),
        ("libx265", "mp4", HEVC, {}),
        ("libx264", "mpegts", f"{AVC}.1", {"fragments": 7}),
    ],
)
def test_every_frame_in_any_order(tmp_path, codec, container, syntax, options):
    path = dicom(tmp_path / "a.dcm", encode(codec, container), syntax, **options)
    description = described(path)
    order = [0, 1, 2, 59, 3, 30, 29, 58, 0, 13]
    for number in order:
        frame = read_frame(path, description, number)
        assert frame.shape == (ROWS, COLUMNS, 3)
        assert frame.dtype == np.uint8
        assert abs(seen(frame) - grey_of(number)) <= 3, number
        red, green, blue = frame[: ROWS // 2 - 4, : COLUMNS // 2 - 4].mean(axis=(0, 1))
        assert red > 225
        assert max(green, blue) < 30


def test_all_frames_are_those_of_the_decoder_itself(loop, encoded):
    frames = read_frames(loop, described(loop))
    with av.open(io.BytesIO(encoded)) as file:
        expected = [f.to_ndarray(format="rgb24") for f in file.decode(video=0)]
    assert np.array_equal(frames, np.array(expected))


def test_threads_share_one_decoder(loop):
    description = described(loop)
    with ThreadPoolExecutor(4) as pool:
        frames = list(pool.map(lambda n: read_frame(loop, description, n), range(COUNT)))
    assert [abs(seen(f) - grey_of(n)) <= 3 for n, f in enumerate(frames)] == [True] * COUNT


def test_ten_bits(tmp_path):
    video = encode("libx265", "mp4", 4, pix_fmt="yuv420p10le")
    deep = {"BitsAllocated": 16, "BitsStored": 10, "HighBit": 9, "NumberOfFrames": 4}
    path = dicom(tmp_path / "a.dcm", video, HEVC10, **deep)
    frame = read_frame(path, described(path), 2)
    assert frame.dtype == np.uint16
    assert frame[ROWS // 2 :].mean() == pytest.approx(grey_of(2) * 1023 / 255, abs=12)


def test_grey_video(tmp_path):
    path = dicom(
        tmp_path / "a.dcm",
        encode("libx264", "mp4", 4),
        AVC,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        NumberOfFrames=4,
    )
    frame = read_frame(path, described(path), 3)
    assert frame.shape == (ROWS, COLUMNS)
    assert abs(seen(frame) - grey_of(3)) <= 3


def test_fewer_frames_than_announced(tmp_path):
    path = dicom(tmp_path / "a.dcm", encode("libx264", "mp4", 5), AVC, NumberOfFrames=9)
    description = described(path)
    with pytest.raises(PixelError, match="the video has 5 frames, the header says 9") as error:
        read_frame(path, description, 8)
    assert error.value.reason == "truncated-pixels"
    assert abs(seen(read_frame(path, description, 4)) - grey_of(4)) <= 3


def test_another_size_than_announced(tmp_path):
    path = dicom(tmp_path / "a.dcm", encode("libx264", "mp4", 2), AVC, Rows=ROWS + 2)
    with pytest.raises(PixelError, match="48 × 64 pixels, the header says 50 × 64"):
        read_frame(path, described(path), 0)


def test_junk_is_no_video(tmp_path):
    path = dicom(tmp_path / "a.dcm", b"\x37" * 5000, AVC)
    with pytest.raises(PixelError, match="cannot be read"):
        read_frame(path, described(path), 0)


def test_without_the_library_the_remedy_is_told(loop, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert not is_available()
    with pytest.raises(MissingDecoderError, match=r"napari-dicomdb\[video\]"):
        read_frame(loop, described(loop), 0)


def test_all_video_syntaxes_of_the_standard_are_known():
    from pydicom.uid import UID_dictionary

    named = {uid for uid, (name, kind, *_) in UID_dictionary.items() if kind == "Transfer Syntax"}
    assert {uid for uid in named if uid.startswith("1.2.840.10008.1.2.4.10")} == VIDEO_SYNTAXES
