"""Whole files with a canary wherever one can sit: none is in what is given away (DID-8)."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from tests.export.deidentification.conftest import write_ultrasound
from tests.export.deidentification.test_engine import BINARY, UID, _canaries

from napari_dicomdb.api import Database
from napari_dicomdb.export.deidentification.engine import Deidentifier, Patient
from napari_dicomdb.export.deidentification.profile import RETAINABLE, Profile
from napari_dicomdb.export.deidentification.project import open_project
from napari_dicomdb.export.deidentification.regions import Rectangle
from napari_dicomdb.export.deidentification.running import deidentify

CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
# A word in each encoding that a file may have it in.
WORDS = {
    "ISO_IR 100": "KÄNÄRIÉ",
    "ISO_IR 192": "KÄNÄRIÉ",
    "ISO_IR 144": "КАНАРЕЙКА",
    ("", "ISO 2022 IR 87"): "カナリア",
    ("", "ISO 2022 IR 149"): "김희중",
    "GB18030": "金丝雀",
}
_CODECS = ("utf-8", "latin-1", "iso8859_5", "iso2022_jp", "shift_jis", "euc_kr", "gb18030")
# Options that keep values as they are, by the table, would keep canaries: these clean them.
_KEEPS = ("characteristics", "device", "institution", "uids")
_EVERYTHING = Profile.retaining(
    [option.name for option in RETAINABLE if option.name not in _KEEPS], dates="shift"
)


def _needles() -> list[bytes]:
    found = [b"CANARY", BINARY, UID.encode(), b"19770707"]
    for word in WORDS.values():
        for codec in _CODECS:
            try:
                raw = word.encode(codec)
            except UnicodeEncodeError:
                continue
            found.append(raw.removeprefix(b"\x1b$B").removesuffix(b"\x1b(B"))
    return found


def _leaks(folder: Path) -> list[tuple[str, bytes]]:
    """Bytes that should not be in files, in archives, nor in names."""
    found = []
    for path in folder.rglob("*"):
        texts = [str(path.relative_to(folder)).encode()]
        if path.is_file():
            raws = [path.read_bytes()]
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    texts += [raws.pop(), *(name.encode() for name in archive.namelist())]
                    raws = [archive.read(name) for name in archive.namelist()]
            texts += [*raws, *map(_inflated, raws)]
        found += [(path.name, n) for n in _needles() if any(n in text for text in texts)]
    return found


def _inflated(raw: bytes) -> bytes:
    """The data set of a deflated file, as pydicom reads and writes it plainly."""
    if b"1.2.840.10008.1.2.1.99" not in raw[:600]:
        return b""
    dataset = pydicom.dcmread(io.BytesIO(raw))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plain = io.BytesIO()
    dataset.save_as(plain, implicit_vr=False, little_endian=True)
    return plain.getvalue()


def _hide(dataset: Dataset) -> None:
    """Put canaries where the table of attributes does not look."""
    for charset, word in WORDS.items():
        item = Dataset()
        item.SpecificCharacterSet = list(charset) if isinstance(charset, tuple) else charset
        item.PatientName = word
        item.PatientComments = word
        item.OtherPatientNames = [word, word]
        deep = dataset
        for keyword in (
            "SharedFunctionalGroupsSequence",
            "ReferencedSeriesSequence",
            "ReferencedInstanceSequence",
            "PurposeOfReferenceCodeSequence",
        ):
            if keyword not in deep:
                setattr(deep, keyword, Sequence([Dataset()]))
            deep = getattr(deep, keyword)[0]
        several = list(deep.get("OriginalAttributesSequence") or [])
        deep.OriginalAttributesSequence = Sequence([*several, item])
        deep.DerivationCodeSequence = Sequence([*(deep.get("DerivationCodeSequence") or []), item])
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.PixelData = b"CANARY!!"
    icon["PixelData"].VR = "OB"
    dataset.IconImageSequence = Sequence([icon])
    scene = dataset.private_block(0x0099, "NAPARI-DICOMDB SCENE", create=True)
    scene.add_new(0x01, "OB", b"PK\3\4CANARY")
    inner = Dataset()
    inner.PatientName = "CANARY"
    scene.add_new(0x02, "SQ", Sequence([inner]))
    raw = io.BytesIO()
    written = pydicom.filebase.DicomFileLike(raw)
    written.is_implicit_VR, written.is_little_endian = True, True
    pydicom.filewriter.write_sequence(
        written, pydicom.DataElement(0x00081140, "SQ", Sequence([inner])), ["iso8859"]
    )
    dataset.add_new(0x00091110, "UN", raw.getvalue())
    dataset.add_new(0x00090011, "LO", "CANARY CREATOR")
    dataset.add_new(0x00041500, "CS", ["CANARY", "CANARY"])
    dataset.add_new(0x50200010, "US", 1)
    dataset.add_new(0x503A0022, "LO", "CANARY")
    dataset.add_new(0x60FE0022, "LO", "CANARY")
    dataset.RetrieveURL = "http://host/CANARY"
    dataset.SegmentDescription = "CANARY"
    dataset.add_new(0xFFFCFFFC, "OB", b"CANARY".ljust(64))


def _file(path: Path, syntax: Any, uid: str, sop_class: str = CT) -> None:
    dataset = _canaries()
    for keyword in ("EncapsulatedDocument", "PixelData"):
        if keyword in dataset:
            del dataset[keyword]
    _hide(dataset)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid
    dataset.Modality = "CT" if sop_class == CT else "SR"
    dataset.PatientID = "CANARY"
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid
    meta.SourceApplicationEntityTitle = meta.SendingApplicationEntityTitle = "CANARY"
    meta.PrivateInformationCreatorUID, meta.PrivateInformation = UID, b"CANARY"
    dataset.file_meta = meta
    if sop_class == CT:
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 4, 4, 1
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelRepresentation, dataset.PhotometricInterpretation = 0, "MONOCHROME2"
        dataset.PixelData = np.arange(16, dtype="<u2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.preamble = b"CANARY".ljust(128, b"\0")
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    if syntax != DeflatedExplicitVRLittleEndian and sop_class == CT:
        with path.open("ab") as file:
            file.write(b"CANARY behind the end")


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, int]]:
    """A database of files with canaries in all encodings, and how many they are."""
    folder = tmp_path_factory.mktemp("canaries") / "CANARY Doe"
    syntaxes = (
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    )
    with _quiet():
        for number, syntax in enumerate(syntaxes):
            _file(folder / f"CANARY{number}.dcm", syntax, f"1.2.3.77.{number}")
            _file(folder / f"CANARY-sr{number}.dcm", syntax, f"1.2.3.78.{number}", SR)
    with Database.in_memory() as database:
        found = database.import_paths([folder], workers=0)
        assert (found.added, found.rejected) == (2 * len(syntaxes), [])
        assert len(_leaks(folder)) > 50
        yield database, 2 * len(syntaxes)


def _quiet() -> Any:
    import warnings

    return warnings.catch_warnings(action="ignore")


@pytest.mark.parametrize("profile", [Profile(), _EVERYTHING], ids=["basic", "all"])
@pytest.mark.parametrize("layout", ["tree", "dicomdir", "zip"])
def test_no_canary_is_given_away(
    canaries: tuple[Database, int], tmp_path: Path, profile: Profile, layout: str
) -> None:
    database, count = canaries
    target = tmp_path / "out" / ("all.zip" if layout == "zip" else "all")
    (tmp_path / "out").mkdir()
    report = deidentify(
        database,
        database.patients(),
        target,
        profile,
        archive=layout == "zip",
        dicomdir=layout == "dicomdir",
    )
    assert report.rejected == []
    assert report.instances == count
    assert _leaks(tmp_path / "out") == []
    assert "CANARY" not in str(report.to_json()).replace(str(target), "")


def test_no_canary_beside_changed_pixels(canaries: tuple[Database, int], tmp_path: Path) -> None:
    database, _ = canaries
    images = [i for i in database.instances() if i.pixel_keyword]
    report = deidentify(
        database, images, tmp_path / "out", Profile(blackout=(Rectangle(0, 0, 1, 1),))
    )
    assert (report.rejected, report.blackened) == ([], len(images))
    assert _leaks(tmp_path / "out") == []


def test_a_scene_of_ours_loses_its_archive(tmp_path: Path) -> None:
    path = write_ultrasound(
        tmp_path / "in" / "1.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="OT"
    )
    scene = pydicom.dcmread(path)
    scene.file_meta.MediaStorageSOPClassUID = scene.SOPClassUID
    block = scene.private_block(0x0099, "NAPARI-DICOMDB", create=True)
    block.add_new(0x10, "OB", b"PK\3\4CANARY in the archive!")
    scene.save_as(path)
    with Database.in_memory() as database:
        database.import_paths([path], workers=0)
        held = deidentify(database, database.patients(), tmp_path / "held", Profile())
        assert [r[1] for r in held.rejected] == ["burned-in"]
        looked = Profile(pixels_confirmed=True, extended_private=True, retain_safe_private=True)
        deidentify(database, database.patients(), tmp_path / "out", looked)
    assert _leaks(tmp_path / "out") == []
    (copy,) = (pydicom.dcmread(p) for p in (tmp_path / "out").rglob("*.dcm"))
    assert not [tag for tag in copy.keys() if tag.is_private]  # noqa: SIM118


def _element(tag: int, vr: bytes, value: bytes, *, ended: bool = True) -> bytes:
    """An element in explicit VR, little endian; not `ended`: of undefined length."""
    value += b" " * (len(value) % 2)
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr in (b"OB", b"SQ", b"UC", b"UN", b"UT"):
        return head + struct.pack("<HL", 0, len(value) if ended else 0xFFFFFFFF) + value
    return head + struct.pack("<H", len(value)) + value


def _item(value: bytes, *, ended: bool = True) -> bytes:
    if ended:
        return struct.pack("<HHL", 0xFFFE, 0xE000, len(value)) + value
    end = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
    return struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF) + value + end


_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
_NAME = _element(0x00100010, b"PN", b"CANARY")
_PLAIN = struct.pack("<HHL", 0x0010, 0x0010, 6) + b"CANARY"  # in implicit VR
_TEXT = _element(0x00700006, b"ST", b"CANARY")
_CREATOR = _element(0x00090010, b"LO", b"SIEMENS")


@pytest.mark.parametrize(
    "raw",
    [
        _element(0x00081115, b"UN", _item(_PLAIN)),
        _element(0x00081115, b"UN", _item(_PLAIN, ended=False) + _END, ended=False),
        _element(0x00081115, b"UN", b"CANARY is no sequence!"),
        _element(0x00081115, b"LT", b"CANARY"),
        _element(0x00081115, b"SQ", _item(_NAME) + b"CANARY of eight b"),
        _element(0x00081115, b"SQ", _item(_NAME, ended=False) + _END, ended=False),
        _element(0x00081115, b"SQ", _item(b"") + _item(_NAME)),
        _element(0x00081080, b"UN", b"CANARY"),
        _element(0x00180050, b"UN", b"CANARY"),
        _element(0x00180050, b"DS", b"1.0\\CANARY"),
        _element(0x00280030, b"UT", b"CANARY"),
        _element(0x00091001, b"LO", b"CANARY"),
        _CREATOR + _element(0x00091001, b"SQ", _item(_NAME)),
        _CREATOR + _element(0x00091001, b"UN", _item(_PLAIN, ended=False) + _END, ended=False),
        _element(0x0040B020, b"SQ", _item(_TEXT)),
        _element(0x00700001, b"SQ", _item(_element(0x00700008, b"SQ", _item(_TEXT)))),
        _element(0x00720422, b"SQ", _item(_element(0x00720424, b"SQ", _item(_TEXT)))),
        _element(0x00720050, b"SQ", _item(_element(0x0072006F, b"UC", b"CANARY"))),
        _element(0x00420011, b"OB", b"%PDF CANARY"),
        _element(0x0008002A, b"DT", b"CANARY1977"),
    ],
)
@pytest.mark.parametrize("profile", [Profile(), _EVERYTHING], ids=["basic", "all"])
def test_no_canary_in_what_encoders_do(raw: bytes, profile: Profile) -> None:
    with _quiet():
        stream = io.BytesIO(raw + _element(0x00200010, b"SH", b"1"))
        dataset = pydicom.filereader.read_dataset(stream, False, True)
        engine = Deidentifier(profile, open_project())
        engine.apply(dataset, Patient("SUBJ-1", "Subject One", -1000))
        written = pydicom.filebase.DicomBytesIO()
        written.is_implicit_VR, written.is_little_endian = False, True
        pydicom.filewriter.write_dataset(written, dataset)
    assert b"CANARY" not in written.getvalue()
    assert b"SUBJ-1" in written.getvalue()
