"""Canaries beside the pixels of compressed frames: gone, and every pixel as it was."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_fragments, generate_frames
from tests.export.deidentification.conftest import write_ultrasound

from napari_dicomdb.export.deidentification.rewriting import read_source, write_copy
from napari_dicomdb.export.deidentification.stream_comments import (
    begins_stream,
    without_comments,
)

CANARY = b"CANARY Doe^Jane"
JPEG, LOSSLESS, JPEG_LS, J2K, JXL, RLE, MPEG2, AVC, HEVC = (
    f"1.2.840.10008.1.2.{n}"
    for n in ("4.50", "4.70", "4.80", "4.90", "4.110", "5", "4.100", "4.102", "4.107")
)


def _pixels(samples: int = 1) -> Any:
    made = np.random.default_rng(5).integers(0, 255, (33, 45, samples)).astype("u1")
    return made[..., 0] if samples == 1 else made


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content) + 8) + name + content


def _with_segments(stream: bytes, *, late: bool = True) -> bytes:
    """A comment, Exif and a thumbnail at the front; another comment before the end; a tail."""
    thumbnail = b"JFIF\0\1\2\1\0\x48\0\x48\2\3" + CANARY
    front = [(0xE0, thumbnail), (0xFE, CANARY), (0xE1, b"Exif\0\0" + CANARY), (0xED, CANARY)]
    end = stream.rindex(b"\xff\xd9")
    parts = [stream[:2], *(_segment(m, c) for m, c in front), stream[2:end],
             _segment(0xFE, CANARY) if late else b"", stream[end:], CANARY]  # fmt: skip
    return b"".join(parts)


@pytest.mark.parametrize(
    ("name", "options", "syntax", "samples"),
    [
        ("jpeg8", {"level": 90}, JPEG, 1),
        ("jpeg8", {"level": 90}, JPEG, 3),
        ("ljpeg", {}, LOSSLESS, 1),
        ("jpegls", {}, JPEG_LS, 1),
        ("jpegls", {}, JPEG_LS, 3),
    ],
)
def test_jpeg(name: str, options: dict[str, Any], syntax: str, samples: int) -> None:
    encode, decode = (getattr(imagecodecs, f"{name}_{what}") for what in ("encode", "decode"))
    stream = bytes(encode(_pixels(samples), **options))
    # What decodes JPEG-LS wants the end right after the last scan.
    hidden = _with_segments(stream, late=syntax != JPEG_LS)
    clean = without_comments(hidden, syntax)
    assert hidden.count(CANARY) >= 5
    assert (len(clean), clean.count(b"CANARY")) == (len(hidden), 0)
    np.testing.assert_array_equal(decode(clean), decode(stream))
    assert without_comments(stream, syntax) == stream


def test_the_transform_of_colours_is_still_told() -> None:
    adobe = b"Adobe\0\x64\0\0\0\0\2"
    stream = b"\xff\xd8" + _segment(0xEE, adobe + CANARY) + b"\xff\xd9"
    assert without_comments(stream, JPEG) == stream.replace(CANARY, bytes(len(CANARY)))


@pytest.mark.parametrize("codec", ["j2k", "jp2"])
def test_jpeg_2000(codec: str) -> None:
    stream = bytes(imagecodecs.jpeg2k_encode(_pixels(3), codecformat=codec, reversible=True))
    start = stream.index(b"\xff\x4f\xff\x51")
    (size,) = struct.unpack_from(">H", stream, start + 4)
    begin = start + 4 + size
    comment = struct.pack(">HHH", 0xFF64, 4 + len(CANARY), 1) + CANARY
    hidden = stream[:begin] + comment + stream[begin:]
    if codec == "jp2":
        box = stream.index(b"jp2c") - 4
        (length,) = struct.unpack_from(">L", stream, box)
        grown = struct.pack(">L", length + len(comment) if length else 0)
        several = _box(b"xml ", CANARY) + _box(b"uuid", CANARY)
        hidden = hidden[:box] + several + grown + hidden[box + 4 :]
    else:
        hidden += CANARY
    clean = without_comments(hidden, J2K)
    assert (len(clean), clean.count(b"CANARY")) == (len(hidden), 0)
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(clean), _pixels(3))
    assert without_comments(stream, J2K) == stream  # it names its encoder alone


def test_jpeg_xl() -> None:
    stream = bytes(imagecodecs.jpegxl_encode(_pixels(), lossless=True, usecontainer=True))
    if stream[4:8] != b"JXL ":
        brand = _box(b"JXL ", b"\r\n\x87\n") + _box(b"ftyp", b"jxl \0\0\0\0jxl ")
        stream = brand + _box(b"jxlc", stream)
    hidden = stream + _box(b"Exif", CANARY) + _box(b"xml ", CANARY)
    clean = without_comments(hidden, JXL)
    assert b"CANARY" not in clean
    assert len(clean) == len(hidden)
    np.testing.assert_array_equal(imagecodecs.jpegxl_decode(clean), _pixels())


def test_unused_offsets_of_run_lengths() -> None:
    head = struct.pack("<LL", 1, 64) + CANARY.ljust(56, b"!")
    assert without_comments(head + b"\0\7", RLE) == struct.pack("<LL", 1, 64) + bytes(56) + b"\0\7"


def test_user_data_of_videos() -> None:
    picture = b"\0\0\1\0" + b"pixels"
    video = b"\0\0\1\xb3head" + b"\0\0\1\xb2" + CANARY + picture
    assert without_comments(video, MPEG2) == video.replace(CANARY, b"\xff" * len(CANARY))
    message = bytes((5, 16 + len(CANARY))) + b"u" * 16 + CANARY + b"\x80"
    for syntax, head in ((AVC, b"\6"), (HEVC, b"\x4e\1")):
        video = b"\0\0\1" + head + message + b"\0\0\1\x65" + b"pixels"
        assert without_comments(video, syntax) == video.replace(CANARY, b"\xff" * len(CANARY))
    inside = _box(b"udta", CANARY) + _box(b"trak", b"track")
    movie = _box(b"ftyp", b"isom") + _box(b"moov", inside) + _box(b"mdat", b"pixels")
    clean = without_comments(movie + _box(b"uuid", CANARY), AVC)
    assert b"CANARY" not in clean
    assert all(word in clean for word in (b"isom", b"track", b"pixels"))


@pytest.mark.parametrize("syntax", [JPEG, J2K, JXL, RLE, MPEG2, AVC])
def test_what_is_damaged_raises_nothing(syntax: str) -> None:
    stream = _with_segments(bytes(imagecodecs.jpeg8_encode(_pixels())))
    boxes = _box(b"jP  ", b"1234") + struct.pack(">L4sQ", 1, b"jp2c", 1 << 40)
    for data in (stream, b"\xff\x4f" + stream, boxes, b"\0\0\1\6\5" * 3, b"\0\0\1\xb2", b""):
        for end in (*range(12), 30, 60, len(data)):
            assert len(without_comments(data[:end], syntax)) == min(end, len(data))


def test_files_of_several_frames_and_fragments(tmp_path: Path) -> None:
    frames = [bytes(imagecodecs.jpeg8_encode(np.roll(_pixels(), n))) for n in range(3)]
    path = write_ultrasound(
        tmp_path / "in.dcm", Rows=33, Columns=45, NumberOfFrames=3, BurnedInAnnotation="NO"
    )
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = JPEG
    hidden = [_with_segments(frame) for frame in frames]
    dataset.PixelData = encapsulate(hidden, fragments_per_frame=2)
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    write_copy(read_source(path), tmp_path / "out.dcm")
    copy, original = pydicom.dcmread(tmp_path / "out.dcm"), pydicom.dcmread(path)
    assert b"CANARY" not in (tmp_path / "out.dcm").read_bytes()
    np.testing.assert_array_equal(copy.pixel_array, original.pixel_array)
    sizes = [[len(f) for f in generate_fragments(d.PixelData)] for d in (copy, original)]
    assert sizes[0] == sizes[1]
    assert len(list(generate_frames(copy.PixelData, number_of_frames=3))) == 3


def test_native_pixels_end_where_they_end(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "in.dcm", BurnedInAnnotation="NO")
    dataset = pydicom.dcmread(path)
    dataset.PixelData += CANARY + b"!"
    dataset.save_as(path)
    write_copy(read_source(path), tmp_path / "out.dcm")
    raw = pydicom.dcmread(tmp_path / "out.dcm").PixelData
    assert raw == b"\xc8" * 600 + bytes(len(CANARY) + 1)


def test_a_table_of_offsets_that_is_none(tmp_path: Path) -> None:
    frame = bytes(imagecodecs.jpeg8_encode(_pixels()))
    path = write_ultrasound(tmp_path / "in.dcm", Rows=33, Columns=45, BurnedInAnnotation="NO")
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = JPEG
    table = struct.pack("<HHL", 0xFFFE, 0xE000, 16) + CANARY + b"!"
    dataset.PixelData = table + encapsulate([frame], has_bot=False)[8:]
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    write_copy(read_source(path), tmp_path / "out.dcm")
    assert b"CANARY" not in (tmp_path / "out.dcm").read_bytes()
    copy = pydicom.dcmread(tmp_path / "out.dcm")
    np.testing.assert_array_equal(copy.pixel_array, imagecodecs.jpeg8_decode(frame))


def test_where_frames_begin() -> None:
    assert begins_stream(b"\xff\xd8\xff", JPEG)
    assert begins_stream(b"\xff\x4f\xff", J2K)
    assert begins_stream(b"anything", RLE)
    assert not begins_stream(b"anything", JPEG)
