"""Copies that differ in what was edited and in nothing else."""
# ruff: noqa: RUF001 - digits of other scripts are what is tested

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file

from napari_dicomdb.dicom.editing import (
    EditError,
    UidMap,
    edited_copies,
    edited_copy,
    parse_edit,
    preview,
    validate,
)
from napari_dicomdb.errors import Cancelled

CT = Path(str(get_testdata_file("CT_small.dcm")))
NAMES = ("CT_small.dcm", "MR_small_RLE.dcm", "image_dfl.dcm", "JPEG2000.dcm",
         "MR_small_bigendian.dcm", "rtplan.dcm", "SC_rgb_jpeg.dcm", "test-SR.dcm")  # fmt: skip


def pixels_on(path: Path) -> bytes:
    """Bytes of the pixel element and what follows, as they stand in the file."""
    raw = path.read_bytes()
    for mark in (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10"):
        if mark in raw:
            return raw[raw.rindex(mark) :]
    return b""


@pytest.mark.filterwarnings("ignore:Expected explicit VR")
@pytest.mark.parametrize("name", NAMES)
def test_all_but_the_edit_stays_as_it_was(tmp_path: Path, name: str) -> None:
    source = Path(str(get_testdata_file(name)))
    before = source.read_bytes()
    copy = edited_copy(source, [parse_edit("ImageComments", "edited")], tmp_path)
    assert source.read_bytes() == before
    old, new = dcmread(source), dcmread(copy)
    assert new.ImageComments == "edited"
    assert new.get("PixelData") == old.get("PixelData")
    if name != "image_dfl.dcm":
        assert pixels_on(copy) == pixels_on(source)
    assert new.file_meta.TransferSyntaxUID == old.file_meta.TransferSyntaxUID
    assert new.SOPInstanceUID != old.SOPInstanceUID
    assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
    assert copy.name == f"{new.SOPInstanceUID}.dcm"
    assert new.SeriesInstanceUID == old.SeriesInstanceUID
    for one in (old, new):
        for keyword in ("ImageComments", "SOPInstanceUID"):
            if keyword in one:
                del one[keyword]
        for tag in [tag for tag in one.keys() if tag.element == 0]:  # noqa: SIM118
            del one[tag]
    assert old == new


def test_another_program_reads_the_copy(tmp_path: Path, program: Callable[[str], str]) -> None:
    edits = [parse_edit("PatientName", "Müller^Änne"), parse_edit("PatientID", "4711")]
    copy = edited_copy(CT, edits, tmp_path)
    said = subprocess.run(
        [program("dcmdump"), "+U8", str(copy)], capture_output=True, text=True, check=True
    ).stdout
    assert "[Müller^Änne]" in said
    assert "[4711]" in said


def test_remove_add_nested(tmp_path: Path) -> None:
    edits = [
        parse_edit("StationName", None),
        parse_edit("EchoTime", "4.5"),
        parse_edit("OtherPatientIDsSequence[2].PatientID", "NEW"),
        parse_edit("OtherPatientIDsSequence[1]", None),
        parse_edit("(0028,0106)", "-5"),
    ]
    new = dcmread(edited_copy(CT, edits, tmp_path))
    assert "StationName" not in new
    assert new.EchoTime == 4.5
    assert [i.PatientID for i in new.OtherPatientIDsSequence] == ["NEW"]
    assert new.SmallestImagePixelValue == -5  # SS: the pixels are signed


def test_uids_of_the_levels_that_were_edited(tmp_path: Path) -> None:
    old = dcmread(CT)
    series = dcmread(edited_copy(CT, [parse_edit("SeriesDescription", "x")], tmp_path))
    assert series.StudyInstanceUID == old.StudyInstanceUID
    assert series.SeriesInstanceUID != old.SeriesInstanceUID
    study = dcmread(edited_copy(CT, [parse_edit("PatientID", "x")], tmp_path))
    assert study.StudyInstanceUID != old.StudyInstanceUID
    kept = dcmread(edited_copy(CT, [parse_edit("PatientID", "x")], tmp_path, keep_uids=True))
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        assert kept[keyword].value == old[keyword].value


def test_a_series_is_in_one_study_alone(tmp_path: Path) -> None:
    before = dcmread(CT)
    for edits in (
        [parse_edit("StudyInstanceUID", "1.2.3")],
        [parse_edit("StudyInstanceUID", "1.2.4"), parse_edit("PatientID", "x")],
    ):
        after = dcmread(edited_copy(CT, edits, tmp_path))
        assert after.StudyInstanceUID == edits[0].value
        assert after.SeriesInstanceUID != before.SeriesInstanceUID
    named = [parse_edit("StudyInstanceUID", "1.2.5"), parse_edit("SeriesInstanceUID", "1.2.6")]
    assert dcmread(edited_copy(CT, named, tmp_path)).SeriesInstanceUID == "1.2.6"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientBirthDate", "١٩٧٠٠١٠١"),
        ("SliceThickness", "١.٥"),
        ("InstanceNumber", "١٢"),
        ("Rows", "١٢"),
        ("PatientAge", "٠١٨M"),
        ("StudyTime", "١٢٠٠"),
        ("FrameOfReferenceUID", "1.٢"),
        ("RealWorldValueSlope", "١.٥"),
    ],
)
def test_digits_of_other_scripts_are_no_numbers(keyword: str, value: str) -> None:
    assert validate(keyword, "", value)


def test_references_lead_to_the_copies(tmp_path: Path) -> None:
    image = dcmread(CT)
    report = dcmread(CT)
    report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    one, other = Dataset(), Dataset()
    one.ReferencedSOPInstanceUID = image.SOPInstanceUID
    other.ReferencedSOPInstanceUID = "1.2.99"
    report.ReferencedImageSequence = [one, other]
    report.save_as(tmp_path / "report.dcm")
    done = edited_copies(
        [tmp_path / "report.dcm", CT], [parse_edit("ImageComments", "x")], tmp_path / "out"
    )
    assert len(done.written) == 2
    new_report, new_image = (dcmread(copy) for _, copy in done.written)
    uids = [i.ReferencedSOPInstanceUID for i in new_report.ReferencedImageSequence]
    assert uids == [new_image.SOPInstanceUID, "1.2.99"]
    assert new_report.SeriesInstanceUID == new_image.SeriesInstanceUID != image.SeriesInstanceUID


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    edits = [parse_edit("ImageComments", "x")]
    first = edited_copy(CT, edits, tmp_path, keep_uids=True)
    before = first.read_bytes()
    with pytest.raises(EditError) as caught:
        edited_copy(CT, [parse_edit("ImageComments", "y")], tmp_path, keep_uids=True)
    assert caught.value.reason == "exists"
    assert first.read_bytes() == before
    assert list(tmp_path.iterdir()) == [first]
    report = edited_copies([CT], edits, tmp_path, keep_uids=True)
    assert [(p, r) for p, r, _ in report.refused] == [(CT, "exists")]
    assert any("same SOPInstanceUID" in remark for remark in report.remarks)


def test_a_value_that_is_not_valid_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(EditError, match="no such date"):
        edited_copy(CT, [parse_edit("PatientBirthDate", "19990231")], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_utf8_where_the_character_set_lacks_a_letter(tmp_path: Path) -> None:
    latin = dcmread(CT)
    latin.PatientComments = "Zürich"
    latin.save_as(tmp_path / "latin.dcm")
    edits = [parse_edit("PatientName", "山田^太郎")]
    with pytest.raises(EditError, match="UTF-8"):
        edited_copy(tmp_path / "latin.dcm", edits, tmp_path)
    new = dcmread(edited_copy(tmp_path / "latin.dcm", edits, tmp_path, utf8=True))
    assert new.SpecificCharacterSet == "ISO_IR 192"
    assert str(new.PatientName) == "山田^太郎"
    assert new.PatientComments == "Zürich"


def test_preview() -> None:
    edits = [parse_edit("PatientID", "x"), parse_edit("StationName", None)]
    told = [(c.path, c.name, c.before, c.after) for c in preview(CT, edits)]
    assert told == [
        ("PatientID", "Patient ID", "1CT1", "x"),
        ("StationName", "Station Name", "CT01_OC0", ""),
    ]


@pytest.mark.parametrize(
    "path", ["NoSuchThing", "TransferSyntaxUID", "PixelData", "0010,0000", "a b.c[", ""]
)
def test_what_cannot_be_edited(path: str) -> None:
    with pytest.raises(EditError):
        parse_edit(path, "x")


def test_items_that_are_not_there(tmp_path: Path) -> None:
    edit = parse_edit("OtherPatientIDsSequence[9].PatientID", "x")
    with pytest.raises(EditError, match="no such item"):
        edited_copy(CT, [edit], tmp_path)


def test_an_object_keeps_its_uids_of_need(tmp_path: Path) -> None:
    with pytest.raises(EditError, match="cannot do without"):
        edited_copy(CT, [parse_edit("SOPClassUID", None)], tmp_path)
    with pytest.raises(EditError, match="cannot have the same"):
        edited_copies([CT, CT], [parse_edit("SOPInstanceUID", "1.2")], tmp_path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.dcm").write_bytes(CT.read_bytes()[:1500])
    out = tmp_path / "out"
    report = edited_copies(
        [tmp_path / "cut.dcm", tmp_path / "gone.dcm", CT], [parse_edit("PatientID", "x")], out
    )
    assert [reason for _, reason, _ in report.refused] == ["truncated", "file-missing"]
    assert len(report.written) == len(list(out.iterdir())) == 1
    assert report.to_json()["refused"][0]["reason"] == "truncated"


def test_cancelled(tmp_path: Path) -> None:
    def stop(done: int, _total: int | None, _text: str) -> None:
        if done == 1:
            raise Cancelled("enough")

    shutil.copy(CT, tmp_path / "b.dcm")
    with pytest.raises(Cancelled):
        edited_copies(
            [CT, tmp_path / "b.dcm"], [parse_edit("PatientID", "x")], tmp_path / "o", progress=stop
        )
    assert len(list((tmp_path / "o").iterdir())) == 1


def test_pixels_described_otherwise_are_remarked(tmp_path: Path) -> None:
    report = edited_copies([CT], [parse_edit("Rows", "64")], tmp_path)
    assert any(remark.startswith("Rows describes") for remark in report.remarks)


def test_new_uids_are_the_same_for_the_same() -> None:
    uids = UidMap()
    assert uids["1.2"] == uids["1.2"] != uids["1.3"]


@pytest.mark.parametrize(
    ("keyword", "good", "bad"),
    [
        ("PatientBirthDate", "19700228", "19700230"),
        ("PatientBirthDate", "", "1970-02-28"),
        ("StudyTime", "235959.999999", "250000"),
        ("AcquisitionDateTime", "20200102030405.5+0100", "2020/01"),
        ("PatientAge", "018M", "18M"),
        ("Modality", "CT", "ct"),
        ("Modality", "A" * 16, "A" * 17),
        ("EchoTime", "-1.5e3", "1,5"),
        ("EchoTime", "1.2345678901234", "1.23456789012345678"),
        ("InstanceNumber", "2147483647", "2147483648"),
        ("InstanceNumber", " 12", "12.5"),
        ("Rows", "65535", "65536"),
        ("StudyInstanceUID", "1.2.840.0", "1.02"),
        ("StudyInstanceUID", "1." + "2" * 62, "1." + "2" * 63),
        ("StudyInstanceUID", "1.2", ""),
        ("RetrieveAETitle", "PACS_1", "TOO_LONG_A_TITLE_"),
        ("PatientName", "A^B^C^D^E", "A^B^C^D^E^F"),
        ("PatientName", "a=b=c", "a=b=c=d"),
        ("PatientID", "x" * 64, "x" * 65),
        ("PatientID", "a b", "a\x07b"),
        ("ImageComments", "two\r\nlines", "bell\x07"),
        ("PixelSpacing", "0.5\\0.5", "0.5"),
        ("ImageOrientationPatient", "1\\0\\0\\0\\1\\0", "1\\0\\0"),
        ("FrameIncrementPointer", "(0018,1063)", "FrameTime"),
        ("DiffusionBValue", "1e3", "b"),
        ("RetrieveURL", "https://a.b/c", "no blanks"),
    ],
)
def test_validation(keyword: str, good: str, bad: str) -> None:
    assert validate(keyword, "", good) == []
    assert validate(keyword, "", bad)


def test_validation_by_character_set() -> None:
    assert validate("PatientName", "PN", "Müller", "ISO_IR 100") == []
    assert validate("PatientName", "PN", "Müller", "")
    assert validate("PatientName", "PN", "山田", "ISO_IR 100")
    assert validate("PatientName", "PN", "Yamada=山田", "\\ISO 2022 IR 87") == []
    assert validate("PixelData", "OW", "1")
    assert validate("nothing", "", "1")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(EditError, match="cannot be made"):
        edited_copies([CT], [parse_edit("PatientID", "x")], tmp_path / "file" / "below")
