"""Measure a stack of positions: which orientation, which gaps, which line; robustly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GAP_TOLERANCE = 0.01
"""mm. What Slicer notices (reference/slicer.md 3.4); we say so as well, from here on."""

GAP_WARNING = 0.02
"""mm. Positions of 1000 mm written with 6 digits are off by 0.005, two gaps by 0.02."""

GAP_WARNING_FRACTION = 0.03
"""Of the step: a gap that is wrong by less moves no voxel visibly (whole-body PET is
off by 2 % where two bed positions meet)."""

SMALL_STEP_FRACTION = 0.05
"""Of the step: replaces the tolerances in mm where the step itself is micrometres."""

DRIFT_WARNING_FRACTION = 0.05
"""Of the step: how far slices may creep away from an even grid before it misleads."""

SAME_POSITION_FRACTION = 0.1
"""Of the widest gap, at most `GAP_TOLERANCE`: closer slices are at one position."""

SAME_POSITION = 1e-4
"""mm. Closer is one position for any scanner: what differs is the rounding."""

MULTIPLE_TOLERANCE = 0.1
"""Of the step: a gap this close to 2, 3, ... steps means that slices are missing."""

MISSING_FRACTION = 0.5
"""Of the gaps: when more are wide, the spacing varies and nothing is missing."""

MISSING_GROWTH = 8
"""Times the slices there are (and 64 more): when more are missing, it is another stack."""

MISSING_RUN = 3
"""So many equal wide gaps in a row are a part scanned with another spacing."""

NEAR_FRACTION = 0.8
"""Of the gaps: when fewer are multiples of the step, there is no step to miss slices of."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """How positions along the normal are spaced.

    `multiples` is the width of each gap in steps (1: nothing missing; 2 or more:
    slices missing); `indices` is where each slice is on the grid so made;
    `deviations` by how many mm each gap differs from what `multiples` says, and
    `drift` by how many mm each slice is off the even grid.
    """

    step: float
    gaps: Floats
    multiples: NDArray[np.int64]
    indices: NDArray[np.int64]
    deviations: Floats
    drift: Floats

    @property
    def tolerance(self) -> float:
        """Deviation of a gap that is noticed, mm."""
        return min(GAP_TOLERANCE, SMALL_STEP_FRACTION * self.step)

    @property
    def warning(self) -> float:
        """Deviation of a gap that is warned about, mm."""
        absolute = min(GAP_WARNING, 2 * SMALL_STEP_FRACTION * self.step)
        return max(absolute, GAP_WARNING_FRACTION * self.step)

    @property
    def drift_warning(self) -> float:
        """Distance of a slice from the even grid that is warned about, mm."""
        return max(self.warning, DRIFT_WARNING_FRACTION * self.step)


def same_position_tolerance(distances: Floats) -> float:
    """Distance in mm within which sorted `distances` count as one position."""
    widest = float(np.diff(distances).max()) if len(distances) > 1 else 0.0
    return max(min(GAP_TOLERANCE, SAME_POSITION_FRACTION * widest), SAME_POSITION)


def measure_gaps(distances: Floats) -> Gaps:
    """Measure sorted positions without duplicates; needs at least two."""
    gaps = np.diff(distances)
    usual = float(np.partition(gaps, (len(gaps) - 1) // 2)[(len(gaps) - 1) // 2])
    step, multiples = usual, np.ones(len(gaps), dtype=np.int64)
    for candidate in (usual, float(gaps.min())):
        explained = _multiples(gaps, candidate)
        if explained is not None:
            step, multiples = candidate, explained
            break
    indices = np.concatenate(([0], np.cumsum(multiples)))
    along = distances - distances[0]
    # Least squares through slice 0 averages the rounding of the header away: with
    # 0.625 mm written as 0.62 and 0.63 any single gap would be 1 % wrong.
    fitted = float(indices @ along) / float(indices @ indices)
    found = Gaps(
        step=fitted,
        gaps=gaps,
        multiples=multiples,
        indices=indices,
        deviations=np.abs(gaps - multiples * fitted),
        drift=np.abs(along - indices * fitted),
    )
    if float(found.deviations.max()) <= found.warning:
        return found
    # Uneven: the usual gap, which a few odd ones do not change.
    step = float(np.median(gaps / multiples)) if multiples.max() > 1 else step
    return replace(
        found,
        step=step,
        deviations=np.abs(gaps - multiples * step),
        drift=np.abs(along - indices * step),
    )


def _multiples(gaps: Floats, step: float) -> NDArray[np.int64] | None:
    """Width of each gap in `step`; None where missing slices do not explain the gaps."""
    multiples = np.clip(np.rint(gaps / step), 1, 1e9).astype(np.int64)
    near = np.abs(gaps - multiples * step) <= MULTIPLE_TOLERANCE * step
    multiples[~near] = 1
    wide = multiples > 1
    if multiples.sum() > MISSING_GROWTH * (len(gaps) + MISSING_GROWTH):
        return None
    if not wide.any():
        return multiples if near.all() else None
    if near.mean() < NEAR_FRACTION or wide.mean() > MISSING_FRACTION:
        return None
    same = wide[MISSING_RUN - 1 :].copy()
    for back in range(1, MISSING_RUN):
        stop = len(multiples) - back
        same &= multiples[MISSING_RUN - 1 - back : stop] == multiples[MISSING_RUN - 1 :]
    return None if same.any() else multiples


@dataclass(frozen=True, slots=True)
class Line:
    """The line that positions follow: `slope` mm in the plane per mm along the normal.

    `offsets` is by how much each position is off that line, in the plane, mm;
    `origin` is where the line starts, relative to the first position.
    """

    slope: Floats
    offsets: Floats
    origin: Floats

    @property
    def tilt_degrees(self) -> float:
        """Angle between the line and the normal."""
        return float(np.degrees(np.arctan(np.linalg.norm(self.slope))))


MAX_TILT = 45.0
"""Degrees. Gantries tilt up to 30; beyond this the planes lie beside each other."""


def measure_line(positions: Floats, distances: Floats, normal: Floats) -> Line:
    """Fit the line that sorted `positions` follow; needs at least two."""
    along = distances - distances[0]
    lateral = positions - positions[0] - along[:, None] * normal
    # The median survives a few displaced slices, which would bend a least squares fit.
    slope = np.median(np.diff(lateral, axis=0) / np.diff(distances)[:, None], axis=0)
    offsets = lateral - along[:, None] * slope
    if float(np.abs(offsets).max()) <= 5 * GAP_TOLERANCE:
        slope = along @ lateral / float(along @ along)
        offsets = lateral - along[:, None] * slope
        return Line(slope, offsets, np.zeros(3))
    origin = np.median(offsets, axis=0)
    offsets = offsets - origin
    straight = lateral - np.median(lateral, axis=0)
    worst, worst_straight = (float(np.linalg.norm(o, axis=1).max()) for o in (offsets, straight))
    tilt = float(np.degrees(np.arctan(np.linalg.norm(slope))))
    if worst > 0.5 * worst_straight or tilt > MAX_TILT:
        # Positions scattered in the plane follow no line: that is no tilt.
        return Line(np.zeros(3), straight, np.median(lateral, axis=0))
    return Line(slope, offsets, origin)


def reference_row(orientations: Floats) -> int:
    """Index of an orientation that most of `orientations` share (within about 1e-2)."""
    first = np.abs(orientations - orientations[0]).max(axis=1) < 1e-2
    if first.mean() > 0.5:
        return 0
    # A localizer at the head of a series must not decide for the rest.
    _, where, counts = np.unique(
        np.round(orientations, 2) + 0.0, axis=0, return_index=True, return_counts=True
    )
    most = int(counts.max())
    return int(where[counts == most].min())
