"""The verb show."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from napari_dicomdb.dicom import attributes


def _file(phantom: Path) -> Path:
    return next(p for p in sorted(phantom.rglob("*")) if p.is_file())


def test_show_a_file(dicomdb: Callable[..., Any], phantom: Path) -> None:
    dataset = pydicom.dcmread(_file(phantom))
    outcome = dicomdb("show", _file(phantom))
    assert outcome.code == 0
    assert f"(0020,000D) UI Study Instance UID: {dataset.StudyInstanceUID}" in outcome.out
    assert f"(7FE0,0010) OW Pixel Data: {len(dataset.PixelData)} bytes" in outcome.out


def test_show_as_dicom_json(dicomdb: Callable[..., Any], phantom: Path) -> None:
    dataset = pydicom.dcmread(_file(phantom))
    shown = dicomdb("show", _file(phantom), "--json").json
    assert shown["00080018"] == {"vr": "UI", "Value": [dataset.SOPInstanceUID]}


def test_show_an_instance_of_the_database(dicomdb: Callable[..., Any], phantom: Path) -> None:
    assert dicomdb("import", phantom).code == 0
    uid = pydicom.dcmread(_file(phantom)).SOPInstanceUID
    outcome = dicomdb("show", uid, "--filter", "sop instance")
    assert uid in outcome.out
    assert all("sop instance" in line.casefold() for line in outcome.out.splitlines())


@pytest.fixture
def unreadable(phantom: Path, tmp_path: Path) -> Path:
    """Return a file whose decimal string is no number, and one of a VR that does not exist."""
    file = tmp_path / "odd.dcm"
    dataset = pydicom.dcmread(_file(phantom))
    dataset.SliceThickness, dataset.SliceLocation = "2.5", "7.25"
    dataset.save_as(file)
    raw = file.read_bytes()
    for tag, vr, value, new in (
        (b"\x18\x00\x50\x00", b"DS", b"2.5 ", b"DS\x04\x00a\x1bc "),
        (b"\x20\x00\x41\x10", b"DS", b"7.25", b"Q!\x04\x007.25"),
    ):
        old = tag + vr + b"\x04\x00" + value
        assert raw.count(old) == 1
        raw = raw.replace(old, tag + new)
    file.write_bytes(raw)
    return file


def test_show_values_that_contradict_their_vr(
    dicomdb: Callable[..., Any], unreadable: Path
) -> None:
    outcome = dicomdb("show", unreadable)
    assert (outcome.code, outcome.err) == (0, "")
    said = "(0020,1041) ?? Slice Location: unreadable: there is no VR 'Q!': 4 bytes: 37 2E 32 35"
    assert said in outcome.out
    assert "\x1b" not in outcome.out
    model = dicomdb("show", unreadable, "--json").json
    assert model["00180050"] == {"vr": "UN", "InlineBinary": "YRtjIA=="}
    assert model["00201041"] == {"vr": "UN", "InlineBinary": "Ny4yNQ=="}
    assert model["00080060"]["Value"] == [pydicom.dcmread(unreadable).Modality]


def test_show_what_is_not_dicom(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no")
    outcome = dicomdb("show", tmp_path / "a.txt")
    assert outcome.code == 1
    assert "Traceback" not in outcome.err


def test_filter_by_vr_and_tag(dicomdb: Callable[..., Any], phantom: Path) -> None:
    names = dicomdb("show", _file(phantom), "--filter", "vr:PN").out.splitlines()
    assert names
    assert all(" PN " in line for line in names)
    (line,) = dicomdb("show", _file(phantom), "--filter", "0008,0060").out.splitlines()
    assert line.startswith("(0008,0060) CS Modality: ")


def test_show_as_a_table(dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path) -> None:
    target = tmp_path / "tags.csv"
    assert dicomdb("show", _file(phantom), "--csv", target).code == 0
    with target.open(encoding="utf-8", newline="") as file:
        rows = {row["Keyword"]: row for row in csv.DictReader(file) if row["Keyword"]}
    dataset = pydicom.dcmread(_file(phantom))
    assert rows["Modality"]["Value"] == dataset.Modality
    assert rows["Modality"]["Tag"] == "(0008,0060)"


def test_show_what_is_left_of_a_file(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    whole = _file(phantom).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:600])
    outcome = dicomdb("show", tmp_path / "cut.dcm")
    assert outcome.code == 1
    assert "(0008,0016) UI SOP Class UID" in outcome.out
    assert "cut" in outcome.err
    assert "Traceback" not in outcome.err


def test_csv_replaces_nothing_unasked(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    source = next(p for p in phantom.rglob("*") if p.is_file())
    target = tmp_path / "one.csv"
    target.write_text("mine")
    assert dicomdb("show", source, "--csv", target).code == 1
    assert target.read_text() == "mine"
    assert "written to" in dicomdb("show", source, "--csv", target, "-f").out
    assert "PatientID" in target.read_text()


def test_warnings_of_the_library_are_not_printed(
    dicomdb: Callable[..., Any], phantom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> Any:
        warnings.warn("Invalid value for VR UI", stacklevel=2)  # an error in these tests
        return real(path)

    real = attributes.read_attributes
    monkeypatch.setattr(attributes, "read_attributes", read)
    outcome = dicomdb("show", next(p for p in phantom.rglob("*") if p.is_file()))
    assert (outcome.code, outcome.err) == (0, "")
