"""Frame tables of enhanced objects against pydicom's own reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset

from napari_dicomdb.dicom.functional_groups import FrameTable, from_dataset
from napari_dicomdb.dicom.header import scan_file

ENHANCED = (
    "mr_vendors/*enhanced*/dicom/*",
    "mr_vendors/*hyperfine*/dicom/*",
    "mr_vendors/*multiframe*/dicom/*",
    "enhanced/*/dicom/*",
)
PLACES = {
    "ImagePositionPatient": ("PlanePositionSequence",),
    "ImageOrientationPatient": ("PlaneOrientationSequence",),
    "PixelSpacing": ("PixelMeasuresSequence",),
    "SliceThickness": ("PixelMeasuresSequence",),
    "SpacingBetweenSlices": ("PixelMeasuresSequence",),
    "RescaleSlope": ("PixelValueTransformationSequence",),
    "RescaleIntercept": ("PixelValueTransformationSequence",),
    "RescaleType": ("PixelValueTransformationSequence",),
    "WindowCenter": ("FrameVOILUTSequence",),
    "WindowWidth": ("FrameVOILUTSequence",),
    "StackID": ("FrameContentSequence",),
    "InStackPositionNumber": ("FrameContentSequence",),
    "TemporalPositionIndex": ("FrameContentSequence",),
    "DimensionIndexValues": ("FrameContentSequence",),
    "FrameAcquisitionDateTime": ("FrameContentSequence",),
    "EffectiveEchoTime": ("MREchoSequence",),
    "FrameType": ("MRImageFrameTypeSequence",),
    "DiffusionBValue": ("MRDiffusionSequence",),
    "DiffusionDirectionality": ("MRDiffusionSequence",),
    "DiffusionGradientOrientation": (
        "MRDiffusionSequence",
        "DiffusionGradientDirectionSequence",
    ),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence",),
}


def _look_up(dataset: Dataset, keyword: str, frame: int) -> Any:
    """Find a value as the standard says: in the frame's group, else in the shared one."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
    for groups in (dataset.PerFrameFunctionalGroupsSequence[frame], shared[0]):
        here = groups
        for step in PLACES[keyword]:
            here = here[step].value[0] if here is not None and here.get(step) else None
        if here is not None and here.get(keyword) is not None:
            return here[keyword].value
    return None


def _comparable(value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, str | int | float):
        return float(value) if not isinstance(value, str) else value
    parts = [_comparable(part) for part in value]
    return "\\".join(parts) if all(isinstance(part, str) for part in parts) else parts


def test_vendors_enhanced_files(reference_data: Path) -> None:
    paths = [path for pattern in ENHANCED for path in sorted(reference_data.glob(pattern))]
    assert len(paths) >= 15
    seen: set[str] = set()
    for path in paths:
        header = scan_file(path)
        dataset = dcmread(path, stop_before_pixels=True)
        table = header.frames
        assert table is not None, path
        assert header.scanned_by == "walker"
        assert table.count == len(dataset.PerFrameFunctionalGroupsSequence)
        assert table.problems == []
        for keyword in PLACES:
            for frame in range(table.count):
                expected = _comparable(_look_up(dataset, keyword, frame))
                assert _comparable(table.get(keyword, frame)) == expected, (path, keyword, frame)
                if expected is not None:
                    seen.add(keyword)
        if "DimensionIndexSequence" in dataset:
            pointers = [item.DimensionIndexPointer for item in dataset.DimensionIndexSequence]
            expected_names = [
                keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in pointers
            ]
            assert table.shared["DimensionIndexPointers"] == expected_names
        assert from_dataset(dataset) == table
        assert scan_file(path, by="pydicom").frames == table
    assert seen == set(PLACES)


def _enhanced() -> Dataset:
    dataset = Dataset()
    shared = Dataset()
    measures = Dataset()
    measures.PixelSpacing = [0.5, 0.25]
    shared.PixelMeasuresSequence = [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for number in range(3):
        frame, plane, content = Dataset(), Dataset(), Dataset()
        plane.ImagePositionPatient = [1, 2, number]
        content.DimensionIndexValues = [1, number + 1]
        content.StackID = "A"
        frame.PlanePositionSequence = [plane]
        frame.FrameContentSequence = [content]
        if number == 1:
            own = Dataset()
            own.PixelSpacing = [2, 2]
            frame.PixelMeasuresSequence = [own]
        dataset.PerFrameFunctionalGroupsSequence.append(frame)
    return dataset


def test_frames_fall_back_on_the_shared_value() -> None:
    table = from_dataset(_enhanced())
    assert table is not None
    assert table.column("PixelSpacing") == [[0.5, 0.25], [2.0, 2.0], [0.5, 0.25]]
    assert table.column("DimensionIndexValues") == [[1, 1], [1, 2], [1, 3]]
    assert table.get("StackID", 2) == "A"
    assert table.get("EffectiveEchoTime", 0) is None
    assert table.get("EffectiveEchoTime", 0, 5.0) == 5.0


def test_classic_object_has_no_table() -> None:
    assert from_dataset(Dataset()) is None


def test_bytes_keep_everything() -> None:
    table = from_dataset(_enhanced())
    assert table is not None
    table.problems.append(("code", "text äöü"))
    assert FrameTable.from_bytes(table.to_bytes()) == table


def test_bad_numbers_are_problems() -> None:
    dataset = _enhanced()
    plane = dataset.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence[0]
    raw = plane["ImagePositionPatient"].to_json_dict(None, 0)
    assert raw["Value"] == [1, 2, 2]
    del plane.ImagePositionPatient
    plane.add_new(tag_for_keyword("ImagePositionPatient"), "LO", ["1", "x", "2"])
    table = from_dataset(dataset)
    assert table is not None
    assert table.per_frame["ImagePositionPatient"][2] is None
    assert [code for code, _ in table.problems] == ["bad-value"]
    assert "frame 3" in table.problems[0][1]


def test_private_sequences_within_groups_are_ignored() -> None:
    dataset = _enhanced()
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        inner, plane = Dataset(), Dataset()
        plane.ImagePositionPatient = [9, 9, 9]
        inner.PlanePositionSequence = [plane]
        block = frame.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
        block.add_new(0x0F, "SQ", [inner])
    table = from_dataset(dataset)
    assert table is not None
    assert table.get("ImagePositionPatient", 0) == [1.0, 2.0, 0.0]


def test_legacy_converted_attributes_are_found() -> None:
    dataset = _enhanced()
    for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        converted = Dataset()
        converted.EchoTime = 10 + number
        frame.UnassignedPerFrameConvertedAttributesSequence = [converted]
    table = from_dataset(dataset)
    assert table is not None
    assert table.column("EchoTime") == [10.0, 11.0, 12.0]


@pytest.mark.parametrize("count", [0, 2])
def test_units_of_real_world_values(count: int) -> None:
    dataset = _enhanced()
    mapping = Dataset()
    mapping.RealWorldValueSlope = 0.5
    mapping.RealWorldValueIntercept = 1.0
    mapping.MeasurementUnitsCodeSequence = [Dataset() for _ in range(count)]
    for unit in mapping.MeasurementUnitsCodeSequence:
        unit.CodeValue = "mm2/s"
    dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = [mapping]
    table = from_dataset(dataset)
    assert table is not None
    assert table.shared["RealWorldValueSlope"] == 0.5
    assert table.shared.get("MeasurementUnits") == ("mm2/s" if count else None)
