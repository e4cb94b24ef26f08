"""What differs between two objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file

from napari_dicomdb.dicom.attributes import read_attributes
from napari_dicomdb.dicom.comparison import (
    Difference,
    ValueSets,
    compare_trees,
    compare_value_sets,
)
from napari_dicomdb.errors import Cancelled

CT = Path(str(get_testdata_file("CT_small.dcm")))


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """Return a copy with one value changed, one added, one removed, one item more."""
    dataset = dcmread(CT)
    dataset.PatientID = "other"
    dataset.PatientComments = "new"
    del dataset.StationName
    more = Dataset()
    more.PatientID = "FIRST"
    dataset.OtherPatientIDsSequence.insert(0, more)
    dataset.save_as(tmp_path / "b.dcm")
    return tmp_path / "b.dcm"


def test_only_the_differences(changed: Path) -> None:
    found = compare_trees(read_attributes(CT), read_attributes(changed))
    told = {one.path: (one.kind, one.left, one.right) for one in found}
    assert told == {
        "PatientID": ("changed", "1CT1", "other"),
        "PatientComments": ("right-only", "", "new"),
        "StationName": ("left-only", "CT01_OC0", ""),
        "OtherPatientIDsSequence[1]": ("right-only", "", "1 attribute"),
    }


def test_everything_when_asked(changed: Path) -> None:
    left = read_attributes(CT)
    found = compare_trees(left, read_attributes(changed), everything=True)
    same = {one.path for one in found if one.kind == "same"}
    assert "Modality" in same
    # Items are matched where they stand now.
    assert "OtherPatientIDsSequence[1→2].PatientID" in same


def test_nothing_differs_from_itself() -> None:
    assert compare_trees(read_attributes(CT), read_attributes(CT)) == []


def test_json() -> None:
    one = Difference("A", "a", "LO", "1", "2", "changed")
    assert one.to_json() == {
        "path": "A", "name": "a", "vr": "LO", "left": "1", "right": "2", "kind": "changed",
    }  # fmt: skip


def test_it_can_be_cancelled() -> None:
    def stop(_done: int, _total: int | None, _text: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        compare_trees(read_attributes(CT), read_attributes(CT), progress=stop)


def sets(*objects: dict[str, object]) -> ValueSets:
    made = ValueSets()
    for one in objects:
        made.add_values(one)
    return made


def test_sets_of_values() -> None:
    left = sets(*({"InstanceNumber": k, "Modality": "CT", "EchoTime": "5"} for k in range(1, 121)))
    right = sets(
        {"InstanceNumber": 1, "Modality": "CT", "EchoTime": "5"},
        {"InstanceNumber": 2, "Modality": "CT", "KVP": "120"},
    )
    told = {d.path: (d.left, d.right, d.kind) for d in compare_value_sets(left, right)}
    assert told == {
        "InstanceNumber": ("varies: 1 to 120", "varies: 1 to 2", "changed"),
        "EchoTime": ("5", "5 (in 1 of 2)", "changed"),
        "KVP": ("", "120 (in 1 of 2)", "right-only"),
    }
    assert "Modality" in {d.path for d in compare_value_sets(left, right, everything=True)}


def test_more_values_than_are_kept() -> None:
    def numbered(*numbers: int) -> ValueSets:
        return sets(*({"InstanceNumber": n, "ImageComments": f"no. {n}"} for n in numbers))

    (number, comments) = compare_value_sets(numbered(*range(1, 2001)), numbered(*range(1, 1501)))
    assert (number.left, number.right) == ("varies: 1 to 2000", "varies: 1 to 1500")
    assert comments.left.startswith("varies: 2000 values")
    assert comments.right.startswith("varies: 1500 values")
    assert compare_value_sets(numbered(*range(2000)), numbered(*range(1999, -1, -1))) == []


def test_values_that_are_no_numbers() -> None:
    left = sets({"Laterality": "R"}, {"Laterality": "L"})
    (one,) = compare_value_sets(left, sets({"Laterality": "L"}))
    assert one.left == "varies: 2 values (L, R)"


def test_sets_of_whole_objects() -> None:
    made = ValueSets()
    made.add_tree(read_attributes(CT))
    assert made.sets["OtherPatientIDsSequence[1].PatientID"].told(1) == "ABCD1234"
