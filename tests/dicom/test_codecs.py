"""Every compressed transfer syntax against lossless originals and other decoders."""

from __future__ import annotations

import builtins
import json
import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import get_frame
from pydicom.pixels.decoders import base as pydicom_decoders

from napari_dicomdb.dicom import codecs
from napari_dicomdb.dicom.codecs import (
    JpegStream,
    decode,
    is_available,
    jpeg_photometric,
    parse_jpeg,
)
from napari_dicomdb.dicom.pixels import PixelDescription, read_frame
from napari_dicomdb.errors import MissingDecoderError, PixelError

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
RNG = np.random.default_rng(3)

BASELINE = "1.2.840.10008.1.2.4.50"
EXTENDED = "1.2.840.10008.1.2.4.51"
LOSSLESS = "1.2.840.10008.1.2.4.57"
LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")
RLE = "1.2.840.10008.1.2.5"
MPEG4 = "1.2.840.10008.1.2.4.102"


def described(cells, uid, **more):
    bits = 8 * cells.dtype.itemsize
    facts = {
        "samples": 3 if cells.ndim == 3 else 1,
        "photometric": "RGB" if cells.ndim == 3 else "MONOCHROME2",
        "bits_allocated": bits,
        "bits_stored": bits,
        "high_bit": bits - 1,
        "transfer_syntax_uid": uid,
    }
    return PixelDescription(cells.shape[0], cells.shape[1], **(facts | more))


GREY = RNG.integers(0, 4096, (19, 23)).astype(np.uint16)
COLOUR = RNG.integers(0, 256, (19, 23, 3)).astype(np.uint8)


@pytest.fixture
def only_imagecodecs(monkeypatch):
    """What a default install has: none of pydicom's own plug-ins helps."""

    monkeypatch.setattr(codecs, "_decoders", {})
    monkeypatch.setattr(codecs, "_OTHERS", ())


@pytest.mark.parametrize("uid", [JPEG_2000, *HTJ2K])
@pytest.mark.parametrize("cells", [GREY, COLOUR], ids=["grey", "colour"])
def test_jpeg_2000_and_its_high_throughput_kind(uid, cells, only_imagecodecs):
    encode = imagecodecs.jpeg2k_encode if uid == JPEG_2000 else imagecodecs.htj2k_encode
    options = {"level": 0, "codecformat": "j2k"} if uid == JPEG_2000 else {}
    stream = bytes(encode(cells, **options))
    got, _ = decode(stream, described(cells, uid), [])
    np.testing.assert_array_equal(got, cells)


@pytest.mark.parametrize("uid", [LOSSLESS, LOSSLESS_SV1])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_lossless_jpeg_of_every_depth(uid, bits, only_imagecodecs):
    cells = RNG.integers(0, 1 << bits, (19, 23)).astype(np.uint8 if bits == 8 else np.uint16)
    stream = imagecodecs.jpeg8_encode(cells, lossless=True, bitspersample=bits)
    got, _ = decode(stream, described(cells, uid), [])
    np.testing.assert_array_equal(got, cells)


def test_lossless_jpeg_of_signed_values(only_imagecodecs):
    cells = RNG.integers(-2048, 2048, (19, 23)).astype(np.int16)
    stream = imagecodecs.jpeg8_encode(
        cells.view(np.uint16) & 0xFFF, lossless=True, bitspersample=12
    )
    value = bytes(stream)
    got, _ = decode(
        value, described(cells, LOSSLESS_SV1, bits_stored=12, pixel_representation=1), []
    )
    assert ((got.astype(np.int32) << 20) >> 20).tolist() == cells.tolist()


def test_lossless_colour_is_left_in_its_space(only_imagecodecs):
    stream = imagecodecs.jpeg8_encode(COLOUR, lossless=True, colorspace="RGB", outcolorspace="RGB")
    got, photometric = decode(stream, described(COLOUR, LOSSLESS_SV1), [])
    np.testing.assert_array_equal(got, COLOUR)
    assert photometric == "RGB"


def test_jpeg_ls(only_imagecodecs):
    for cells in (GREY, COLOUR):
        got, _ = decode(imagecodecs.jpegls_encode(cells), described(cells, JPEG_LS), [])
        np.testing.assert_array_equal(got, cells)


def test_baseline_colour_comes_as_rgb(only_imagecodecs):
    ramp = np.stack(np.meshgrid(np.arange(0, 128, 2), np.arange(0, 128, 2)), -1)
    smooth = np.concatenate([ramp, ramp[..., :1] // 2], -1).astype(np.uint8)
    stream = imagecodecs.jpeg8_encode(smooth, level=100)
    got, photometric = decode(stream, described(smooth, BASELINE, photometric="YBR_FULL_422"), [])
    assert photometric == "RGB"
    assert np.abs(got.astype(int) - smooth).max() <= 6


@pytest.mark.parametrize(("name", "worst"), [("MR4", 40), ("NM1", 36)])
def test_twelve_bit_jpeg_whose_scan_header_is_wrong(reference_data, name, worst, tmp_path):
    # JPLY: the scan says that it ends with coefficient 0; DCMTK reads it, and so do we.
    path = reference_data / "compressed" / "wg04" / "JPLY" / f"{name}_JPLY"
    dataset = pydicom.dcmread(path)
    got = read_frame(path, PixelDescription.from_dataset(dataset))
    original = pydicom.dcmread(
        reference_data / "compressed" / "wg04" / "REF" / f"{name}_UNC"
    ).pixel_array
    lossy = np.abs(got.astype(int) - original.astype(int))
    assert lossy.max() == worst  # what DCMTK 3.6.7's decoding differs by from the original
    if shutil.which("dcmdjpeg"):
        decoded = tmp_path / "decoded.dcm"
        subprocess.run(["dcmdjpeg", path, decoded], check=True)
        expected = pydicom.dcmread(decoded).pixel_array
        np.testing.assert_array_equal(got, expected)


def compressed_files(root):
    return sorted(
        path for path in (root / "compressed" / "wg04").glob("*/*") if path.parent.name != "REF"
    )


def test_wg04_against_its_originals(reference_data, only_imagecodecs):
    answers = json.loads((reference_data / "compressed" / "expected_vs_REF.json").read_text())
    seen = 0
    for path in compressed_files(reference_data):
        subject, kind = path.name.split("_")
        answer = answers[subject][kind]
        if kind == "JPLY":
            continue
        got = read_frame(path, PixelDescription.from_dataset(pydicom.dcmread(path)))
        original = reference_data / "compressed" / "wg04" / "REF" / f"{subject}_UNC"
        expected = pydicom.dcmread(original).pixel_array
        worst = int(np.abs(got.astype(int) - expected.astype(int)).max())
        allowed = 0 if answer == "identical to REF" else int(answer.rpartition(" ")[2])
        assert worst == allowed, path.name
        seen += 1
    assert seen == 24


@pytest.mark.parametrize(
    "name",
    [
        "693_J2KI.dcm",
        "GDCMJ2K_TextGBR.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "JPEG2000.dcm",
        "JPEGLSNearLossless_08.dcm",
        "JPEGLSNearLossless_16.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "SC_rgb_gdcm_KY.dcm",
        "SC_rgb_jls_lossy_line.dcm",
        "SC_rgb_jls_lossy_sample.dcm",
        "SC_rgb_rle.dcm",
        "SC_rgb_rle_16bit_2frame.dcm",
        "SC_rgb_rle_32bit.dcm",
        "rtdose_rle.dcm",
    ],
)
def test_shipped_files_agree_with_other_plugins(name, only_imagecodecs):
    """Where pydicom has a plug-in of its own installed, frame 0 is the same."""
    dataset = pydicom.dcmread(SHIPPED / name)
    other = pydicom.pixels.decoders.base._PIXEL_DATA_DECODERS[dataset.file_meta.TransferSyntaxUID][
        0
    ]
    if not other.is_available:
        pytest.skip("pydicom has no plug-in for this transfer syntax here")
    try:
        expected, _ = other.as_array(dataset, index=0)
    except RuntimeError as error:
        pytest.skip(f"no plug-in of pydicom that is installed here decodes it: {error}")
    got = read_frame(SHIPPED / name, PixelDescription.from_dataset(dataset))
    np.testing.assert_array_equal(got, expected)


def test_markers_of_jpeg_streams():
    colour = parse_jpeg(imagecodecs.jpeg8_encode(COLOUR))
    assert colour is not None
    assert (colour.rows, colour.columns, colour.precision) == (19, 23, 8)
    assert colour.component_ids == (1, 2, 3)
    assert colour.jfif
    lossless = parse_jpeg(imagecodecs.jpeg8_encode(GREY, lossless=True, bitspersample=12))
    assert lossless is not None
    assert (lossless.process, lossless.precision) == (0xC3, 12)
    ls = parse_jpeg(imagecodecs.jpegls_encode(GREY))
    assert ls is not None
    assert (ls.process, ls.rows) == (0xF7, 19)


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"abc",
        b"\xff\xd8",
        b"\xff\xd8\xff\xc0\x00\x05ab",
        b"\xff\xd8ab\xff\xc0",
        b"\xff\xd8\xff\xd9\x00\x02",
    ],
)
def test_markers_of_junk(junk):
    assert parse_jpeg(junk) is None


def test_markers_that_fill_and_stand_alone_are_passed_over():
    stream = imagecodecs.jpeg8_encode(COLOUR)
    padded = stream[:2] + b"\xff\xff\xff\x01" + stream[2:]
    assert parse_jpeg(padded) == parse_jpeg(stream)


@pytest.mark.parametrize(
    ("ids", "subsampled", "jfif", "adobe", "declared", "truth"),
    [
        ((1, 2, 3), False, True, None, "RGB", "YBR_FULL"),
        ((1, 2, 3), False, False, 1, "RGB", "YBR_FULL"),
        ((1, 2, 3), True, False, None, "RGB", "YBR_FULL"),
        ((1, 2, 3), False, False, None, "RGB", "RGB"),
        ((1, 2, 3), False, False, 0, "YBR_FULL_422", "RGB"),
        ((82, 71, 66), False, False, None, "YBR_FULL", "RGB"),
        ((1, 2, 3), True, True, None, "YBR_FULL_422", "YBR_FULL_422"),
        ((1,), False, True, None, "MONOCHROME2", "MONOCHROME2"),
    ],
)
def test_the_stream_is_believed_before_the_label(ids, subsampled, jfif, adobe, declared, truth):
    stream = JpegStream(0xC0, 8, 4, 4, ids, subsampled, jfif, adobe)
    assert jpeg_photometric(stream, declared) == truth


def test_a_wrong_label_is_reported_once():
    stream = imagecodecs.jpeg8_encode(COLOUR, level=95)
    problems = []
    right, _ = decode(stream, described(COLOUR, BASELINE, photometric="YBR_FULL_422"), [])
    for _ in range(3):
        wrong, photometric = decode(stream, described(COLOUR, BASELINE), problems)
    assert photometric == "RGB"
    np.testing.assert_array_equal(wrong, right)
    assert [code for code, _ in problems] == ["wrong-photometric"]


@pytest.mark.parametrize("uid", [BASELINE, EXTENDED, LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K[0], RLE])
def test_junk_is_one_clear_error(uid, capfd):
    with pytest.raises(PixelError, match="cannot be decoded") as caught:
        decode(b"\xff\xd8junk that is no image", described(GREY, uid), [])
    assert "imagecodecs" in str(caught.value)
    capfd.readouterr()  # libraries complain on their own


def test_size_that_contradicts_the_header_is_an_error():
    stream = imagecodecs.jpegls_encode(GREY)
    description = replace(described(GREY, JPEG_LS), rows=20)
    with pytest.raises(PixelError, match=r"\(19, 23\).*\(20, 23\)"):
        decode(stream, description, [])


def test_video_and_private_syntaxes_are_named():
    with pytest.raises(MissingDecoderError, match=MPEG4):
        decode(b"", described(GREY, MPEG4), [])
    with pytest.raises(MissingDecoderError, match=r"1\.2\.3\.4"):
        decode(b"", described(GREY, "1.2.3.4"), [])


def test_missing_plugin_is_named(monkeypatch, only_imagecodecs):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "imagecodecs":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDecoderError, match="pip install imagecodecs"):
        decode(b"", described(GREY, JPEG_LS), [])


def test_pydicoms_own_decoders_stay_as_they_were():
    decode(imagecodecs.jpegls_encode(GREY), described(GREY, JPEG_LS), [])
    theirs = pydicom_decoders.get_decoder(pydicom.uid.UID(JPEG_LS))
    assert "imagecodecs" not in theirs.available_plugins


def test_frames_in_reference_cine(reference_data):
    path = reference_data / "cine" / "XA-96f-jpeg-baseline.dcm"
    dataset = pydicom.dcmread(path)
    stream = get_frame(dataset.PixelData, 95, number_of_frames=96)
    description = PixelDescription.from_dataset(dataset)
    expected = imagecodecs.jpeg8_decode(stream)
    np.testing.assert_array_equal(read_frame(path, description, 95), expected)


@pytest.mark.parametrize("way", ["rle", "deflate"])
@pytest.mark.parametrize("bits", [1, 8])
def test_frames_of_packed_bits_and_deflated_ones(way, bits):
    rows, columns = 5, 7
    pixels = (np.arange(35).reshape(rows, columns) % 3 == 0).astype(np.uint8)
    octets = np.packbits(pixels, bitorder="little").tobytes() if bits == 1 else pixels.tobytes()
    if way == "deflate":
        packer = zlib.compressobj(wbits=-15)
        stream, uid = packer.compress(octets) + packer.flush(), "1.2.840.10008.1.2.8.1"
    else:
        runs = bytes([len(octets) - 1]) + octets  # one literal run, PS3.5 Annex G.3
        stream, uid = struct.pack("<16I", 1, 64, *[0] * 14) + runs, "1.2.840.10008.1.2.5"
    description = PixelDescription(
        rows=rows, columns=columns, samples=1, bits_allocated=bits, bits_stored=bits,
        high_bit=bits - 1, pixel_representation=0, photometric="MONOCHROME2",
        transfer_syntax_uid=uid, frame_count=1,
    )  # fmt: skip
    cells, photometric = decode(stream, description, [])
    assert np.array_equal(cells, pixels)
    assert photometric == "MONOCHROME2"
    if way == "deflate":
        with pytest.raises(PixelError):
            decode(stream[:3], description, [])
        with pytest.raises(PixelError):
            decode(b"\xff" * 9, description, [])
    assert is_available(uid)


@pytest.mark.parametrize("bits", [2, 4, 12, 24])
def test_run_lengths_of_cells_that_are_no_bytes_are_refused(bits):
    description = replace(described(GREY, RLE), bits_allocated=bits, bits_stored=bits)
    with pytest.raises(PixelError, match=f"no cells of {bits} bits") as refused:
        decode(struct.pack("<16I", 1, 64, *[0] * 14) + b"\x00\x01", description, [])
    assert refused.value.reason == "bits-allocated"
