"""DICOM JSON: values by keyword, and data sets that pydicom reads as it reads the JSON."""

from __future__ import annotations

import base64
import io
import json

import pydicom
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.json_model import encode_item, items_of, text_of, values_of


def read(raw: bytes) -> Dataset:
    return pydicom.filereader.read_dataset(io.BytesIO(raw), False, True)


NAME = {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]}


def test_values_are_text_by_keyword() -> None:
    item = {
        "00100010": NAME,
        "00080061": {"vr": "CS", "Value": ["CT", None, "MR"]},
        "00201208": {"vr": "IS", "Value": [12]},
        "00280030": {"vr": "DS", "Value": [0.5, 2.0]},
        "00080050": {"vr": "SH"},
        "00400275": {"vr": "SQ", "Value": [{"00401001": {"vr": "SH", "Value": ["P7"]}}, 5]},
        "00091001": {"vr": "LO", "Value": ["private"]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "x"},
        "nonsense": {"vr": "LO", "Value": ["x"]},
        "00100020": "no element",
    }
    assert values_of(item) == {
        "PatientName": "Yamada^Tarou=山田^太郎",
        "ModalitiesInStudy": "CT\\\\MR",
        "NumberOfStudyRelatedInstances": "12",
        "PixelSpacing": "0.5\\2",
        "AccessionNumber": "",
        "RequestAttributesSequence": [{"RequestedProcedureID": "P7"}],
    }


def test_control_characters_do_not_come_through() -> None:
    item = {"00081030": {"vr": "LO", "Value": ["a\x1b[2Jb"]}}
    assert "\x1b" not in values_of(item)["StudyDescription"]


def test_encoded_as_pydicom_reads_it(reference_data) -> None:
    """Against pydicom's own reading of pydicom's JSON, of files with sequences and names."""
    for name in ("charset/chrH32.dcm", "charset/chrSQEncoding.dcm", "sr", "enhanced"):
        path = reference_data / name
        if path.is_dir():
            path = next(p for p in sorted(path.rglob("*.dcm")))
        original = pydicom.dcmread(path, stop_before_pixels=True)
        item = json.loads(json.dumps(original.to_json_dict()))
        problems: list[tuple[str, str]] = []
        made = read(encode_item(item, problems=problems))
        assert problems == []
        expected = Dataset.from_json(item)
        for element in expected:
            if element.tag in (0x00080005,) or element.tag.element == 0:
                continue
            assert element.tag in made, element
            if element.VR in ("DS", "SQ", "FL", "FD", "OB", "OW", "UN"):
                continue
            assert str(made[element.tag].value) == str(element.value), (path, element)
        assert made.SpecificCharacterSet == "ISO_IR 192"


def test_names_and_numbers_keep_their_values() -> None:
    item = {
        "00100010": NAME,
        "00280010": {"vr": "US", "Value": [512]},
        "00189087": {"vr": "FD", "Value": [1000.5, "NaN"]},
        "00209165": {"vr": "AT", "Value": ["00209057"]},
        "00280034": {"vr": "IS", "Value": [1, 2]},
        "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.3"]}}, {}]},
        "00281201": {"vr": "OW", "InlineBinary": base64.b64encode(b"\1\2\3\4").decode()},
        "00281202": {"vr": "OW", "BulkDataURI": "green"},
        "00281203": {"vr": "OW", "BulkDataURI": "gone"},
    }
    seen: list[tuple[int, str]] = []

    def bulk(tag: int, uri: str) -> bytes | None:
        seen.append((tag, uri))
        return b"\5\6" if uri == "green" else None

    made = read(encode_item(item, bulk=bulk))
    assert str(made.PatientName) == "Yamada^Tarou=山田^太郎"
    assert made.Rows == 512
    assert made[0x00189087].value[0] == 1000.5
    assert made[0x00209165].value == 0x00209057
    assert [len(one) for one in made.ReferencedImageSequence] == [1, 0]
    assert made.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3"
    assert made.RedPaletteColorLookupTableData == b"\1\2\3\4"
    assert made.GreenPaletteColorLookupTableData == b"\5\6"
    assert "BluePaletteColorLookupTableData" not in made
    assert seen == [(0x00281202, "green"), (0x00281203, "gone")]


@pytest.mark.parametrize(
    "element",
    [
        {"vr": "US", "Value": ["many"]},
        {"vr": "US", "Value": [70_000]},
        {"vr": "SS", "Value": [None]},
        {"vr": "OB", "InlineBinary": "%%%"},
        {"vr": "XYZ", "Value": [1]},
        {"vr": 7, "Value": [1]},
        {"vr": "LO", "Value": "text"},
        {"vr": "AT", "Value": ["zzzz"]},
        {"vr": "FD", "Value": [{}]},
        {"vr": "IS", "Value": [{"Alphabetic": []}], "x": 1},
        [],
        None,
    ],
)
def test_what_cannot_be_is_left_out_and_the_rest_is_there(element) -> None:
    item = {"00280011": element, "00280010": {"vr": "US", "Value": [3]}}
    problems: list[tuple[str, str]] = []
    made = read(encode_item(item, problems=problems))
    assert made.Rows == 3
    assert problems or "Columns" in made


def test_sequences_without_end_do_not_end_us() -> None:
    inner: dict[str, object] = {}
    for _ in range(500):
        inner = {"00081140": {"vr": "SQ", "Value": [inner]}}
    problems: list[tuple[str, str]] = []
    encode_item(inner, problems=problems)
    assert ("bad-value", "00081140 SQ: ValueError") in problems
    assert values_of(inner)


def test_long_values_keep_the_data_set_readable() -> None:
    item = {
        "00081030": {"vr": "LO", "Value": ["a" * 100_000]},
        "00280010": {"vr": "US", "Value": [9]},
    }
    made = read(encode_item(item))
    assert made.Rows == 9


def test_items_of_answers() -> None:
    assert items_of([{"0020000D": {"vr": "UI", "Value": ["1.2"]}}])
    assert text_of(items_of({"0020000D": {"vr": "UI", "Value": ["1.2"]}})[0], "0020000D") == "1.2"
    for wrong in (None, "x", 5, {"Details": "error"}, ["1", "2"], [[]]):
        with pytest.raises(NetworkError) as caught:
            items_of(wrong)
        assert caught.value.reason == "not-dicomweb"
