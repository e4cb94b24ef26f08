"""Per-frame attributes of enhanced multi-frame objects (PS3.3 Section C.7.6.16)."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._decode import is_number_vr
from napari_dicomdb.dicom._dictionary import NESTED_ELEMENTS, Tree, tree_of
from napari_dicomdb.dicom.values import Value, parse_ds, parse_is

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.dataset import Dataset

__all__ = [
    "DERIVATION",
    "GROUPS_TREE",
    "SOURCES_TREE",
    "FrameTable",
    "FrameValue",
    "from_dataset",
    "from_items",
]

FrameValue = str | int | float | list[Any] | None

SHARED = "SharedFunctionalGroupsSequence"
PER_FRAME = "PerFrameFunctionalGroupsSequence"
DIMENSIONS = "DimensionIndexSequence"

# What is kept of each functional group; of a group's items the first counts.
_FRAME_TYPE = "FrameType PixelPresentation VolumetricProperties ComplexImageComponent"
_CONVERTED = (
    "EchoTime InversionTime TriggerTime FlipAngle RepetitionTime AcquisitionNumber"
    " AcquisitionDate AcquisitionTime AcquisitionDateTime ContentTime InstanceNumber"
    " SliceLocation ImageComments TemporalPositionIdentifier FrameReferenceTime"
    " ActualFrameDuration"
)
_GROUPS: dict[str, str] = {
    "FrameContentSequence": "FrameAcquisitionNumber FrameReferenceDateTime"
    " FrameAcquisitionDateTime FrameAcquisitionDuration CardiacCyclePosition"
    " RespiratoryCyclePosition DimensionIndexValues TemporalPositionIndex StackID"
    " InStackPositionNumber FrameComments FrameLabel",
    "PlanePositionSequence": "ImagePositionPatient",
    "PlaneOrientationSequence": "ImageOrientationPatient",
    "PixelMeasuresSequence": "PixelSpacing SliceThickness SpacingBetweenSlices",
    "PixelValueTransformationSequence": "RescaleSlope RescaleIntercept RescaleType",
    "FrameVOILUTSequence": "WindowCenter WindowWidth WindowCenterWidthExplanation VOILUTFunction",
    "RealWorldValueMappingSequence": "RealWorldValueSlope RealWorldValueIntercept"
    " RealWorldValueFirstValueMapped RealWorldValueLastValueMapped LUTLabel LUTExplanation"
    " DoubleFloatRealWorldValueFirstValueMapped DoubleFloatRealWorldValueLastValueMapped"
    " MeasurementUnitsCodeSequence.CodeValue"
    " QuantityDefinitionSequence.ConceptCodeSequence.CodeMeaning",
    "MRImageFrameTypeSequence": f"{_FRAME_TYPE} AcquisitionContrast",
    "CTImageFrameTypeSequence": _FRAME_TYPE,
    "PETFrameTypeSequence": _FRAME_TYPE,
    "XRay3DFrameTypeSequence": _FRAME_TYPE,
    "XAXRFFrameCharacteristicsSequence": "FrameType",
    "FramePixelDataPropertiesSequence": "ImagerPixelSpacing",
    "MREchoSequence": "EffectiveEchoTime",
    "MRModifierSequence": "InversionTimes",
    "MRTimingAndRelatedParametersSequence": "RepetitionTime FlipAngle",
    "MRDiffusionSequence": "DiffusionBValue DiffusionDirectionality"
    " DiffusionGradientDirectionSequence.DiffusionGradientOrientation"
    " DiffusionBMatrixSequence.DiffusionBValueXX DiffusionBMatrixSequence.DiffusionBValueXY"
    " DiffusionBMatrixSequence.DiffusionBValueXZ DiffusionBMatrixSequence.DiffusionBValueYY"
    " DiffusionBMatrixSequence.DiffusionBValueYZ DiffusionBMatrixSequence.DiffusionBValueZZ",
    "MRVelocityEncodingSequence": "VelocityEncodingDirection VelocityEncodingMinimumValue"
    " VelocityEncodingMaximumValue",
    "MRArterialSpinLabelingSequence": "ASLContext",
    "CardiacSynchronizationSequence": "NominalPercentageOfCardiacPhase"
    " NominalCardiacTriggerDelayTime ActualCardiacTriggerDelayTime RRIntervalTimeNominal",
    "RespiratorySynchronizationSequence": "NominalPercentageOfRespiratoryPhase",
    "TemporalPositionSequence": "TemporalPositionTimeOffset",
    "CTReconstructionSequence": "ConvolutionKernel",
    "CTXRayDetailsSequence": "KVP",
    "FrameAnatomySequence": "FrameLaterality",
    "SegmentIdentificationSequence": "ReferencedSegmentNumber",
    "PlanePositionVolumeSequence": "ImagePositionVolume",
    "PlaneOrientationVolumeSequence": "ImageOrientationVolume",
    "OpticalPathIdentificationSequence": "OpticalPathIdentifier",
    "PlanePositionSlideSequence": "ColumnPositionInTotalImagePixelMatrix"
    " RowPositionInTotalImagePixelMatrix XOffsetInSlideCoordinateSystem"
    " YOffsetInSlideCoordinateSystem ZOffsetInSlideCoordinateSystem",
    # Legacy converted enhanced objects (PS3.3 Section C.7.6.16.2.25)
    "UnassignedSharedConvertedAttributesSequence": _CONVERTED,
    "UnassignedPerFrameConvertedAttributesSequence": _CONVERTED,
}
_FUNCTIONAL_GROUPS: Tree = tree_of(
    f"{group}.{path}" for group, paths in _GROUPS.items() for path in paths.split()
)
_DIMENSION_TREE: Tree = tree_of([f"{DIMENSIONS}.DimensionIndexPointer"])
GROUPS_TREE: Tree = {
    NESTED_ELEMENTS[SHARED][0]: (SHARED, "SQ", _FUNCTIONAL_GROUPS),
    NESTED_ELEMENTS[PER_FRAME][0]: (PER_FRAME, "SQ", _FUNCTIONAL_GROUPS),
    **_DIMENSION_TREE,
}
"""What to read of the three top-level sequences."""

DERIVATION = "DerivationImageSequence"
"""Functional group that is no part of a `FrameTable`: what a frame was made from."""

SOURCES_TREE: Tree = {
    NESTED_ELEMENTS[group][0]: (
        group,
        "SQ",
        _FUNCTIONAL_GROUPS
        | tree_of([f"{DERIVATION}.SourceImageSequence.ReferencedSOPInstanceUID"]),
    )
    for group in (SHARED, PER_FRAME)
}
"""What to read of them where nothing else says what the frames were made from."""

# A code is kept under the name of what it codes.
_RENAMED = {"CodeValue": "MeasurementUnits", "CodeMeaning": "Quantity"}
# All items of these count: kept whole, as text that can be compared.
_WHOLE = frozenset({"RealWorldValueMappingSequence"})
_KEYWORD_OF_TAG = {tag: keyword for keyword, (tag, _) in NESTED_ELEMENTS.items()}


@dataclass(slots=True)
class FrameTable:
    """What an enhanced object says of each of its frames.

    Parameters
    ----------
    count : int
        Frames described: items of PerFrameFunctionalGroupsSequence.
    shared : dict
        Keyword -> value that holds for all frames. Numbers are numbers, lists of
        numbers lists. ``"DimensionIndexPointers"`` lists the keywords (or
        "(gggg,eeee)") that DimensionIndexValues index, in order.
    per_frame : dict
        Keyword -> one value per frame, None where a frame has none.
    problems : list of (code, text)
        What was ignored.
    """

    count: int
    shared: dict[str, FrameValue] = field(default_factory=dict)
    per_frame: dict[str, list[FrameValue]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def get(self, keyword: str, frame: int, default: Any = None) -> Any:
        """Value of `keyword` for `frame` (0-based): its own, else the shared one."""
        column = self.per_frame.get(keyword)
        if column is not None and column[frame] is not None:
            return column[frame]
        return self.shared.get(keyword, default)

    def column(self, keyword: str) -> list[Any]:
        """Values of `keyword` for all frames, None where there is none."""
        return [self.get(keyword, frame) for frame in range(self.count)]

    def to_bytes(self) -> bytes:
        """Return the table as compressed JSON, as the index keeps it."""
        content = [self.count, self.shared, self.per_frame, self.problems]
        return zlib.compress(json.dumps(content, separators=(",", ":")).encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> FrameTable:
        """Return the table that `to_bytes` wrote."""
        count, shared, per_frame, problems = json.loads(zlib.decompress(data))
        return cls(count, shared, per_frame, [(code, text) for code, text in problems])


def from_items(groups: dict[str, list[dict[str, Any]]]) -> FrameTable | None:
    """Build the table from the items of the three sequences, read through `GROUPS_TREE`.

    Returns None when there are no functional groups.
    """
    shared_items, frame_items = groups.get(SHARED, []), groups.get(PER_FRAME, [])
    if not shared_items and not frame_items:
        return None
    table = FrameTable(count=len(frame_items))
    for item in shared_items[:1]:
        table.shared.update(_flatten(item, table.problems, "shared"))
    for number, item in enumerate(frame_items):
        for keyword, value in _flatten(item, table.problems, f"frame {number + 1}").items():
            column = table.per_frame.get(keyword)
            if column is None:
                column = table.per_frame[keyword] = [None] * table.count
            column[number] = value
    pointers = [item.get("DimensionIndexPointer") for item in groups.get(DIMENSIONS, [])]
    if pointers:
        table.shared["DimensionIndexPointers"] = [
            _keyword_of(tag) if isinstance(tag, int) else "" for tag in pointers
        ]
    return table


def _flatten(
    groups: dict[str, Any], problems: list[tuple[str, str]], where: str
) -> dict[str, FrameValue]:
    """Keyword -> number(s) or text of one item's functional groups; the first wins."""
    flat: dict[str, FrameValue] = {}
    for group, value in groups.items():
        if group in _WHOLE and value:
            flat[group] = json.dumps(value, separators=(",", ":"), sort_keys=True)
        for keyword, inner in (value[0] if value else {}).items():
            if isinstance(inner, list) and inner and isinstance(inner[0], dict):
                for deeper, deepest in _flatten({keyword: inner}, problems, where).items():
                    flat.setdefault(_RENAMED.get(deeper, deeper), deepest)
            elif inner not in ("", []) and keyword not in flat:
                number = _as_number(keyword, inner)
                if number is None:
                    problems.append(("bad-value", f"{keyword} of {where} is {inner!r:.40}"))
                else:
                    flat[keyword] = number
    return flat


def _as_number(keyword: str, value: Value) -> FrameValue:
    vr = NESTED_ELEMENTS[keyword][1]
    if vr not in {"DS", "IS"}:
        if is_number_vr(vr) or isinstance(value, str):
            return value
        return str(value)
    try:
        numbers: list[Any] = list(parse_ds(value) if vr == "DS" else parse_is(value))
    except ValueError:
        return None
    if not numbers:
        return None
    return numbers[0] if len(numbers) == 1 else numbers


def _keyword_of(tag: int) -> str:
    known = _KEYWORD_OF_TAG.get(tag)
    if known is None:
        from pydicom.datadict import keyword_for_tag

        known = keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    return known


def from_dataset(dataset: Dataset) -> FrameTable | None:
    """Return the table of a pydicom data set, None when it has no functional groups."""
    from napari_dicomdb.dicom._fallback import charsets_in

    charsets = charsets_in(dataset, ())
    return from_items(
        {
            keyword: items_of_sequence(dataset[tag].value or [], tree or {}, charsets)
            for tag, (keyword, _, tree) in GROUPS_TREE.items()
            if tag in dataset
        }
    )


def items_of_sequence(
    sequence: Iterable[Dataset], tree: Tree, charsets: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Items of a pydicom sequence in the form that the walker gives them."""
    from napari_dicomdb.dicom._fallback import charsets_in, value_of

    items: list[dict[str, Any]] = []
    for dataset in sequence:
        item: dict[str, Any] = {}
        own = charsets_in(dataset, charsets)
        for tag, (keyword, vr, below) in tree.items():
            if tag not in dataset:
                continue
            if vr == "SQ":
                value: Any = items_of_sequence(dataset[tag].value or [], below or {}, own)
            else:
                value = value_of(dataset, tag, vr, own)
            if value is not None:
                item[keyword] = value
        items.append(item)
    return items
