"""Put what was measured in a stack into findings: plain words with the numbers in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.dicom._stack_measures import GAP_TOLERANCE, GAP_WARNING, Gaps, Line
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.plane import patient_direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

COSINE_NOTICED = 1e-6 * (1 + 1e-6)
"""Slicer splits a series where a direction cosine differs by more than 1e-6."""

PIXEL_WARNING_FRACTION = 0.05
"""Of a pixel: misplacement in the plane that is warned about."""

ORIENTATION_WARNING_FRACTION = 0.1
"""Of a pixel, at the far corner of the image: bend by another orientation."""

MIXED_ORIENTATION_DEGREES = 1.0
"""From here on the images are different views and no volume at all."""

TILT_WARNING_DEGREES = 0.05
"""0.05 degrees are cosines rounded to 3 digits; gantries are set to 0.5 degrees."""

TILT_WARNING_PIXELS = 0.25
"""Shift from the first to the last slice that is warned about at a smaller angle."""

CLAIM_FRACTION = 0.01
"""Of the spacing: by how much a claim in the header must be off to be mentioned."""

GAP_FRACTION = 0.1
"""Of the spacing: a gap between slabs that is mentioned."""

_LISTED = 6
_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


class Names:
    """What to call the images of a stack: their labels, or their number in it."""

    def __init__(self, labels: Sequence[str] | None, order: Sequence[int]) -> None:
        self._labels = labels
        self._order = order

    def __getitem__(self, index: int) -> str:
        """Return the name of the image at `index` of the sorted stack."""
        if self._labels is None:
            return f"slice {index + 1}"
        return str(self._labels[self._order[index]])

    def of_input(self, index: int) -> str:
        """Return the name of the image at `index` of the input."""
        return f"image {index + 1}" if self._labels is None else str(self._labels[index])


def sort(findings: Iterable[Finding | None]) -> tuple[Finding, ...]:
    """Drop what was not found and put the gravest first."""
    return tuple(sorted((f for f in findings if f is not None), key=lambda f: _RANK[f.severity]))


def mm(value: float) -> str:
    """Length for people: three decimals at most, more where it is tiny."""
    return f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{round(value, 3) + 0.0:.10g}"


def _some(parts: Sequence[str]) -> str:
    shown = ", ".join(parts[:_LISTED])
    return shown if len(parts) <= _LISTED else f"{shown} and {len(parts) - _LISTED} more"


def no_geometry(
    unplaced: Sequence[int], count: int, labels: Sequence[str] | None
) -> Finding | None:
    """Say which images have no place in the patient."""
    if not unplaced:
        return None
    numbers = {"count": len(unplaced), "of": count}
    if len(unplaced) == count:
        subject = "The image has" if count == 1 else f"None of the {count} images has"
        return Finding(
            FindingCode.NO_GEOMETRY,
            Severity.INFO if count == 1 else Severity.WARNING,
            f"{subject} {'no' if count == 1 else 'a'} usable position and orientation in the "
            "patient: place, order and slice spacing are unknown",
            numbers,
        )
    names = Names(labels, ())
    return Finding(
        FindingCode.NO_GEOMETRY,
        Severity.ERROR,
        f"{len(unplaced)} of {count} images have no usable position or orientation and are "
        f"left out: {_some([names.of_input(i) for i in unplaced])}",
        {**numbers, "images": list(unplaced)},
    )


def bad_orientation(problem: str, repaired: bool = True) -> Finding | None:
    """Say that ImageOrientationPatient is no pair of perpendicular unit vectors."""
    if not problem:
        return None
    remedy = "the nearest right-angled orientation is used" if repaired else "it cannot be used"
    return Finding(
        FindingCode.BAD_ORIENTATION,
        Severity.WARNING,
        f"Bad ImageOrientationPatient: {problem}; {remedy}",
    )


def no_spacing(spacing: tuple[float, float] | None) -> Finding | None:
    """Say that no image has a usable PixelSpacing."""
    if spacing is not None:
        return None
    return Finding(
        FindingCode.NO_SPACING,
        Severity.WARNING,
        "No usable PixelSpacing: sizes in the image are in pixels, not in mm",
    )


def mixed_matrix(matrix: NDArray[np.int64], shape: tuple[int, int]) -> Finding | None:
    """Say which sizes the images have when they have several."""
    other = (matrix != shape).any(axis=1)
    if not other.any():
        return None
    sizes, counts = np.unique(matrix, axis=0, return_counts=True)
    listed = [
        f"{n} x {r} x {c}" for (r, c), n in zip(sizes.tolist(), counts.tolist(), strict=True)
    ]
    return Finding(
        FindingCode.MIXED_MATRIX,
        Severity.ERROR,
        f"Images of different size (number x rows x columns): {_some(listed)}",
        {"sizes": sizes.tolist(), "counts": counts.tolist()},
    )


def mixed_pixel_spacing(
    spacings: Floats, spacing: tuple[float, float] | None, shape: tuple[int, int]
) -> Finding | None:
    """Say that pixels differ in size from image to image."""
    if spacing is None:
        return None
    known = np.isfinite(spacings).all(axis=1) & (spacings > 0).all(axis=1)
    lacking = int((~known).sum())
    # What counts is by how much the far edge of the image is off.
    off = np.abs(spacings[known] - spacing) * shape
    worst = float(off.max(initial=0.0))
    if worst <= GAP_TOLERANCE and not lacking:
        return None
    grave = lacking or bool((off > np.maximum(GAP_WARNING, 0.1 * np.array(spacing))).any())
    low, high = spacings[known].min(axis=0), spacings[known].max(axis=0)
    text = (
        f"PixelSpacing varies: rows {mm(low[0])} to {mm(high[0])} mm, columns {mm(low[1])} to "
        f"{mm(high[1])} mm; the far edges of the images differ by up to {mm(worst)} mm"
    )
    if lacking:
        text = (
            f"{lacking} images have no usable PixelSpacing"
            if worst <= GAP_TOLERANCE
            else (f"{text}; {lacking} images have none")
        )
    return Finding(
        FindingCode.MIXED_PIXEL_SPACING,
        Severity.WARNING if grave else Severity.INFO,
        text,
        {"min": low.tolist(), "max": high.tolist(), "edge_mm": worst, "without": lacking},
    )


def mixed_orientation(
    cosines: Floats, reference: Floats, spacing: tuple[float, float] | None, shape: tuple[int, int]
) -> Finding | None:
    """Say by how many degrees the images are turned against each other."""
    difference = np.abs(cosines - reference).max(axis=1)
    if float(difference.max()) <= COSINE_NOTICED:
        return None
    other = difference > COSINE_NOTICED
    chords = np.linalg.norm((cosines - reference).reshape(-1, 2, 3), axis=2).max(axis=1)
    angle = float(np.degrees(2 * np.arcsin(np.clip(chords.max() / 2, 0, 1))))
    # In units of pixels, so that it holds for a microscope and for a whole body.
    corner_pixels = float(chords.max()) * max(shape)
    if angle > MIXED_ORIENTATION_DEGREES:
        severity = Severity.ERROR
    else:
        grave = corner_pixels > ORIENTATION_WARNING_FRACTION
        severity = Severity.WARNING if grave else Severity.INFO
    digits = f"{angle:.1f}" if angle >= 1 else f"{angle:.2g}"
    return Finding(
        FindingCode.MIXED_ORIENTATION,
        severity,
        f"{int(other.sum())} of {len(cosines)} images are turned against the others by up to "
        f"{digits} degrees"
        + (f", {corner_pixels:.2g} pixels at the far edge" if severity != "error" else ""),
        {"count": int(other.sum()), "degrees": angle, "edge_pixels": corner_pixels},
    )


def single_position(count: int, distance: float, aside: float) -> Finding:
    """Say that all images are at one place, or beside each other in one plane."""
    where = f"({mm(distance)} mm along the normal)"
    if aside > GAP_TOLERANCE:
        text = (
            f"All {count} images are in one plane {where}, up to {mm(aside)} mm beside each "
            "other: they make no volume"
        )
    else:
        text = (
            f"All {count} images are at one position {where}: they make no volume, but may be "
            "a time course or several contrasts"
        )
    return Finding(
        FindingCode.SINGLE_POSITION,
        Severity.WARNING,
        text,
        {"count": count, "position_mm": distance, "aside_mm": aside},
    )


def single_slice(thickness: float) -> Finding:
    """Say that one slice has no measured extent across."""
    extent = (
        f"its extent across, {mm(thickness)} mm, is the SliceThickness of the header"
        if thickness
        else "its extent across is unknown"
    )
    return Finding(
        FindingCode.SINGLE_SLICE,
        Severity.INFO,
        f"A single slice: {extent}",
        {"slice_thickness_mm": thickness or None},
    )


def few_slices(count: int) -> Finding | None:
    """Say that two slices cannot show whether their spacing is even."""
    if count != 2:
        return None
    return Finding(
        FindingCode.FEW_SLICES,
        Severity.INFO,
        "Only 2 slices: whether slices between them are missing cannot be told",
        {"count": count},
    )


def missing_positions(distances: Floats, gaps: Gaps) -> tuple[float, ...]:
    """Positions in mm along the normal where slices should be."""
    wide = np.flatnonzero(gaps.multiples > 1)
    return tuple(
        float(distances[i] + (distances[i + 1] - distances[i]) * j / gaps.multiples[i])
        for i in wide
        for j in range(1, int(gaps.multiples[i]))
    )


def missing_slices(missing: Sequence[float], gaps: Gaps, names: Names) -> Finding | None:
    """Say how many slices are missing, where, and after which."""
    if not missing:
        return None
    parts, at = [], 0
    for i in np.flatnonzero(gaps.multiples > 1).tolist():
        count = int(gaps.multiples[i]) - 1
        first, last = missing[at], missing[at + count - 1]
        place = f"at {mm(first)} mm" if count == 1 else f"from {mm(first)} to {mm(last)} mm"
        parts.append(f"{count} after {names[i]} ({place})")
        at += count
    subject = "1 slice is" if len(missing) == 1 else f"{len(missing)} slices are"
    return Finding(
        FindingCode.MISSING_SLICES,
        Severity.WARNING,
        f"{subject} missing: {_some(parts)}",
        {
            "count": len(missing),
            "positions_mm": list(missing),
            "after": [names[i] for i in np.flatnonzero(gaps.multiples > 1).tolist()],
            "step_mm": gaps.step,
        },
    )


def duplicate_slices(duplicates: Sequence[Sequence[int]], names: Names) -> Finding | None:
    """Say which images share a position."""
    if not duplicates:
        return None
    extra = sum(len(group) - 1 for group in duplicates)
    groups = ["/".join(names.of_input(i) for i in group[:4]) for group in duplicates]
    return Finding(
        FindingCode.DUPLICATE_SLICES,
        Severity.WARNING,
        f"{len(duplicates)} position{'s hold' if len(duplicates) > 1 else ' holds'} more than "
        f"one image, {extra} more in all: {_some(groups)}",
        {
            "positions": len(duplicates),
            "extra": extra,
            "most_at_one": max(len(group) for group in duplicates),
        },
    )


def uneven_spacing(gaps: Gaps, names: Names) -> Finding | None:
    """Say between which values the slice spacing varies."""
    worst = int(np.argmax(gaps.deviations))
    deviation = float(gaps.deviations[worst])
    if deviation <= gaps.tolerance:
        return None
    each = gaps.gaps / gaps.multiples
    low, median, high = float(each.min()), float(np.median(each)), float(each.max())
    return Finding(
        FindingCode.UNEVEN_SPACING,
        Severity.WARNING if deviation > gaps.warning else Severity.INFO,
        f"Slice spacing varies from {mm(low)} to {mm(high)} mm (median {mm(median)} mm); "
        f"the worst gap, {mm(float(gaps.gaps[worst]))} mm, follows {names[worst]}",
        {"min_mm": low, "median_mm": median, "max_mm": high, "deviation_mm": deviation},
    )


def drift(gaps: Gaps, names: Names) -> Finding | None:
    """Say that slices creep away from the even grid, each gap by a trifle."""
    worst = int(np.argmax(gaps.drift))
    off = float(gaps.drift[worst])
    # Where a single gap is wrong, that is said already.
    if off <= gaps.tolerance or float(gaps.deviations.max()) > gaps.tolerance:
        return None
    return Finding(
        FindingCode.DRIFT,
        Severity.WARNING if off > gaps.drift_warning else Severity.INFO,
        f"Each gap is within {mm(gaps.tolerance)} mm of {mm(gaps.step)} mm, but together they "
        f"drift: {names[worst]} is {mm(off)} mm from its place on an even grid",
        {"drift_mm": off, "step_mm": gaps.step},
    )


def gantry_tilt(line: Line, gaps: Gaps, spacing: tuple[float, float]) -> Finding | None:
    """Say by how many degrees the stack leans, and where to."""
    per_slice = float(np.linalg.norm(line.slope)) * gaps.step
    whole = per_slice * int(gaps.indices[-1])
    if whole <= GAP_TOLERANCE:
        return None
    degrees = line.tilt_degrees
    grave = degrees > TILT_WARNING_DEGREES or whole > TILT_WARNING_PIXELS * min(spacing)
    direction = patient_direction(line.slope)
    return Finding(
        FindingCode.GANTRY_TILT,
        Severity.WARNING if grave else Severity.INFO,
        f"Tilted by {degrees:.2f} degrees (gantry tilt): each slice is shifted by "
        f"{mm(per_slice)} mm towards {direction}, {mm(whole)} mm over the stack",
        {
            "degrees": degrees,
            "shift_per_slice_mm": per_slice,
            "shift_mm": whole,
            "direction_lps": (line.slope / np.linalg.norm(line.slope)).tolist(),
        },
    )


def in_plane_shift(
    line: Line, aside: float, spacing: tuple[float, float], names: Names
) -> Finding | None:
    """Say how far slices lie beside the line that the others make."""
    shifts = np.linalg.norm(line.offsets, axis=1)
    worst = int(np.argmax(shifts))
    most = max(float(shifts[worst]), aside)
    if most <= GAP_TOLERANCE:
        return None
    warn = max(GAP_WARNING, PIXEL_WARNING_FRACTION * min(spacing))
    count = int((shifts > warn).sum())
    where = (
        f", most of all {names[worst]}"
        if float(shifts[worst]) >= aside
        else (": images at one place along the normal lie beside each other")
    )
    subject = f"{count} slices lie" if count > 1 else "Slices lie"
    return Finding(
        FindingCode.IN_PLANE_SHIFT,
        Severity.WARNING if most > warn else Severity.INFO,
        f"{subject} up to {mm(most)} mm beside the line of the stack, within their plane{where}",
        {"max_mm": most, "count": count},
    )


def slice_overlap(step: float, thickness: float) -> Finding | None:
    """Say that slices are thicker than they are apart."""
    if thickness - step <= max(GAP_TOLERANCE, CLAIM_FRACTION * step):
        return None
    return Finding(
        FindingCode.SLICE_OVERLAP,
        Severity.INFO,
        f"Slices overlap: {mm(thickness)} mm thick, {mm(step)} mm apart",
        {"slice_thickness_mm": thickness, "step_mm": step},
    )


def spacing_contradicted(
    step: float, along: float, claimed: float, thickness: float
) -> Finding | None:
    """Say that the header's spacing is not what the positions show; they win."""
    allowed = max(GAP_TOLERANCE, CLAIM_FRACTION * step)
    numbers = {
        "step_mm": step,
        "spacing_between_slices_mm": claimed or None,
        "slice_thickness_mm": thickness or None,
    }
    # With a tilted gantry some count along the table, some along the normal.
    if claimed and min(abs(claimed - step), abs(claimed - along)) > allowed:
        return Finding(
            FindingCode.SPACING_CONTRADICTED,
            Severity.INFO,
            f"SpacingBetweenSlices says {mm(claimed)} mm, the positions are {mm(step)} mm apart: "
            "the positions are used",
            numbers,
        )
    if not claimed and thickness and step - thickness > max(allowed, GAP_FRACTION * step):
        return Finding(
            FindingCode.SPACING_CONTRADICTED,
            Severity.INFO,
            f"SliceThickness says {mm(thickness)} mm, the positions are {mm(step)} mm apart: "
            f"{mm(step - thickness)} mm between the slices were not imaged",
            numbers,
        )
    return None
