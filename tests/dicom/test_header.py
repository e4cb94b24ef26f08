"""The header walker against pydicom, on random, real, broken and hostile files."""

from __future__ import annotations

import io
import math
import os
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from napari_dicomdb.dicom.header import Header, scan_bytes, scan_file
from napari_dicomdb.dicom.keywords import (
    CSA_HEADER,
    KEPT_KEYWORDS,
    PRIVATE_ELEMENTS,
    TAG_OF,
    VR_OF,
)
from napari_dicomdb.errors import DicomDbError, HeaderError, NotDicomError

SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def ct_dataset() -> Dataset:
    """Return a small CT image with all that an identity and a pixel description need."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.5"
    dataset.PatientName = "Doe^Jane"
    dataset.PatientID = "P1"
    dataset.Modality = "CT"
    dataset.Rows, dataset.Columns = 4, 6
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelSpacing = [0.5, 0.25]
    dataset.ImagePositionPatient = [-1.5, 2, 3]
    dataset.add_new(0x7FE00010, "OW", bytes(range(48)))
    return dataset


def encode(
    dataset: Dataset, syntax: str = ExplicitVRLittleEndian, *, preamble: bool = True
) -> bytes:
    """Return the bytes of a file with `dataset`."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.4")
    meta.TransferSyntaxUID = syntax
    dataset.file_meta = meta
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    data = buffer.getvalue()
    return data if preamble else data[132:]


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """Encode one element in explicit little endian; `length` may lie."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    size = len(value) if length is None else length
    if vr in {b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC"}:
        return head + b"\0\0" + struct.pack("<L", size) + value
    return head + struct.pack("<H", size) + value


def insert(data: bytes, extra: bytes, before: bytes = b"\x28\x00\x02\x00US") -> bytes:
    """Put raw elements in front of an element of an explicit little endian file."""
    at = data.index(before)
    return data[:at] + extra + data[at:]


def by_pydicom(dataset: Dataset, keyword: str) -> Any:
    """Say in the terms of `Header.values` what pydicom itself reads."""
    value = dataset[TAG_OF[keyword]].value
    if value is None or (isinstance(value, MultiValue | list) and len(value) == 0):
        return ""
    text = VR_OF[keyword] not in {"US", "SS", "UL", "SL", "FL", "FD", "AT", "US or SS"}
    if isinstance(value, MultiValue | list):
        if text:
            return "\\".join(map(_text_of, value)).strip(" \0")
        return [v if isinstance(v, float) else int(v) for v in value]
    if text:
        return _text_of(value).strip(" \0")
    return value if isinstance(value, float) else int(value)


def _text_of(value: Any) -> str:
    # DS and IS keep how they were written; PersonName keeps bytes under that name.
    original = getattr(value, "original_string", None)
    return original if isinstance(original, str) else str(value)


def assert_same(one: Header, other: Header) -> None:
    assert one.values == other.values
    assert one.transfer_syntax_uid == other.transfer_syntax_uid
    assert one.pixel_keyword == other.pixel_keyword
    assert one.pixel_offset == other.pixel_offset
    assert one.pixel_length == other.pixel_length
    assert one.encapsulated == other.encapsulated
    assert one.media == other.media
    assert one.frames == other.frames


# --- random data sets ---------------------------------------------------------------

_CODES = st.text("ABCXYZ 0123456789_", max_size=16)
_TEXTS = st.text("abc XYZ^=äöüéß.,", max_size=40)
_NUMBERS = {
    "US": st.integers(0, 65535),
    "SS": st.integers(-32768, 32767),
    "UL": st.integers(0, 2**32 - 1),
    "SL": st.integers(-(2**31), 2**31 - 1),
    "FL": st.floats(-1e9, 1e9, width=32),
    "FD": st.floats(allow_nan=False, allow_infinity=False),
    "AT": st.integers(0, 2**32 - 1),
    "US or SS": st.integers(0, 65535),
}
_STRINGS = {
    "DA": st.dates().map(lambda d: f"{d:%Y%m%d}".zfill(8)),
    "TM": st.times().map(lambda t: f"{t:%H%M%S.%f}"),
    "DT": st.datetimes().map(lambda t: f"{t:%Y%m%d%H%M%S.%f}".zfill(21)),
    "DS": st.integers(-(10**6), 10**6).map(lambda n: str(n / 1000)),
    "IS": st.integers(-(2**31), 2**31 - 1).map(str),
    "UI": st.from_regex(r"1(\.[1-9][0-9]{0,5}){1,6}", fullmatch=True),
    "AS": st.just("042Y"),
    "PN": _TEXTS.map(lambda text: text.replace("=", "-")),
    "LO": _TEXTS,
    "SH": st.text("abcÄ 12", max_size=16),
    "LT": _TEXTS,
    "ST": _TEXTS,
    "UT": _TEXTS,
}
_SINGLE = {"LT", "ST", "UT", "PN", "AS", "US or SS"}
_FIXED = {"SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SpecificCharacterSet"}
_FIXED |= {"SOPClassUID"}  # an empty one is completed from the meta information
_FREE = [k for k in KEPT_KEYWORDS if VR_OF[k] not in {"SQ", "OB"} and k not in _FIXED]


@st.composite
def _values(draw: st.DrawFn, vr: str) -> Any:
    one: Any = _NUMBERS[vr] if vr in _NUMBERS else _STRINGS.get(vr, _CODES)
    if vr in _SINGLE or draw(st.booleans()):
        return draw(one)
    return draw(st.lists(one, min_size=0, max_size=4))


@st.composite
def _sequences(draw: st.DrawFn, depth: int = 0) -> list[Dataset]:
    items = []
    for _ in range(draw(st.integers(0, 3))):
        item = Dataset()
        item.ReferencedSOPInstanceUID = draw(_STRINGS["UI"])
        item.CodeMeaning = draw(st.text("abc ", max_size=8))
        # Names of kept values inside a sequence must not be taken for the top level's.
        item.PatientID = "NESTED"
        item.Rows = 9999
        if depth < 3 and draw(st.booleans()):
            inner = draw(_sequences(depth + 1))
            item.PurposeOfReferenceCodeSequence = inner
            item["PurposeOfReferenceCodeSequence"].is_undefined_length = draw(st.booleans())
        item.is_undefined_length_sequence_item = draw(st.booleans())
        items.append(item)
    return items


@st.composite
def _datasets(draw: st.DrawFn) -> Dataset:
    dataset = ct_dataset()
    dataset.SpecificCharacterSet = draw(st.sampled_from(["ISO_IR 100", "ISO_IR 192", "GB18030"]))
    for keyword in draw(st.lists(st.sampled_from(_FREE), unique=True, max_size=25)):
        vr = VR_OF[keyword]
        value = draw(_values(vr))
        if vr == "US or SS":
            vr = "US"
        dataset.add_new(TAG_OF[keyword], vr, value)
    for keyword in draw(
        st.lists(
            st.sampled_from(["ReferencedImageSequence", "SourceImageSequence", "VOILUTSequence"]),
            unique=True,
        )
    ):
        setattr(dataset, keyword, draw(_sequences()))
        dataset[keyword].is_undefined_length = draw(st.booleans())
    if draw(st.booleans()):
        nuclide, dose = Dataset(), Dataset()
        nuclide.CodeMeaning = "^18^Fluorine"
        dose.RadionuclideTotalDose = draw(_STRINGS["DS"])
        dose.RadionuclideCodeSequence = [nuclide]
        dataset.RadiopharmaceuticalInformationSequence = [dose]
        dataset["RadiopharmaceuticalInformationSequence"].is_undefined_length = draw(st.booleans())
    for group, creator in draw(st.lists(st.sampled_from(list(PRIVATE_ELEMENTS)), unique=True)):
        if draw(st.booleans()):  # push the block away from 10
            dataset.private_block(group, "ANOTHER CREATOR", create=True).add_new(0x39, "LO", "no")
        block = dataset.private_block(group, creator, create=True)
        for low, (_, vr) in PRIVATE_ELEMENTS[group, creator].items():
            if vr == "OB":
                block.add_new(low, vr, b"no CSA header")
            else:
                block.add_new(low, vr, draw(_sequences() if vr == "SQ" else _values(vr)))
        block.add_new(
            0xF0, "OB", draw(st.binary(max_size=40).map(lambda b: b + b"\0" * (len(b) % 2)))
        )
        block.add_new(0xF1, "SQ", draw(_sequences()))
    if draw(st.booleans()):
        dataset.add_new(0x00080000, "UL", 17)  # group lengths, wrong ones
        dataset.add_new(0x00280000, "UL", 99)
    return dataset


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(_datasets(), st.sampled_from(SYNTAXES), st.booleans(), st.booleans())
@example(ct_dataset(), ExplicitVRBigEndian, True, False)
def test_walker_and_pydicom_agree(
    dataset: Dataset, syntax: str, preamble: bool, missing_meta: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # random text is not valid for every VR
        data = encode(dataset, syntax, preamble=preamble)
        if missing_meta and syntax != DeflatedExplicitVRLittleEndian:
            meta_length = struct.unpack_from("<L", data, 140 if preamble else 8)[0]
            data = data[(132 if preamble else 0) + 12 + meta_length :]
        header = scan_bytes(data)
        forced = scan_bytes(data, by="pydicom")
        independent = dcmread(io.BytesIO(data), force=True)
        assert header.scanned_by == "walker"
        assert forced.scanned_by == "pydicom"
        assert_same(header, forced)
        assert header.transfer_syntax_uid == syntax
        for keyword in _FREE:
            if TAG_OF[keyword] not in independent:
                assert keyword not in header.values
            elif VR_OF[keyword] != "US or SS" or syntax != ImplicitVRLittleEndian:
                expected = by_pydicom(independent, keyword)
                got = header.values[keyword]
                assert got == expected or _same_text(got, expected), keyword
        for (group, creator), elements in PRIVATE_ELEMENTS.items():
            try:
                block = independent.private_block(group, creator)
            except KeyError:
                assert not {name for name, _ in elements.values()} & header.values.keys()
                continue
            kept = {name for low, (name, _) in elements.items() if low in block}
            assert kept - {CSA_HEADER} <= header.values.keys()  # see tests of dicom.csa
    if syntax == DeflatedExplicitVRLittleEndian:
        assert header.pixel_offset is None
    else:
        assert header.pixel_offset is not None
        assert data[header.pixel_offset :][: header.pixel_length] == bytes(range(48))
    assert header.pixel_keyword == "PixelData"


def _same_text(got: Any, expected: Any) -> bool:
    """Whether texts differ only in what pydicom strips of each value of several."""
    if not isinstance(got, str) or not isinstance(expected, str):
        return False
    return [v.strip(" \0=") for v in got.split("\\")] == [
        v.strip(" \0=") for v in expected.split("\\")
    ]


@pytest.mark.parametrize("by", ["walker", "pydicom"])
def test_a_stated_vr_is_believed_in_private_elements(by: str) -> None:
    dataset = ct_dataset()
    block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    block.add_new(0xB2, "FL", [0.5, 0.25])
    values = scan_bytes(encode(dataset), by=by).values
    assert values["PHILIPS_2005_10B2"] == [0.5, 0.25]


def test_text_is_decoded_once() -> None:
    protocol = "Протокол"
    dataset = ct_dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    as_un = insert(
        encode(dataset),
        element(0x00181030, b"UN", protocol.encode()),
        before=b"\x20\x00\x0d\x00UI",
    )
    assert scan_bytes(as_un).values["ProtocolName"] == protocol
    # In implicit VR, across the end of the first read.
    dataset.ProtocolName = protocol
    for size in range(15_900, 16_100, 4):
        dataset.add_new(0x00111010, "OB", bytes(size))
        header = scan_bytes(encode(dataset, ImplicitVRLittleEndian))
        assert header.scanned_by == "walker"
        assert header.values["ProtocolName"] == protocol


# --- real files ---------------------------------------------------------------------


def _outcome(path: Path, by: str) -> Header | tuple[str, str]:
    try:
        return scan_file(path, by=by)
    except DicomDbError as error:
        assert str(path) in str(error)
        return type(error).__name__, error.reason


def _assert_all_agree(paths: list[Path]) -> int:
    read = 0
    for path in paths:
        one, other = _outcome(path, "walker"), _outcome(path, "pydicom")
        if isinstance(one, Header) and isinstance(other, Header):
            assert_same(one, other)
            read += not one.media
        else:
            assert one == other, path
    return read


SETS = [
    "4d_fmri", "bad", "bad_geometry", "charset", "cine", "compressed", "ctmrpet_rtstruct",
    "dicomdir", "dwi", "enhanced", "mosaic", "mr_vendors", "multiecho", "parametric_map",
    "pet_suv", "rgb_sc", "rt_dvh", "rt_dvh_slicerrt", "seg", "sr", "table_orient", "wsi",
]  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_reference_sets_scan_the_same_both_ways(reference_data: Path, name: str) -> None:
    paths = sorted(path for path in (reference_data / name).rglob("*") if path.is_file())
    # Of long series every seventh file will do.
    chosen = paths if len(paths) < 120 else paths[::7]
    assert _assert_all_agree(chosen) >= 1


def test_pydicoms_own_files_scan_the_same_both_ways() -> None:
    folder = Path(pydicom.__file__).parent / "data"
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and "TINY_ALPHA" not in p.parts]
    assert _assert_all_agree(paths) >= 80


def test_values_of_real_files_are_those_of_pydicom(reference_data: Path) -> None:
    count = 0
    for folder in ("mr_vendors", "ctmrpet_rtstruct", "pet_suv", "rt_dvh", "cine", "compressed"):
        for path in sorted((reference_data / folder).rglob("*.dcm"))[::9]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset = dcmread(path, stop_before_pixels=True)
                header = scan_file(path)
                for keyword in _FREE:
                    assert (keyword in header.values) == (TAG_OF[keyword] in dataset)
                    if keyword in header.values and VR_OF[keyword] != "US or SS":
                        expected = by_pydicom(dataset, keyword)
                        got = header.values[keyword]
                        assert got == expected or _same_text(got, expected), (path, keyword)
                        count += 1
    assert count > 1500


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("ExplVR_BigEndNoMeta.dcm", ExplicitVRBigEndian),
        ("ExplVR_LitEndNoMeta.dcm", ExplicitVRLittleEndian),
        ("J2K_pixelrep_mismatch.dcm", "1.2.840.10008.1.2.4.90"),
        ("JPEG2000-embedded-sequence-delimiter.dcm", "1.2.840.10008.1.2.4.91"),
        ("MR_small.dcm", ExplicitVRLittleEndian),
        ("MR_small_padded.dcm", ExplicitVRLittleEndian),
        ("MR_truncated.dcm", ExplicitVRLittleEndian),
        ("README", ("NotDicomError", "not-dicom")),
        ("UN_sequence.dcm", ("HeaderError", "missing-uid")),
        ("badVR.dcm", ExplicitVRLittleEndian),
        ("bad_sequence.dcm", "1.2.840.10008.1.2.4.70"),
        ("empty_charset_LEI.dcm", ("HeaderError", "missing-uid")),
        ("expected_pixels.json", ("NotDicomError", "not-dicom")),
        ("explicit_VR-UN.dcm", "1.2.840.10008.1.2.4.90"),
        ("image_dfl.dcm", DeflatedExplicitVRLittleEndian),
        ("meta_missing_tsyntax.dcm", ("HeaderError", "missing-uid")),
        ("nested_priv_SQ.dcm", ("HeaderError", "missing-uid")),
        ("no_meta.dcm", ("NotDicomError", "not-dicom")),  # one byte too many at its start
        ("no_meta_group_length.dcm", ("HeaderError", "missing-uid")),
        ("priv_SQ.dcm", ("HeaderError", "missing-uid")),
        ("rtplan_truncated.dcm", ("HeaderError", "truncated")),
        ("zipMR.gz", ("NotDicomError", "not-dicom")),
    ],
)
def test_bad_files(reference_data: Path, name: str, outcome: Any) -> None:
    got = _outcome(reference_data / "bad" / name, "walker")
    if isinstance(got, Header):
        assert got.transfer_syntax_uid == outcome
        codes = {code for code, _ in got.problems}
        assert ("truncated-pixels" in codes) == (name == "MR_truncated.dcm")
    else:
        assert got == outcome


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit"])
def test_dicomdir_is_media(reference_data: Path, name: str) -> None:
    header = scan_file(reference_data / "dicomdir" / name)
    assert header.media
    assert header.values == {"SOPClassUID": "1.2.840.10008.1.3.10"}


# --- broken files -------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [*SYNTAXES, JPEG2000Lossless])
def test_truncated_at_every_byte(syntax: str) -> None:
    dataset = ct_dataset()
    dataset.ReferencedImageSequence = [Dataset(), Dataset()]
    dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2"
    dataset["ReferencedImageSequence"].is_undefined_length = True
    encapsulated = syntax == JPEG2000Lossless
    if encapsulated:
        frame = struct.pack("<HHLHHL", 0xFFFE, 0xE000, 0, 0xFFFE, 0xE000, 6) + b"\xff\x4fabcd"
        dataset.PixelData = frame
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    data = encode(dataset, syntax)
    whole = scan_bytes(data)
    assert whole.problems == []
    assert whole.encapsulated == encapsulated
    start = whole.pixel_offset or len(data)
    outcomes = set()
    for size in range(len(data)):
        try:
            header = scan_bytes(data[:size])
        except (NotDicomError, HeaderError) as error:
            outcomes.add(error.reason)
            assert error.reason in {
                "not-dicom", "empty-file", "truncated", "missing-uid", "bad-header",
            }  # fmt: skip
            assert size < start
        else:
            # What is accepted says what a whole file says, and that something is missing.
            assert header.values.items() <= whole.values.items()
            codes = {code for code, _ in header.problems}
            if size >= start:
                assert codes == {"truncated-pixels"}
            elif header.pixel_keyword == "":
                assert codes <= {"truncated-header"}
    assert {"empty-file", "truncated"} <= outcomes


def test_cut_in_the_pixel_element_is_accepted_with_a_problem() -> None:
    data = encode(ct_dataset())
    offset = scan_bytes(data).pixel_offset
    assert offset is not None
    header = scan_bytes(data[: offset - 2])
    assert [code for code, _ in header.problems] == ["truncated-header"]
    assert header.pixel_keyword == ""


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(SYNTAXES),
    st.lists(st.tuples(st.integers(128, 1100), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_flipped_bytes_never_surprise(syntax: str, flips: list[tuple[int, int]]) -> None:
    data = bytearray(_flippable(syntax))
    for place, byte in flips:
        if place < len(data):
            data[place] = byte
    try:
        header = scan_bytes(bytes(data))
    except (NotDicomError, HeaderError) as error:
        assert error.reason
    else:
        assert header.media or header.values["SOPInstanceUID"]


_FLIPPABLE: dict[str, bytes] = {}


def _flippable(syntax: str) -> bytes:
    if syntax not in _FLIPPABLE:
        dataset = ct_dataset()
        inner = Dataset()
        inner.CodeValue = "1"
        inner.ReferencedImageSequence = [Dataset()]
        dataset.ReferencedImageSequence = [inner]
        dataset["ReferencedImageSequence"].is_undefined_length = True
        dataset.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x39, "IS", [1, 2])
        _FLIPPABLE[syntax] = encode(dataset, syntax)
    return _FLIPPABLE[syntax]


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((NotDicomError, HeaderError)):
        scan_bytes(data)
    with pytest.raises((NotDicomError, HeaderError)):
        scan_bytes(bytes(128) + b"DICM" + data)


@pytest.mark.parametrize(
    "data", [b"\x1f\x8b\x08rest", b"plain text, quite long " * 20, b"PK\x03\x04"]
)
def test_other_formats_are_not_dicom(data: bytes) -> None:
    with pytest.raises(NotDicomError, match=r"\(data\): not a DICOM file"):
        scan_bytes(data)


def test_missing_uids_are_named() -> None:
    dataset = ct_dataset()
    del dataset.StudyInstanceUID
    dataset.SeriesInstanceUID = ""
    with pytest.raises(HeaderError, match="SeriesInstanceUID, StudyInstanceUID") as caught:
        scan_bytes(encode(dataset))
    assert caught.value.reason == "missing-uid"


@pytest.mark.parametrize(
    "uid", ["../../etc/passwd", "1.2/3", "1.2\\3", "a b", "..", ".", "1\n2", "-rf", "1" * 200, "ü"]
)
def test_uids_that_could_do_harm_are_refused(uid: str) -> None:
    data = encode(ct_dataset())
    raw = uid.encode("latin_1")
    raw += b"\0" * (len(raw) % 2)
    bad = data.replace(element(0x0020000E, b"UI", b"1.2.3.5\0"), element(0x0020000E, b"UI", raw))
    assert bad != data
    with pytest.raises(HeaderError) as caught:
        scan_bytes(bad)
    assert caught.value.reason == "bad-uid"


@pytest.mark.parametrize("uid", ["1.02.003", "dccc9599087131742838", "1_2-3", "9" * 70])
def test_odd_uids_are_kept(uid: str) -> None:
    dataset = ct_dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.SeriesInstanceUID = uid
        header = scan_bytes(encode(dataset))
    assert header.values["SeriesInstanceUID"] == uid
    plain = uid.replace(".", "").isdigit() and len(uid) <= 64
    assert [code for code, _ in header.problems] == ([] if plain else ["odd-uid"])


# --- oddities that are repaired -----------------------------------------------------


def test_wrong_meta_group_length_does_not_matter() -> None:
    data = bytearray(encode(ct_dataset()))
    struct.pack_into("<L", data, 140, 7)
    assert scan_bytes(bytes(data)).values["PatientID"] == "P1"


@pytest.mark.parametrize("actual", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_wrongly_declared_transfer_syntax(actual: str) -> None:
    data = encode(ct_dataset(), actual)
    other = {
        ImplicitVRLittleEndian: b"1.2.840.10008.1.2.1\0",
        ExplicitVRLittleEndian: b"1.2.840.10008.1.2\0",
    }[actual]
    start = data.index(b"\x02\0\x10\0UI")
    end = start + 8 + struct.unpack_from("<H", data, start + 6)[0]
    data = data[:start] + element(0x00020010, b"UI", other) + data[end:]
    header = scan_bytes(data)
    assert header.values["PatientName"] == "Doe^Jane"
    assert "wrong-transfer-syntax" in {code for code, _ in header.problems}


def test_missing_transfer_syntax_is_guessed() -> None:
    data = encode(ct_dataset(), ExplicitVRLittleEndian)
    start = data.index(b"\x02\0\x10\0UI")
    end = start + 8 + struct.unpack_from("<H", data, start + 6)[0]
    header = scan_bytes(data[:start] + data[end:])
    assert header.transfer_syntax_uid == ExplicitVRLittleEndian
    assert [code for code, _ in header.problems] == ["no-transfer-syntax"]


def test_unknown_vr_goes_to_pydicom() -> None:
    data = insert(encode(ct_dataset()), element(0x00200060, b"ZZ", b"AB"))
    header = scan_bytes(data)
    assert header.scanned_by == "pydicom"
    assert header.values["Rows"] == 4
    assert header.pixel_offset == scan_bytes(encode(ct_dataset())).pixel_offset + 10  # type: ignore[operator]


def test_un_of_undefined_length_holds_implicit_items() -> None:
    item = struct.pack("<HHL", 0x0008, 0x0100, 4) + b"CODE"
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item
    value = item + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    data = insert(encode(ct_dataset()), element(0x00211011, b"UN", value, 0xFFFFFFFF))
    header = scan_bytes(data)
    assert header.scanned_by == "walker"
    assert header.values["Rows"] == 4


def test_wrong_vr_is_brought_to_the_right_form() -> None:
    data = encode(ct_dataset())
    data = data.replace(element(0x00280010, b"US", b"\x04\0"), element(0x00280010, b"IS", b"4 "))
    header = scan_bytes(data)
    assert header.values["Rows"] == 4
    assert [code for code, _ in header.problems] == ["wrong-vr"]


def test_trailing_padding_of_an_object_without_pixels() -> None:
    dataset = ct_dataset()
    del dataset[0x7FE00010]
    header = scan_bytes(encode(dataset) + bytes(300))
    assert header.scanned_by == "walker"
    assert header.problems == []
    assert header.pixel_keyword == ""


def test_nested_values_are_lists_over_items() -> None:
    dataset = ct_dataset()
    regions = []
    for delta in (0.01, 0.02):
        region = Dataset()
        region.PhysicalDeltaX = delta
        region.PhysicalUnitsXDirection = 3
        regions.append(region)
    dataset.SequenceOfUltrasoundRegions = regions
    values = scan_bytes(encode(dataset)).values
    assert values["SequenceOfUltrasoundRegions"] == 2
    assert values["SequenceOfUltrasoundRegions.PhysicalDeltaX"] == [0.01, 0.02]
    assert values["SequenceOfUltrasoundRegions.PhysicalUnitsXDirection"] == [3, 3]
    assert "SequenceOfUltrasoundRegions.PhysicalDeltaY" not in values


def test_number_of_frames_against_functional_groups() -> None:
    dataset = ct_dataset()
    dataset.NumberOfFrames = 5
    dataset.add_new(0x7FE00010, "OW", bytes(5 * 48))
    dataset.PerFrameFunctionalGroupsSequence = [Dataset(), Dataset()]
    header = scan_bytes(encode(dataset))
    assert header.frames is not None
    assert header.frames.count == 2
    assert [code for code, _ in header.problems] == ["frame-count"]
    assert header.frames.problems == header.problems


def test_empty_groups_of_a_name_are_left_out() -> None:
    dataset = ct_dataset()
    dataset.PatientName = "Doe^Jane^=="
    assert scan_bytes(encode(dataset)).values["PatientName"] == "Doe^Jane^"


def test_long_file_meta_information(tmp_path: Path) -> None:
    data = encode(ct_dataset())
    data = data[:132] + element(0x00020102, b"OB", bytes(50_000)) + data[132:]
    path = tmp_path / "meta"
    path.write_bytes(data)
    assert scan_file(path).values["PatientID"] == "P1"
    with pytest.raises(HeaderError) as caught:
        scan_bytes(data[:30_000])
    assert caught.value.reason == "truncated"


def test_damaged_deflation() -> None:
    data = encode(ct_dataset(), DeflatedExplicitVRLittleEndian)
    start = 144 + struct.unpack_from("<L", data, 140)[0]
    with pytest.raises(HeaderError, match="deflated data set is damaged"):
        scan_bytes(data[:start] + b"\xff" * 100)


def test_private_element_needs_its_creator() -> None:
    dataset = ct_dataset()
    dataset.private_block(0x0043, "SOMEBODY ELSE", create=True).add_new(0x39, "IS", "5")
    assert "GE_0043_1039" not in scan_bytes(encode(dataset)).values
    dataset.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x39, "IS", "7")
    assert scan_bytes(encode(dataset)).values["GE_0043_1039"] == "7"


def test_empty_values_are_empty_text() -> None:
    dataset = ct_dataset()
    dataset.PatientName = None
    dataset.PixelPaddingValue = None
    dataset["PixelPaddingValue"].VR = "US"
    values = scan_bytes(encode(dataset)).values
    assert values["PatientName"] == ""
    assert values["PixelPaddingValue"] == ""


# --- hostile files ------------------------------------------------------------------


def test_depth_bomb() -> None:
    start = struct.pack("<HH2sHL", 0x0021, 0x1011, b"SQ", 0, 0xFFFFFFFF)
    start += struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    data = insert(encode(ct_dataset()), start * 20_000)
    with pytest.raises(HeaderError) as caught:
        scan_bytes(data)
    assert caught.value.reason == "nested-too-deep"


def test_inflation_bomb_stays_small() -> None:
    plain = encode(ct_dataset(), ExplicitVRLittleEndian)
    meta_end = 144 + struct.unpack_from("<L", plain, 140)[0]
    body = insert(plain[meta_end:], element(0x00211011, b"OB", b"", 400_000_000))
    engine = zlib.compressobj(9, wbits=-15)
    at = body.index(b"\x28\0\x02\0US")
    packed = engine.compress(body[:at]) + b"".join(
        engine.compress(bytes(1_000_000)) for _ in range(300)
    )
    packed += engine.flush()
    assert len(packed) < 1_000_000
    head = encode(ct_dataset(), DeflatedExplicitVRLittleEndian)
    meta_end = 144 + struct.unpack_from("<L", head, 140)[0]
    tracemalloc.start()
    try:
        with pytest.raises(HeaderError):
            scan_bytes(head[:meta_end] + packed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000_000


def test_huge_name_is_cut() -> None:
    name = b"N" * 10_000_000
    dataset = ct_dataset()
    data = encode(dataset, ImplicitVRLittleEndian)
    old = struct.pack("<HHL", 0x0010, 0x0010, 8) + b"Doe^Jane"
    assert old in data
    data = data.replace(old, struct.pack("<HHL", 0x0010, 0x0010, len(name)) + name)
    header = scan_bytes(data)
    assert header.values["PatientName"] == "N" * 10_240
    assert header.values["Rows"] == 4
    assert [code for code, _ in header.problems] == ["long-value"]


def test_long_text_and_long_list() -> None:
    comments = "c" * 30_000
    data = insert(encode(ct_dataset()), element(0x00204000, b"LT", comments.encode()))
    header = scan_bytes(data)
    assert header.values["ImageComments"] == "c" * 10_240
    assert "long-value" in {code for code, _ in header.problems}
    vector = struct.pack("<40000H", *range(40_000))
    data = encode(ct_dataset(), ImplicitVRLittleEndian)
    extra = struct.pack("<HHL", 0x0054, 0x0080, len(vector)) + vector
    data = insert(data, extra, before=b"\xe0\x7f\x10\0")
    header = scan_bytes(data)
    assert "SliceVector" not in header.values
    assert header.pixel_keyword == "PixelData"
    assert "long-value" in {code for code, _ in header.problems}


def test_absurd_matrix_is_a_problem_not_an_allocation() -> None:
    dataset = ct_dataset()
    dataset.Rows = dataset.Columns = 65_535
    dataset.NumberOfFrames = 2_000_000_000
    header = scan_bytes(encode(dataset))
    assert header.values["Rows"] == 65_535
    ((code, text),) = header.problems
    assert code == "truncated-pixels"
    assert str(65_535 * 65_535 * 2 * 2_000_000_000) in text


def test_long_private_elements_are_skipped_across_windows(tmp_path: Path) -> None:
    dataset = ct_dataset()
    block = dataset.private_block(0x0021, "BIG", create=True)
    for low in range(1, 9):
        block.add_new(low, "OB", bytes([low]) * (100_000 + 2 * low))
        block.add_new(low + 0x10, "LO", "x" * 50)
    path = tmp_path / "big"
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian):
        path.write_bytes(encode(dataset, syntax))
        header = scan_file(path)
        assert header.scanned_by == "walker"
        assert_same(header, scan_file(path, by="pydicom"))
        assert header.problems == []
        assert header.values["PixelSpacing"] == "0.5\\0.25"


@pytest.mark.parametrize("shift", range(0, 40, 2))
def test_windows_may_end_anywhere(tmp_path: Path, shift: int) -> None:
    """Every kind of element once across the end of the first 16 kB read."""
    dataset = ct_dataset()
    dataset.add_new(0x00091001, "OB", bytes(15_900 - shift * 30))
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        path = tmp_path / "window"
        path.write_bytes(encode(dataset, syntax))
        header = scan_file(path)
        assert header.problems == []
        assert_same(header, scan_file(path, by="pydicom"))


# --- the file system ----------------------------------------------------------------


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with pytest.raises(NotDicomError, match="empty") as caught:
        scan_file(path)
    assert caught.value.reason == "empty-file"
    assert str(path) in str(caught.value)


def test_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        scan_file(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises((DicomDbError, OSError)):
        scan_file(tmp_path / "pipe")


def test_wrong_size_is_corrected(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(encode(ct_dataset()))
    assert scan_file(path, size=5).problems == []
    assert scan_file(path, size=10**9).problems == []


def test_workers_start_without_numpy_and_pydicom() -> None:
    code = (
        "import sys; import napari_dicomdb.dicom.header as h;"
        "print([m for m in ('numpy', 'pydicom', 'napari', 'qtpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_native_length_of_frames(reference_data: Path) -> None:
    path = reference_data / "bad" / "MR_truncated.dcm"
    header = scan_file(path)
    assert [code for code, _ in header.problems] == ["truncated-pixels"]
    assert header.pixel_length is not None
    assert header.pixel_offset is not None
    missing = header.pixel_length - (path.stat().st_size - header.pixel_offset)
    assert missing > 0
    assert math.prod((64, 64, 2)) == header.pixel_length
