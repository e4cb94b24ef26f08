"""Scanning by templates against the plain walk: the same result for every file."""

from __future__ import annotations

import io
import random
import struct
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from napari_dicomdb.dicom._template import COST, CREDIT, MOST, Templates
from napari_dicomdb.dicom.header import Header, scan_bytes, scan_file
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from pathlib import Path

LONG = {b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC"}
UNDEFINED = 0xFFFFFFFF

Element = tuple[int, bytes, bytes, int | None]
"""Tag, VR, value, and the length to state when it is not the value's."""


def encode_element(element: Element, explicit: bool = True) -> bytes:
    tag, vr, value, stated = element
    length = len(value) if stated is None else stated
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + struct.pack("<L", length) + value
    if vr in LONG:
        return head + vr + b"\0\0" + struct.pack("<L", length) + value
    return head + vr + struct.pack("<H", length & 0xFFFF) + value


def encode_file(elements: list[Element], explicit: bool = True) -> bytes:
    """Return a file of raw elements; the first SOPInstanceUID is in the meta group too."""
    uid = next((value for tag, _, value, _ in elements if tag == 0x00080018), b"1.2")
    syntax = ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian
    group = b"".join(
        encode_element((tag, b"UI", value + b"\0" * (len(value) % 2), None))
        for tag, value in (
            (0x00020002, CTImageStorage.encode()),
            (0x00020003, uid),
            (0x00020010, syntax.encode()),
        )
    )
    length = encode_element((0x00020000, b"UL", struct.pack("<L", len(group)), None))
    body = b"".join(encode_element(element, explicit) for element in elements)
    return bytes(128) + b"DICM" + length + group + body


def all_of(header: Header) -> dict[str, Any]:
    """Return what a header says, in a form that can be compared."""
    said = asdict(header)
    del said["stable"], said["own"]
    said["problems"].sort()
    # As text: NaN is not equal to itself.
    said["values"] = {keyword: repr(value) for keyword, value in said["values"].items()}
    return said


def outcome(data: bytes, templates: Templates | None = None) -> Any:
    """Return all that a scan says of a file, or how it is refused."""
    try:
        return all_of(scan_bytes(data, templates=templates))
    except DicomDbError as error:
        return type(error), error.reason, str(error)


def item(content: bytes, defined: bool) -> bytes:
    if defined:
        return b"\xfe\xff\x00\xe0" + struct.pack("<L", len(content)) + content
    ends = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    return b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + content + ends


BASE: list[Element] = [
    (0x00080005, b"CS", b"ISO_IR 100", None),
    (0x00080008, b"CS", b"ORIGINAL\\PRIMARY", None),
    (0x00080016, b"UI", CTImageStorage.encode(), None),
    (0x00080018, b"UI", b"1.2.3.4", None),
    (0x00080032, b"TM", b"101500", None),
    (0x00080060, b"CS", b"MR", None),
    (0x00080070, b"LO", b"SIEMENS ", None),
    (0x0008103E, b"LO", b"Caf\xe9 ", None),
    (0x00081140, b"SQ", item(b"", defined=True), None),
    (0x00081250, b"SQ", item(b"", defined=False), UNDEFINED),
    (0x00100010, b"PN", b"Doe^Jane=", None),
    (0x00100020, b"LO", b"P1", None),
    (0x00180050, b"DS", b"1.5 ", None),
    (0x00180086, b"IS", b"1 ", None),
    (0x00190010, b"LO", b"SIEMENS MR HEADER ", None),
    (0x0019100C, b"IS", b"1000", None),
    (0x0019100E, b"FD", struct.pack("<3d", 0, 0, 1), None),
    (0x00191010, b"UN", b"anything", None),
    (0x0020000D, b"UI", b"1.2.3.40", None),
    (0x0020000E, b"UI", b"1.2.3.50", None),
    (0x00200013, b"IS", b"7 ", None),
    (0x00200032, b"DS", b"1\\2\\3 ", None),
    (0x00280002, b"US", b"\1\0", None),
    (0x00280004, b"CS", b"MONOCHROME2 ", None),
    (0x00280010, b"US", b"\2\0", None),
    (0x00280011, b"US", b"\2\0", None),
    (0x00280030, b"DS", b"0.5\\0.5 ", None),
    (0x00280100, b"US", b"\x10\0", None),
    (0x00280101, b"US", b"\x0c\0", None),
    (0x00280102, b"US", b"\x0b\0", None),
    (0x00280103, b"US", b"\0\0", None),
    (0x00280107, b"US", b"\xff\x0f", None),
    (0x00290010, b"LO", b"SIEMENS CSA HEADER", None),
    (0x00291010, b"OB", b"SV10 and so on", None),
    (0x00400275, b"SQ", item(encode_element((0x00400007, b"LO", b"x ", None)), True), None),
    (0x00409096, b"SQ", item(b"", defined=False), UNDEFINED),
    (0x60000010, b"US", b"\2\0", None),
    (0x7FE00010, b"OW", b"12345678", None),
]


def shuffled_values(rng: random.Random, element: Element, explicit: bool) -> Element:
    """Return an element with another value, mostly of a kind that its VR has."""
    tag, vr, value, stated = element
    if vr == b"SQ" or tag in {0x00080016, 0x7FE00010}:
        inner = encode_element(
            (0x00080018, b"UI", b"1.2.%d" % rng.randrange(10**6), None), explicit
        )
        if tag == 0x7FE00010 or tag == 0x00080016:
            return tag, vr, rng.choice([value, value + b"\0\0", value[:-2]]), stated
        value = item(inner * rng.randrange(3), defined=stated is None)
        return tag, vr, value, stated
    if vr in {b"US", b"FD", b"UN", b"OB"}:
        return tag, vr, rng.randbytes(rng.choice([0, len(value), len(value), 2])), stated
    letters = b"0123456789" if vr in {b"UI", b"DS", b"IS", b"TM"} else b"abc \\^=\xe9\x1b"
    return tag, vr, bytes(rng.choices(letters, k=2 * rng.randrange(8))), stated


def odd(rng: random.Random, elements: list[Element]) -> list[Element]:
    """Return the elements with something inserted, removed, moved, or lied about."""
    elements = list(elements)
    at = rng.randrange(len(elements))
    tag, vr, value, stated = elements[at]
    match rng.randrange(7):
        case 0:
            del elements[at]
        case 1:
            elements.insert(at, (tag - 1, b"LO", b"inserted", None))
        case 2:
            elements.insert(at, elements[at])
        case 3:
            elements[at] = (tag, rng.choice([b"UN", b"LO", b"US", b"OB", b"XX"]), value, stated)
        case 4:
            elements[at] = (tag, vr, value, rng.choice([0, 4, 60_000, UNDEFINED]))
        case 5:
            elements.insert(at, elements.pop(rng.randrange(len(elements))))
        case _:
            elements.insert(at, (0x00111010, b"UN", rng.randbytes(2), None))
    return elements


@st.composite
def series(draw: st.DrawFn) -> list[bytes]:
    """Draw files of a series or two that differ in some elements, a few of them odd."""
    rng = draw(st.randoms(use_true_random=False))
    explicit = draw(st.booleans())
    base = [e for e in BASE if e[0] >> 16 == 0x28 or rng.random() < 0.9]
    for tag, value in ((0x00080018, b"1.2.3.4"), (0x0020000D, b"1.2"), (0x0020000E, b"1.3")):
        if all(e[0] != tag for e in base) and rng.random() < 0.95:
            base = sorted([*base, (tag, b"UI", value, None)])
    if rng.random() < 0.2:
        base = [(t, b"UN" if t >> 16 & 1 else vr, v, n) for t, vr, v, n in base]
    if rng.random() < 0.3:  # beyond the first read
        blob = rng.randbytes(2 * rng.randrange(7_500, 9_000))
        base = sorted([*base, (rng.choice([0x00111020, 0x00291020]), b"OB", blob, None)])
    if rng.random() < 0.3:
        base[0] = (0x00080005, b"CS", rng.choice([b"ISO_IR 192", b"\\ISO 2022 IR 87"]), None)
    volatile = {e[0] for e in base if e[0] != 0x0020000E and rng.random() < 0.3}
    files = []
    for _ in range(draw(st.integers(3, 12))):
        elements = [
            shuffled_values(rng, e, explicit) if e[0] in volatile and rng.random() < 0.7 else e
            for e in base
        ]
        if rng.random() < 0.25:
            elements = odd(rng, elements)
        if rng.random() < 0.1:
            elements = [
                shuffled_values(rng, e, explicit) if rng.random() < 0.1 else e for e in elements
            ]
        data = encode_file(elements, explicit)
        if rng.random() < 0.2:
            data = data[: rng.randrange(len(data))]
        if rng.random() < 0.1:
            at = rng.randrange(len(data) or 1)
            data = data[:at] + rng.randbytes(1) + data[at + 1 :]
        files.append(data)
    return files


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(series())
def test_a_template_gives_what_the_walk_gives(files: list[bytes]) -> None:
    templates = Templates()
    for data in files:
        assert outcome(data, templates) == outcome(data)


@pytest.mark.parametrize("explicit", [True, False])
def test_every_truncation_is_seen(explicit: bool) -> None:
    templates = Templates()
    whole = [
        encode_file(
            [shuffled_values(random.Random(n), e, explicit) if n else e for e in BASE], explicit
        )
        for n in range(2)
    ]
    data = encode_file(BASE, explicit)
    for first in (data, data, data, *whole):
        outcome(first, templates)
    assert templates.hits
    for end in range(len(data)):
        assert outcome(data[:end], templates) == outcome(data[:end])


def image(number: int, *, series: str = "1.2.3.5", words: str = "") -> bytes:
    """Return an image as scanners write it, with elements as wide as their values."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = f"1.2.3.{7**number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", series
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Дое^Яне", "P1", "CT"
    source = Dataset()
    source.ReferencedSOPInstanceUID = f"1.2.3.{number}"
    dataset.SourceImageSequence = Sequence([source])
    dataset["SourceImageSequence"].is_undefined_length = True
    dataset.Exposure = str(number * 13)
    dataset.SeriesDescription = words or "Грудная клетка"
    dataset.ImageComments = f"срез {number}" + words
    dataset.InstanceNumber = number
    dataset.ImagePositionPatient = [-1.5, 2, number / 7]
    dataset["ImagePositionPatient"]._value = [f"{v:.9g}" for v in (-1.5, 2, number / 7)]
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 4, 6, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.SmallestImagePixelValue, dataset.LargestImagePixelValue = number, 4095 - number
    dataset.add_new(0x7FE00010, "OW", bytes(48))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def test_all_but_the_first_files_of_a_series_need_no_walk() -> None:
    templates = Templates()
    for number in range(1, 31):
        data = image(number)
        header = scan_bytes(data, templates=templates)
        assert all_of(header) == all_of(scan_bytes(data))
        pixels = dcmread(io.BytesIO(data))
        assert header.values["ImageComments"] == f"срез {number}" == pixels.ImageComments
        assert data[header.pixel_offset :] == bytes(48)
    # The second makes a template; the third shows what else differs.
    assert templates.walked <= 4
    assert templates.hits == 30 - templates.walked


def test_several_series_may_alternate() -> None:
    templates = Templates()
    for number in range(1, 41):
        data = image(number, series=f"1.2.3.{number % 4}", words=f"series {number % 4}")
        assert outcome(data, templates) == outcome(data)
    assert templates.hits >= 25


def test_odd_data_make_few_templates() -> None:
    templates = Templates()
    for number in range(200):
        # Two of each series, then never again: there is nothing to be won.
        scan_bytes(image(number % 7, series=f"1.2.4.{number // 2}"), templates=templates)
    assert templates.made <= CREDIT + (templates.hits + templates.walked) // COST
    assert len(templates._templates) <= MOST


def test_a_header_longer_than_the_first_read(tmp_path: Path) -> None:
    templates = Templates()
    for number in range(1, 20):
        blob = (0x00291020, b"OB", random.Random(number).randbytes(30_000 + 2 * number), None)
        own = {0x00080018: b"1.2.%d" % number, 0x00200013: b"%d " % number}
        elements = [(t, vr, own.get(t, v), n) for t, vr, v, n in BASE]
        path = tmp_path / str(number)
        path.write_bytes(encode_file(sorted([*elements, blob])))
        assert all_of(scan_file(path, templates=templates)) == all_of(scan_file(path))
    assert templates.hits >= 15


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("kind", ["DERIVED", "ORIGINAL"])
@pytest.mark.parametrize("named", [1, 2, 30])
def test_what_derived_images_were_made_from(explicit: bool, kind: str, named: int) -> None:
    """Each of a series names other images, in lengths of all kinds; originals name them too."""
    templates = Templates()
    for number in range(1, 25):
        images = [f"1.2.9.{number * 10**k + j}" for j in range(named) for k in (number % 3,)]
        sequence = b""
        for uid in images:
            content = b"".join(
                encode_element((tag, b"UI", text + b"\0" * (len(text) % 2), None), explicit)
                for tag, text in ((0x00081150, b"1.2.840"), (0x00081155, uid.encode()))
            )
            sequence += item(content, defined=True)
        undefined = number % 5 == 0
        if undefined:
            sequence += b"\xfe\xff\xdd\xe0\0\0\0\0"
        own = {
            0x00080008: f"{kind}\\SECONDARY".encode(),
            0x00080018: b"1.2.%d" % number,
            0x00200013: b"%d " % number,
        }
        elements = [(t, vr, own.get(t, v), n) for t, vr, v, n in BASE]
        elements.append((0x00082112, b"SQ", sequence, UNDEFINED if undefined else None))
        if number % 7 == 0:  # one of the other kind among them
            elements[1] = (0x00080008, b"CS", b"ORIGINAL\\SECONDARY", None)
        data = encode_file(sorted(elements, key=lambda element: element[0]), explicit)
        header = scan_bytes(data, templates=templates)
        assert all_of(header) == all_of(scan_bytes(data))
        by_pydicom = scan_bytes(data, by="pydicom")
        assert header.values == by_pydicom.values
        kept = str(header.values.get("SourceImageSequence.ReferencedSOPInstanceUID", ""))
        if kind == "ORIGINAL" or number % 7 == 0:
            assert kept == ""
        else:
            assert len(kept.split("\\")) == min(named, 8)
            assert set(kept.split("\\")) <= set(images)
            assert (kept.split("\\")[0], kept.split("\\")[-1]) == (images[0], images[-1])
    assert templates.hits >= 12


def test_reference_data_with_and_without(reference_data: Path) -> None:
    templates = Templates()
    for path in sorted(reference_data.rglob("*")):
        if not path.is_file():
            continue
        got: list[Any] = []
        for used in (templates, None):
            try:
                got.append(all_of(scan_file(path, templates=used)))
            except (DicomDbError, OSError) as error:
                got.append((type(error), str(error)))
        assert got[0] == got[1], path
    assert templates.hits > 100
