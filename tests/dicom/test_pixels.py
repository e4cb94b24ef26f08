"""Reading of frames: reference answers, every layout of bits, truncated files, threads."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    SecondaryCaptureImageStorage,
)

from napari_dicomdb.dicom import pixels
from napari_dicomdb.dicom.pixels import PixelDescription, read_frame, read_frames
from napari_dicomdb.errors import MissingDecoderError, PixelError

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
RNG = np.random.default_rng(4)


def quiet_read(path):
    """What pydicom says of the test's own reading is not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, force=True)


def read_all(path, **options):
    dataset = quiet_read(path)
    return read_frames(path, PixelDescription.from_dataset(dataset), **options)


def expected_sets(root, *names):
    for name in names:
        for file, answer in json.loads((root / name / "expected_pixels.json").read_text()).items():
            yield root / name / file, answer


@pytest.mark.parametrize("name", ["compressed", "rgb_sc", "cine", "bad", "wsi"])
def test_reference_pixels(reference_data, name):
    """Hashes where lossless, statistics where lossy, of all that pydicom 3.0.2 reads."""
    seen = 0
    for path, answer in expected_sets(reference_data, name):
        expected = answer.get("pydicom")
        if expected is None:
            continue
        found = []
        for rgb in (True, False):  # answers are of indices for palettes, of colours else
            got = read_all(path, rgb=rgb)
            got = got[0] if got.shape[0] == 1 else got
            if "sha256_i4_C" in expected:
                digest = hashlib.sha256(got.astype("<i4").tobytes()).hexdigest()
                agrees = digest == expected["sha256_i4_C"]
            else:
                agrees = got.mean() == pytest.approx(expected["mean"], abs=1e-3)
            found.append(list(got.shape) == expected["shape"] and agrees)
        assert any(found), path
        seen += 1
    assert seen >= {"compressed": 29, "rgb_sc": 27, "cine": 4, "bad": 6, "wsi": 12}[name]


@pytest.mark.parametrize(
    ("name", "twin", "tolerance"),
    [
        ("SC_rgb_dcmtk_+eb+cr", "SC_rgb_dcmtk_ebcr_dcmd", 0),
        ("SC_rgb_dcmtk_+eb+cy+n1", "SC_rgb_dcmtk_ebcyn1_dcmd", 1),
        ("SC_rgb_dcmtk_+eb+cy+np", "SC_rgb_dcmtk_ebcynp_dcmd", 1),
        ("SC_rgb_dcmtk_+eb+cy+s2", "SC_rgb_dcmtk_ebcys2_dcmd", 1),
        ("SC_rgb_gdcm_KY", "SC_rgb_gdcm2k_uncompressed", 0),
        ("SC_rgb_jpeg", "SC_rgb_jpeg_dcmd", 0),
        ("SC_rgb_rle", "SC_rgb", 0),
        ("SC_rgb_rle_16bit", "SC_rgb_16bit", 0),
        ("SC_rgb_rle_2frame", "SC_rgb_2frame", 0),
        ("SC_rgb_small_odd_big_endian", "SC_rgb_small_odd", 0),
        ("color-pl", "color-px", 0),
    ],
)
def test_twins_of_other_decoders(reference_data, name, twin, tolerance):
    ours = read_all(reference_data / "rgb_sc" / f"{name}.dcm").astype(int)
    theirs = read_all(reference_data / "rgb_sc" / f"{twin}.dcm").astype(int)
    assert np.abs(ours - theirs).max() <= tolerance


def test_broken_files_are_one_clear_error_or_load_with_a_remark(reference_data):
    for path, answer in expected_sets(reference_data, "bad"):
        if "decode_error" not in answer:
            continue
        problems = []
        try:
            got = read_all(path, problems=problems)
        except PixelError as error:
            assert str(error)
        else:
            assert path.name in ("MR_truncated.dcm", "badVR.dcm")
            assert got.size
    problems = []
    cut = read_all(reference_data / "bad" / "MR_truncated.dcm", problems=problems)[0]
    whole = read_all(reference_data / "bad" / "MR_small.dcm")[0]
    assert (cut.ravel()[:4065] == whole.ravel()[:4065]).all()
    assert (cut.ravel()[4065:] == 0).all()
    assert problems[0][0] == "truncated-pixels"
    assert "8130 of 8192" in problems[0][1]


def test_palettes_of_reference_files_agree_with_pydicom(reference_data):
    for path in (
        reference_data / "rgb_sc" / "OT-PAL-8-face.dcm",
        reference_data / "cine" / "US-PAL-8-10x-echo.dcm",
    ):
        dataset = quiet_read(path)
        stored = read_all(path, rgb=False)
        expected = apply_color_lut(stored, dataset)
        if expected.dtype == np.uint16:
            expected = (expected >> 8).astype(np.uint8)
        got = read_all(path)
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "ExplVR_BigEnd.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "MR_small_implicit.dcm",
        "MR_small_padded.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "examples_rgb_color.dcm",
        "image_dfl.dcm",
        "liver_1frame.dcm",
        "liver_expb_1frame.dcm",
        "rtdose.dcm",
        "rtdose_expb.dcm",
        "examples_overlay.dcm",
    ],
)
def test_shipped_native_files_agree_with_pydicom(name):
    dataset = pydicom.dcmread(SHIPPED / name)
    if "PixelData" not in dataset:
        pytest.skip("no pixels in this version of the file")
    got = read_all(SHIPPED / name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of excess padding
        expected = pydicom.pixels.pixel_array(dataset)
    expected = expected.reshape(got.shape)
    assert np.abs(got.astype(np.int64) - expected.astype(np.int64)).max() <= (
        1 if "YBR" in dataset.PhotometricInterpretation else 0
    )


def write(path, uid, value, *, keyword="PixelData", vr="OW", **attributes):
    """A minimal image file with these pixel bytes."""
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = "1.2.3"
    facts = {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
    }
    for name, attribute in (facts | attributes).items():
        setattr(dataset, name, attribute)
    setattr(dataset, keyword, value)
    dataset[keyword].VR = vr
    dataset[keyword].is_undefined_length = uid.is_encapsulated
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    Path(path).write_bytes(buffer.getvalue())
    return PixelDescription.from_dataset(pydicom.dcmread(path))


NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]


@pytest.mark.parametrize("uid", [*NATIVE, ExplicitVRBigEndian])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8"])
def test_every_type_in_every_native_syntax(tmp_path, uid, kind):
    bits = 8 * np.dtype(kind).itemsize
    limits = np.iinfo(kind)
    stored = RNG.integers(limits.min, limits.max, (3, 5, 4), kind, endpoint=True)
    order = ">" if uid == ExplicitVRBigEndian else "<"
    vr = "OB" if bits == 8 and uid != ImplicitVRLittleEndian else "OW"
    path = tmp_path / "f.dcm"
    description = write(
        path,
        uid,
        stored.astype(np.dtype(kind).newbyteorder(order)).tobytes(),
        vr=vr,
        Rows=5,
        Columns=4,
        NumberOfFrames=3,
        BitsAllocated=bits,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=int(kind[0] == "i"),
    )
    assert description.native == (uid in NATIVE[:2])
    assert description.dtype == kind
    np.testing.assert_array_equal(read_frames(path, description), stored)
    out = np.zeros((5, 4), kind)
    assert read_frame(path, description, 2, out) is out
    np.testing.assert_array_equal(out, stored[2])


@pytest.mark.parametrize("uid", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize(
    ("keyword", "vr", "kind"),
    [("FloatPixelData", "OF", "f4"), ("DoubleFloatPixelData", "OD", "f8")],
)
def test_floating_pixels(tmp_path, uid, keyword, vr, kind):
    stored = RNG.normal(size=(6, 7)).astype(kind)
    order = ">" if uid == ExplicitVRBigEndian else "<"
    value = stored.astype(np.dtype(kind).newbyteorder(order)).tobytes()
    path = tmp_path / "f.dcm"
    bits = 8 * np.dtype(kind).itemsize
    description = write(
        path, uid, value, keyword=keyword, vr=vr, Rows=6, Columns=7, BitsAllocated=bits
    )
    np.testing.assert_array_equal(read_frame(path, description), stored)


def pack(cells, bits):
    number = sum(int(cell) << (bits * place) for place, cell in enumerate(cells.ravel()))
    octets = number.to_bytes((bits * cells.size + 7) // 8, "little")
    return octets + b"\0" * (len(octets) % 2)


@pytest.mark.parametrize("uid", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize(("bits", "vr"), [(1, "OB"), (1, "OW"), (12, "OW")])
def test_packed_frames_that_do_not_start_on_a_byte(tmp_path, uid, bits, vr):
    stored = RNG.integers(0, 1 << bits, (4, 3, 5)).astype(np.uint16)
    value = pack(stored, bits)
    if uid == ExplicitVRBigEndian and vr == "OW":
        value = np.frombuffer(value, "<u2").byteswap().tobytes()
    path = tmp_path / "f.dcm"
    description = write(
        path,
        uid,
        value,
        vr=vr,
        Rows=3,
        Columns=5,
        NumberOfFrames=4,
        BitsAllocated=bits,
        BitsStored=bits,
        HighBit=bits - 1,
    )
    got = read_frames(path, description)
    np.testing.assert_array_equal(got, stored)
    np.testing.assert_array_equal(read_frame(path, description, 3), stored[3])
    assert got.dtype == (np.uint8 if bits == 1 else np.uint16)


def test_octets_in_big_endian_words(tmp_path):
    stored = RNG.integers(0, 256, (3, 3, 3)).astype(np.uint8)  # frames of 9 bytes: odd starts
    value = np.frombuffer(stored.tobytes() + b"\0", "<u2").byteswap().tobytes()
    path = tmp_path / "f.dcm"
    more = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    description = write(
        path, ExplicitVRBigEndian, value, Rows=3, Columns=3, NumberOfFrames=3, **more
    )
    np.testing.assert_array_equal(read_frames(path, description), stored)
    elsewhere = replace(description, offset=None, length=None)
    np.testing.assert_array_equal(read_frames(path, elsewhere), stored)


@settings(max_examples=40)
@given(data=st.data())
def test_stored_bits_of_a_file_follow_the_definition(tmp_path_factory, data):
    bits_stored = data.draw(st.integers(1, 16))
    high_bit = data.draw(st.integers(bits_stored - 1, 15))
    signed = data.draw(st.booleans())
    cells = data.draw(st.lists(st.integers(0, 65535), min_size=6, max_size=6))
    path = tmp_path_factory.mktemp("bits") / "f.dcm"
    offset = 300
    path.write_bytes(b"x" * offset + np.array(cells, "<u2").tobytes())
    description = PixelDescription(
        2,
        3,
        bits_stored=bits_stored,
        high_bit=high_bit,
        pixel_representation=int(signed),
        offset=offset,
        length=12,
    )
    expected = []
    for cell in cells:
        value = (cell >> (high_bit + 1 - bits_stored)) % (1 << bits_stored)
        if signed and value >> (bits_stored - 1):
            value -= 1 << bits_stored
        expected.append(value)
    assert read_frame(path, description).ravel().tolist() == expected


def test_embedded_overlay_bits_do_not_reach_the_image(tmp_path):
    stored = RNG.integers(0, 4096, (4, 4)).astype(np.uint16)
    path = tmp_path / "f.dcm"
    description = write(
        path,
        ExplicitVRLittleEndian,
        (stored | 0x8000).astype("<u2").tobytes(),
        Rows=4,
        Columns=4,
        BitsStored=12,
        HighBit=11,
    )
    np.testing.assert_array_equal(read_frame(path, description), stored)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_planes_of_colour(tmp_path, planar, photometric):
    stored = RNG.integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)
    value = (np.moveaxis(stored, -1, 1) if planar else stored).tobytes()
    path = tmp_path / "f.dcm"
    description = write(
        path,
        ExplicitVRLittleEndian,
        value,
        Rows=4,
        Columns=6,
        NumberOfFrames=2,
        SamplesPerPixel=3,
        PlanarConfiguration=planar,
        PhotometricInterpretation=photometric,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    )
    assert description.frame_shape == (4, 6, 3)
    np.testing.assert_array_equal(read_frames(path, description, rgb=False), stored)
    if photometric == "RGB":
        np.testing.assert_array_equal(read_frames(path, description), stored)


def test_ybr_422_that_stores_all_chroma(tmp_path):
    stored = RNG.integers(0, 256, (4, 6, 3)).astype(np.uint8)
    path = tmp_path / "f.dcm"
    more = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8}
    description = write(
        path,
        ExplicitVRLittleEndian,
        stored.tobytes(),
        Rows=4,
        Columns=6,
        PhotometricInterpretation="YBR_FULL_422",
        HighBit=7,
        **more,
    )
    assert not description.subsampled
    np.testing.assert_array_equal(read_frame(path, description, rgb=False), stored)


def grey_file(path, shape=(8, 9), frames=1):
    stored = RNG.integers(-1000, 1000, (frames, *shape)).astype(np.int16)
    description = write(
        path,
        ExplicitVRLittleEndian,
        stored.astype("<i2").tobytes(),
        Rows=shape[0],
        Columns=shape[1],
        NumberOfFrames=frames,
        PixelRepresentation=1,
    )
    return description, stored


def test_into_arrays_of_other_types_and_layouts(tmp_path):
    path = tmp_path / "f.dcm"
    description, (stored,) = grey_file(path)
    out = np.zeros((9, 8), np.float32).T
    assert read_frame(path, description, out=out) is out
    np.testing.assert_array_equal(out, stored)
    stack = np.zeros((3, 8, 9), np.int16)
    read_frame(path, description, out=stack[1])
    np.testing.assert_array_equal(stack[1], stored)
    assert not stack[0].any()
    assert not stack[2].any()
    for wrong in (np.zeros((9, 8), np.int16), np.zeros((9, 8), np.float32)):
        with pytest.raises(PixelError, match="into array"):
            read_frame(path, description, out=wrong)


def test_a_file_truncated_anywhere_gives_what_exists(tmp_path):
    path = tmp_path / "f.dcm"
    description, stored = grey_file(path, frames=3)
    whole = path.read_bytes()
    start, frame_bytes = description.offset, 144
    for cut in (1, 3, 143, 144, 145, 300):
        path.write_bytes(whole[: start + cut])
        problems = []
        have = read_frames(path, description, problems=problems)
        assert have.ravel()[: cut // 2].tolist() == stored.ravel()[: cut // 2].tolist()
        assert not have.ravel()[(cut + 1) // 2 :].any()
        assert [code for code, _ in problems] == ["truncated-pixels"]
        if cut <= 2 * frame_bytes:
            with pytest.raises(PixelError, match="truncated"):
                read_frame(path, description, 2)
    path.write_bytes(whole[:start])
    with pytest.raises(PixelError, match=r"f\.dcm") as caught:
        read_frame(path, description)
    assert caught.value.reason == "truncated-pixels"


def test_values_after_the_element_are_not_pixels(tmp_path):
    path = tmp_path / "f.dcm"
    path.write_bytes(b"x" * 200 + b"\1\0" * 100)
    description = PixelDescription(10, 10, offset=200, length=20)
    problems = []
    got = read_frame(path, description, problems=problems)
    assert got.ravel().tolist() == [1] * 10 + [0] * 90
    assert problems


def test_absurd_sizes_are_refused(tmp_path):
    path = tmp_path / "f.dcm"
    path.write_bytes(b"x" * 300)
    native = PixelDescription(65535, 65535, bits_allocated=32, offset=200, length=100)
    with pytest.raises(PixelError):
        read_frame(path, native)
    with pytest.raises(PixelError):
        read_frame(path, replace(native, bits_allocated=12, bits_stored=12))


def test_frames_that_do_not_exist(tmp_path):
    path = tmp_path / "f.dcm"
    description, _ = grey_file(path)
    for frame in (-1, 1):
        with pytest.raises(PixelError, match=f"frame {frame}"):
            read_frame(path, description, frame)
    with pytest.raises(FileNotFoundError):
        read_frame(tmp_path / "absent.dcm", description)


def test_reading_without_preadv(tmp_path):
    path = tmp_path / "f.dcm"
    path.write_bytes(bytes(range(100)))
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(10)
        assert pixels.read_into_file(file, 50, memoryview(buffer)) == 10
        assert buffer == bytes(range(50, 60))
        assert pixels.read_into_file(file, 95, memoryview(buffer)) == 5


def compressed_file(path, frames, uid=JPEGLSLossless, **attributes):
    streams = [bytes(imagecodecs.jpegls_encode(frame)) for frame in frames]
    return write(
        path,
        uid,
        encapsulate(streams, has_bot=False),
        vr="OB",
        Rows=frames.shape[1],
        Columns=frames.shape[2],
        NumberOfFrames=len(frames),
        **attributes,
    )


def test_compressed_frames_in_any_order_from_many_threads(tmp_path):
    path = tmp_path / "f.dcm"
    frames = RNG.integers(0, 4096, (24, 32, 32)).astype(np.uint16)
    description = compressed_file(path, frames, BitsStored=12, HighBit=11)
    assert description.encapsulated
    assert description.length is None
    order = list(RNG.permutation(24)) * 4
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda k: read_frame(path, description, int(k)), order))
    for k, got in zip(order, results, strict=True):
        np.testing.assert_array_equal(got, frames[k])
    np.testing.assert_array_equal(read_frames(path, replace(description, offset=None)), frames)


def test_compressed_signed_values(tmp_path):
    path = tmp_path / "f.dcm"
    frames = RNG.integers(-2048, 2048, (2, 16, 16)).astype(np.int16)
    description = compressed_file(
        path,
        frames.view(np.uint16) & 0xFFF,
        BitsStored=12,
        HighBit=11,
        PixelRepresentation=1,
    )
    np.testing.assert_array_equal(read_frames(path, description), frames)


def test_octets_compressed_into_wider_cells(tmp_path):
    path = tmp_path / "f.dcm"
    stored = RNG.integers(0, 200, (16, 16)).astype(np.uint8)
    stream = bytes(imagecodecs.jpeg2k_encode(stored, level=0, codecformat="j2k"))
    description = write(
        path, JPEG2000Lossless, encapsulate([stream]), vr="OB", Rows=16, Columns=16, BitsStored=12
    )
    got = read_frame(path, description)
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, stored)


def test_a_damaged_frame_names_its_file_and_the_others_load(tmp_path):
    path = tmp_path / "f.dcm"
    frames = RNG.integers(0, 4096, (3, 8, 8)).astype(np.uint16)
    streams = [bytes(imagecodecs.jpegls_encode(frame)) for frame in frames]
    streams[1] = b"\xff\xd8" + b"junk" * 10
    description = write(
        path,
        JPEGLSLossless,
        encapsulate(streams),
        vr="OB",
        Rows=8,
        Columns=8,
        NumberOfFrames=3,
    )
    np.testing.assert_array_equal(read_frame(path, description, 2), frames[2])
    with pytest.raises(PixelError, match=r"f\.dcm.*JPEG-LS"):
        read_frame(path, description, 1)


def test_missing_decoders_name_the_file(tmp_path):
    path = tmp_path / "f.dcm"
    frames = np.zeros((1, 8, 8), np.uint16)
    description = compressed_file(path, frames)
    referenced = replace(description, transfer_syntax_uid="1.2.840.10008.1.2.4.94")
    with pytest.raises(MissingDecoderError, match=r"f\.dcm.*JPIP Referenced"):
        read_frame(path, referenced)


def test_a_file_that_changed_is_not_read_by_the_old_table(tmp_path):
    path = tmp_path / "f.dcm"
    for seed in range(3):
        frames = np.random.default_rng(seed).integers(0, 4096, (5, 8, 8 + seed)).astype(np.uint16)
        description = compressed_file(path, frames)
        os.utime(path, ns=(seed, seed))
        np.testing.assert_array_equal(read_frames(path, description), frames)


def test_slide_whose_label_is_wrong_reports_it(reference_data):
    path = reference_data / "wsi" / "cmu-1-small-region" / "level-3-frames-0-1.dcm"
    problems = []
    got = read_all(path, problems=problems)
    assert [code for code, _ in problems] == ["wrong-photometric"]
    # Tissue on white glass: wrong colour handling gives another mean (README of the set).
    assert np.ptp(got[0].reshape(-1, 3).mean(0)) > 5


def test_file_without_pixels_found_late(tmp_path):
    path = tmp_path / "f.dcm"
    grey_file(path)
    description = PixelDescription(8, 9, keyword="FloatPixelData", bits_allocated=32)
    with pytest.raises(PixelError, match="no FloatPixelData"):
        read_frame(path, description)


def test_baseline_colour_keeps_its_shape(tmp_path):
    path = tmp_path / "f.dcm"
    colours = np.full((2, 16, 16, 3), (200, 100, 50), np.uint8)
    streams = [bytes(imagecodecs.jpeg8_encode(frame, level=98)) for frame in colours]
    description = write(
        path,
        JPEGBaseline8Bit,
        encapsulate(streams),
        vr="OB",
        Rows=16,
        Columns=16,
        NumberOfFrames=2,
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="YBR_FULL_422",
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    )
    got = read_frames(path, description)
    assert got.shape == (2, 16, 16, 3)
    assert np.abs(got.astype(int) - colours).max() <= 2
