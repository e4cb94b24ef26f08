"""Which frames of a series belong in one stack.

Two steps. What can never share an array or a geometry is set apart: matrix,
colour, orientation, pixel spacing, frame of reference, localizers, stacks. Then,
where several frames claim one position, the combination of attributes that
tells them apart is looked for (`reference/multivolume.md` MV-1 to MV-3). An
attribute that only varies along a stack, as AcquisitionNumber or ContentTime
may, separates nothing and therefore never splits it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.geometry import examine_stack, patient_direction, slice_normal
from napari_dicomdb.loading.coding import (
    codes_of,
    combined_codes,
    first_come,
    mapped,
    members_of,
)
from napari_dicomdb.loading.examination import once
from napari_dicomdb.loading.frames import FrameLabels
from napari_dicomdb.loading.sorting import is_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.dicom.geometry import Stack
    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["SOFT_KEYWORDS", "Part", "places_of", "split_apart", "split_repeats", "stack_of"]

SOFT_KEYWORDS: tuple[str, ...] = (
    "ImageType",
    "ComplexImageComponent",
    "EchoNumbers",
    "EchoTime",
    "EffectiveEchoTime",
    "TemporalPositionIdentifier",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "DiffusionDirectionality",
    "MRDiffusionSequence.DiffusionBValue",
    "GE_0043_1039",
    "SIEMENS_0019_100C",
    "PHILIPS_2001_1003",
    "UIH_0065_1009",
    "GE_0019_10BB",
    "SIEMENS_0019_100E",
    "PHILIPS_2005_10B0",
    "UIH_0065_1037",
    "PHILIPS_2005_1011",
    "GE_0043_102F",
    "PHILIPS_2001_1008",
    "InversionTime",
    "InversionTimes",
    "ASLContext",
    "FlipAngle",
    "RepetitionTime",
    "NominalPercentageOfCardiacPhase",
    "NominalPercentageOfRespiratoryPhase",
    "TriggerTime",
    "AcquisitionNumber",
    "ScanOptions",
    "SequenceName",
    "ConvolutionKernel",
    "KVP",
    "SliceThickness",
    "ContrastBolusAgent",
    "SeriesDescription",
    "FrameReferenceTime",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "ContentTime",
    "ReferencedSegmentNumber",
    "VelocityEncodingDirection",
    "SOPClassUID",
    "RescaleType",
    "Units",
)
"""What may tell frames at one position apart, most telling first (MV-1)."""

COSINE_TOLERANCE = 1e-3
SPACING_TOLERANCE = 1e-3
_MOST_COMBINED = 3  # MV-2: up to three dimensions beside space
_FEWEST_OF_A_PART = 3  # two slices are always evenly spaced: that proves nothing


@dataclass(frozen=True, eq=False)
class Part:
    """Frames that belong in one stack.

    Parameters
    ----------
    indices : (N,) ndarray of int
        Into the frame set that was split.
    labels : tuple of (str, value)
        What tells it from its siblings: keyword and value.
    findings : tuple of Finding
        What the split says about it.
    by_order : bool
        Whether no attribute tells it from its siblings, only the order of
        InstanceNumber (MV-3).
    """

    indices: NDArray[np.intp]
    labels: tuple[tuple[str, Any], ...] = ()
    findings: tuple[Finding, ...] = field(default=())
    by_order: bool = False


@once
def stack_of(frames: FrameSet) -> Stack:
    """Examine `frames` as one stack of slices."""
    return examine_stack(
        frames.positions,
        frames.orientations,
        frames.spacings,
        frames.fields("rows"),
        frames.fields("columns"),
        slice_thickness=_numbers(frames, "SliceThickness"),
        spacing_between_slices=_numbers(frames, "SpacingBetweenSlices"),
        labels=FrameLabels(frames),
    )


@once
def split_apart(frames: FrameSet) -> list[Part]:
    """Set apart what can share neither an array nor a geometry.

    Parameters
    ----------
    frames : FrameSet
        Of one series. Frames without geometry may be among them.

    Returns
    -------
    list of Part
        In the order of their first frame; one part when nothing differs.
    """
    columns: list[tuple[str, list[Any]]] = [
        ("Rows", frames.fields("rows").tolist()),
        ("Columns", frames.fields("columns").tolist()),
        ("colour", [is_colour(i) for i in frames.instances]),
        ("FrameOfReferenceUID", frames.values("FrameOfReferenceUID")),
        ("StackID", _stacks(frames)),
        ("localizer", mapped(_is_localizer, frames.values("ImageType"))),
    ]
    columns[2] = ("colour", [columns[2][1][i] for i in frames.owner.tolist()])
    differing = [
        (name, values, code) for name, values in columns if (code := codes_of(values)).max() > 0
    ]
    orientation = _clusters(frames.orientations, COSINE_TOLERANCE)
    if orientation.max() > 0:
        differing.append(("orientation", _orientation_names(frames, orientation), orientation))
    spacing = _clusters(frames.spacings, SPACING_TOLERANCE)
    if spacing.max() > 0:
        rows = [_rounded(row) for row in frames.spacings]
        differing.append(("PixelSpacing", rows, spacing))
    combined = np.zeros(len(frames), dtype=np.intp)
    for _, _, code in differing:
        combined = codes_of((combined * (int(code.max()) + 1) + code).tolist())
    return [
        Part(
            indices,
            tuple((name, values[indices[0]]) for name, values, _ in differing),
            _split_finding([name for name, _, _ in differing]),
        )
        for indices in members_of(combined)
    ]


def _stacks(frames: FrameSet) -> list[Any]:
    """Return the StackID of each frame, unless every frame claims a stack of its own."""
    stacks = frames.values("StackID")
    return stacks if len(set(stacks)) < len(stacks) else [None] * len(stacks)


def split_repeats(frames: FrameSet, stack: Stack | None = None) -> list[Part]:
    """Split frames of one orientation so that each part has every position at most once.

    Parameters
    ----------
    frames : FrameSet
        One of the parts that `split_apart` made, all with geometry.
    stack : Stack, optional
        What `stack_of` says of it, when that is known already.

    Returns
    -------
    list of Part
        One part when no position repeats and the stack is even, or when no
        attribute makes it any better.
    """
    stack = stack or stack_of(frames)
    everything = [Part(np.arange(len(frames)))]
    place = places_of(stack, len(frames))
    repeats = int(np.bincount(place).max())
    if len(stack.order) == 1 or (repeats == 1 and stack.is_regular):
        return everything
    columns = _soft_columns(frames)
    telling = _telling(columns, place, repeats, frames)
    if telling:
        return _parts_by(telling, columns, place)
    if repeats == 1:
        return everything
    return _parts_by_order(frames, place, stack)


def _soft_columns(frames: FrameSet) -> dict[str, tuple[list[Any], NDArray[np.intp]]]:
    """Values and codes of what some frames share and others do not."""
    columns: dict[str, tuple[list[Any], NDArray[np.intp]]] = {}
    for keyword in SOFT_KEYWORDS:
        codes = frames.codes(keyword)
        if 0 < codes.max() < len(frames) - 1:
            columns[keyword] = (frames.values(keyword), codes)
    for name in ("bits_stored", "pixel_representation", "photometric"):
        values = frames.fields(name).tolist()
        codes = codes_of(values)
        if 0 < codes.max() < len(frames) - 1:
            columns[name] = (values, codes)
    return columns


def _telling(
    columns: dict[str, tuple[list[Any], NDArray[np.intp]]],
    place: NDArray[np.intp],
    repeats: int,
    frames: FrameSet,
) -> tuple[str, ...]:
    """Find the fewest attributes that leave each position once in every combination."""
    loose: tuple[str, ...] = ()
    for size in range(1, _MOST_COMBINED + 1):
        for names in combinations(columns, size):
            codes = combined_codes([columns[name][1] for name in names])
            count = int(codes.max()) + 1
            if count < max(repeats, 2) or len(np.unique(place * count + codes)) < len(place):
                continue
            if count == repeats > 1:
                return names
            if not loose and count * _FEWEST_OF_A_PART <= len(place):
                loose = names if _all_even(frames, codes) else loose
        if repeats == 1:
            break  # nothing to tell apart: only a single plain reason may split
    return loose


def _all_even(frames: FrameSet, codes: NDArray[np.intp]) -> bool:
    return all(
        len(indices) >= _FEWEST_OF_A_PART and stack_of(frames.take(indices)).is_regular
        for indices in members_of(codes)
    )


def _parts_by(
    names: tuple[str, ...],
    columns: dict[str, tuple[list[Any], NDArray[np.intp]]],
    place: NDArray[np.intp],
) -> list[Part]:
    members = members_of(combined_codes([columns[name][1] for name in names]))
    labels = [tuple(columns[name][0][indices[0]] for name in names) for indices in members]
    # By value where values have an order, so that echo 1 comes before echo 2.
    with suppress(ValueError, TypeError):
        turn = sorted(range(len(members)), key=lambda k: _ordered(labels[k]))
        members = [members[k] for k in turn]
    findings = list(_split_finding(names))
    sizes = sorted({len(indices) for indices in members})
    if len(sizes) > 1 and int(np.bincount(place).max()) > 1:
        findings.append(
            Finding(
                FindingCode.MULTIFRAME_INCONSISTENT,
                Severity.WARNING,
                f"The {len(members)} parts split by {' and '.join(names)} have different numbers "
                f"of slices: {sizes[0]} to {sizes[-1]}",
                {"slices": [len(indices) for indices in members]},
            )
        )
    return [
        Part(
            indices,
            tuple((name, columns[name][0][indices[0]]) for name in names),
            tuple(findings),
        )
        for indices in members
    ]


def _parts_by_order(frames: FrameSet, place: NDArray[np.intp], stack: Stack) -> list[Part]:
    """Take the first of each position, then the second ... (InstanceNumber order)."""
    numbers = np.array(mapped(_sortable, frames.values("InstanceNumber")))
    turn = np.lexsort((frames.number, frames.owner, numbers, place))
    starts = np.searchsorted(place[turn], place[turn])
    rank = np.empty(len(frames), dtype=np.intp)
    rank[turn] = np.arange(len(frames)) - starts
    findings = tuple(f for f in stack.findings if f.code == FindingCode.DUPLICATE_SLICES)
    return [
        Part(indices, (("repeat", k + 1),), findings, by_order=True)
        for k, indices in enumerate(members_of(rank))
    ]


def _ordered(value: Any) -> Any:
    """Return a sorting key of numbers; text that is none has no order."""
    if isinstance(value, tuple):
        return tuple(_ordered(v) for v in value)
    return -np.inf if value is None else float(value)


def places_of(stack: Stack, count: int) -> NDArray[np.intp]:
    """Return for each of `count` frames which slice of `stack` it lies at."""
    place = np.zeros(count, dtype=np.intp)
    place[list(stack.order)] = np.arange(len(stack.order))
    for group in stack.duplicates:
        place[list(group)] = place[group[0]]
    return place


def _clusters(rows: NDArray[np.float64], tolerance: float) -> NDArray[np.intp]:
    """Give rows numbers so that equal ones (NaN too) share one."""
    filled = np.where(np.isfinite(rows), rows, 1e9)
    if (np.abs(filled - filled[0]) <= tolerance).all():
        return np.zeros(len(rows), dtype=np.intp)
    unique, inverse = np.unique(filled.round(6), axis=0, return_inverse=True)
    code = np.full(len(unique), -1, dtype=np.intp)
    count = 0
    for i in range(len(unique)):
        if code[i] < 0:
            near = (np.abs(unique - unique[i]) <= tolerance).all(axis=1) & (code < 0)
            code[near] = count
            count += 1
    return first_come(code[inverse.reshape(-1)])


def _is_localizer(image_type: Any) -> bool:
    return isinstance(image_type, str) and "LOCALIZER" in image_type.upper().split("\\")


def _orientation_names(frames: FrameSet, codes: NDArray[np.intp]) -> list[Any]:
    names: dict[int, str] = {}
    for code in range(int(codes.max()) + 1):
        cosines = frames.orientations[int(np.argmax(codes == code))]
        names[code] = _orientation_name(cosines)
        if names[code] in list(names.values())[:-1]:
            names[code] += f" {code + 1}"
    return [names[int(code)] for code in codes]


def _orientation_name(cosines: NDArray[np.float64]) -> str:
    if not np.isfinite(cosines).all() or not np.cross(cosines[:3], cosines[3:]).any():
        return "without orientation"
    normal = slice_normal(cosines)
    plane = {"superior": "axial", "inferior": "axial", "left": "sagittal", "right": "sagittal"}
    name = plane.get(patient_direction(normal), "coronal")
    return name if float(np.abs(normal).max()) > 0.95 else f"oblique {name}"


def _rounded(row: NDArray[np.float64]) -> Any:
    return tuple(round(float(v), 6) for v in row) if np.isfinite(row).all() else None


def _split_finding(names: Sequence[str]) -> tuple[Finding, ...]:
    if not names:
        return ()
    return (
        Finding(
            FindingCode.SPLIT_SERIES,
            Severity.INFO,
            f"Images of this series differ in {', '.join(names)}: they are opened apart",
            {"keywords": list(names)},
        ),
    )


def _sortable(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.inf


def _numbers(frames: FrameSet, keyword: str) -> NDArray[np.float64] | None:
    numbers = np.array(mapped(_sortable, frames.values(keyword)))
    numbers[np.isinf(numbers)] = np.nan
    return numbers if np.isfinite(numbers).any() else None
