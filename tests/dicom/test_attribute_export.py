"""JSON, CSV and text of attributes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file

from napari_dicomdb.dicom.attribute_export import (
    csv_text,
    json_text,
    safe_cell,
    tree_csv,
    tree_json,
    tree_lines,
    write_text,
)
from napari_dicomdb.dicom.attributes import read_attributes

CT = Path(str(get_testdata_file("CT_small.dcm")))


def test_json_is_the_dicom_json_model() -> None:
    model = tree_json(read_attributes(CT))
    wanted = dcmread(CT, stop_before_pixels=True)
    body = {tag: value for tag, value in model.items() if tag[:4] != "FFFC"}
    again = Dataset.from_json(body)
    assert again.PatientName == wanted.PatientName
    assert again.OtherPatientIDsSequence[1].PatientID == "1234ABCD"
    assert body.keys() == wanted.to_json_dict().keys()
    assert json.loads(json_text(model)) == model


@pytest.mark.parametrize("name", ["CT_small.dcm", "test-SR.dcm", "rtplan.dcm"])
def test_json_has_what_dcmtk_writes(name: str, program: Callable[[str], str]) -> None:
    path = str(get_testdata_file(name))
    said = subprocess.run([program("dcm2json"), path], capture_output=True, check=True).stdout
    assert _told(tree_json(read_attributes(Path(path)))) == _told(json.loads(said))


def _told(model: dict[str, Any]) -> dict[str, Any]:
    """What a model has, without digits and pixels."""
    told = {}
    for tag, element in model.items():
        value = element.get("Value")
        if tag[:4] == "7FE0" or tag == "FFFCFFFC":
            continue
        if element["vr"] == "SQ":
            value = [_told(item) for item in value] if value is not None else None
        elif element["vr"] in ("FL", "FD", "DS"):
            value = None if value is None else len(value)
        told[tag] = (element["vr"], sorted(element), value)
    return told


def test_csv_has_a_row_an_element() -> None:
    rows = list(csv.DictReader(io.StringIO(tree_csv(read_attributes(CT)), newline="")))
    by_path = {row["Path"]: row for row in rows}
    assert by_path["PatientID"]["Value"] == dcmread(CT).PatientID
    assert by_path["OtherPatientIDsSequence[2].PatientID"]["Value"] == "1234ABCD"
    assert len(rows) == sum(1 for one in read_attributes(CT).walk() if not one.is_item)


def test_text_is_indented() -> None:
    lines = list(tree_lines(read_attributes(CT)))
    assert "(0010,0020) LO Patient ID: 1CT1" in lines
    assert "    (0010,0020) LO Patient ID: 1234ABCD" in lines


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-x", "@SUM(1)", " =1", "\t=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-1.5", "+2", "-1.0\\-0.5", "1e-3", "text", ""])
def test_numbers_stay_numbers(cell: str) -> None:
    assert safe_cell(cell) == cell


def test_rfc_4180() -> None:
    text = csv_text(["a", "b"], [["x,y", 'say "hi"'], ["1\n2", None]], byte_order_mark=True)
    assert text == '\ufeffa,b\r\n"x,y","say ""hi"""\r\n"1\n2",\r\n'


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    write_text(target, "ä\r\n")
    assert target.read_bytes() == b"\xc3\xa4\r\n"
    write_text(target, "b")
    assert target.read_bytes() == b"b"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(OSError, match="No such file"):
        write_text(tmp_path / "none" / "a.csv", "c")
