"""How sorted slices become a volume: as they lie, filled, resampled, or stacked regardless.

One examined stack gives one or more plans, the best first. Where slices are
evenly spaced there is nothing to decide. Otherwise the default keeps the
geometry right at the price of interpolated slices, which are marked; and what
leaves every pixel as it was, at the price of wrong places, is offered beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.geometry import regular_grid, split_at_gaps
from napari_dicomdb.errors import GeometryError
from napari_dicomdb.loading.confidence import Claim
from napari_dicomdb.loading.resample import FilledReader, GridReader, fill_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.dicom.geometry import Stack
    from napari_dicomdb.loading.reading import Frames

__all__ = ["Remedy", "StackPlan", "plan_for", "plans_for"]

FILLED_PER_MEASURED = 4
"""Of four measured slices, at most one more is invented by default.

Wider gaps are places that nobody scanned; then the parts are opened apart.
"""


class Remedy(StrEnum):
    """What is done about a stack that is no right-angled, even grid."""

    NONE = "none"  # nothing to remedy
    SHEAR = "shear"  # gantry tilt: pixels as they are, a sheared affine (exact)
    FILL = "fill"  # missing slices interpolated, all others as they are (exact)
    RESAMPLE = "resample"  # linear interpolation on a right-angled, even grid
    SPLIT = "split"  # each evenly spaced part by itself
    AS_STACKED = "as-stacked"  # slice after slice with the mean step: places are wrong


_WORDS = {
    Remedy.NONE: "",
    Remedy.SHEAR: "",
    Remedy.FILL: "missing slices filled",
    Remedy.RESAMPLE: "resampled to an even grid",
    Remedy.AS_STACKED: "as stacked",
}

_DISTURBING = frozenset(
    {
        FindingCode.UNEVEN_SPACING,
        FindingCode.IN_PLANE_SHIFT,
        FindingCode.DRIFT,
        FindingCode.MIXED_ORIENTATION,
        FindingCode.MIXED_PIXEL_SPACING,
    }
)


@dataclass(frozen=True, eq=False)
class StackPlan:
    """One way to make a volume of a stack.

    Parameters
    ----------
    remedy : Remedy
    affine : (4, 4) ndarray
        Maps (k, row, column, 1) to LPS mm.
    shape : tuple of 3 int
        Slices, rows, columns.
    is_regular : bool
        Whether every slice is where `affine` says.
    findings : tuple of Finding
        Those of the stack, as they stand after the remedy.
    claims : tuple of Claim
        For the confidence.
    filled : tuple of int
        Slices of the volume that no image was made of.
    stack : Stack
    """

    remedy: Remedy
    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    is_regular: bool
    findings: tuple[Finding, ...]
    claims: tuple[Claim, ...]
    filled: tuple[int, ...]
    stack: Stack

    @property
    def words(self) -> str:
        """What to add to the name of the loadable; "" when there is nothing to say."""
        return _WORDS.get(self.remedy, "")

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distances between slices, rows, columns, mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(lengths[0]), float(lengths[1]), float(lengths[2]))

    def sources(self) -> list[int | None]:
        """Which image of `stack.order` each slice shows unchanged; None where none does."""
        count = self.shape[0]
        if self.remedy is Remedy.FILL:
            lower, weights = fill_plan(self.stack)
            return [
                int(i) if w == 0 else None
                for i, w in zip(lower.tolist(), weights.tolist(), strict=True)
            ]
        if self.remedy is Remedy.RESAMPLE:
            return [None] * count
        return list(range(count))

    def reader(self, images: Frames) -> Frames:
        """Return what reads the slices of the volume from `images`, in stack order."""
        if self.remedy is Remedy.FILL:
            return FilledReader(images, *fill_plan(self.stack))
        if self.remedy is Remedy.RESAMPLE:
            return GridReader(images, regular_grid(self.stack))
        return images


def plans_for(stack: Stack) -> tuple[list[StackPlan], tuple[tuple[int, ...], ...]]:
    """Return the plans for a stack, best first, and its even parts.

    Parameters
    ----------
    stack : Stack
        With geometry.

    Returns
    -------
    plans : list of StackPlan
        Never empty. The first is what to open by default, unless it is
        `Remedy.AS_STACKED` and there are parts: then the parts are.
    parts : tuple of tuple of int
        Evenly spaced parts, as indices into what `examine_stack` was given,
        where splitting is a remedy; else empty.
    """
    if stack.is_regular:
        if _is_tilted(stack):
            orders = (Remedy.SHEAR, Remedy.RESAMPLE, Remedy.AS_STACKED)
            return [plan for r in orders if (plan := _try(stack, r)) is not None], ()
        return [plan_for(stack, Remedy.NONE)], ()
    parts = split_at_gaps(stack) if len(stack.order) > 1 else ()
    parts = parts if len(parts) > 1 else ()
    codes = {f.code for f in stack.findings if f.severity is not Severity.INFO}
    if not stack.missing or codes & _DISTURBING:
        remedies = [Remedy.RESAMPLE, Remedy.AS_STACKED]
    elif FILLED_PER_MEASURED * len(stack.missing) <= len(stack.order):
        remedies = [Remedy.FILL, Remedy.AS_STACKED]
    else:
        # The parts come first; filling remains possible.
        remedies = [Remedy.AS_STACKED, Remedy.FILL]
    plans = [plan for r in remedies if (plan := _try(stack, r)) is not None]
    return plans, parts


def plan_for(stack: Stack, remedy: Remedy) -> StackPlan:
    """Return the plan that applies `remedy` to `stack`.

    Raises
    ------
    GeometryError
        If it cannot be applied.
    """
    shape = (len(stack.order), stack.rows, stack.columns)
    affine, findings = stack.affine, stack.findings
    filled: tuple[int, ...] = ()
    regular = stack.is_regular
    claims = _claims(stack)
    if remedy is Remedy.FILL:
        _, weights = fill_plan(stack)
        filled = tuple(np.flatnonzero(weights > 0).tolist())
        shape, regular = (len(weights), *shape[1:]), True
        findings = (*findings, _resampled(len(filled), len(weights), "linearly interpolated"))
        claims = (*claims, Claim("every slice is where the affine says"))
        claims = (*claims, Claim("some slices are invented", False))
    elif remedy is Remedy.RESAMPLE:
        grid = regular_grid(stack)
        affine, shape, regular = grid.affine, grid.shape, True
        filled = tuple(np.flatnonzero(grid.filled).tolist())
        findings = (*findings, _resampled(shape[0], shape[0], "interpolated on an even grid"))
        claims = (*claims, Claim("every slice is where the affine says"))
        claims = (*claims, Claim("values are interpolated", False))
    elif remedy is Remedy.AS_STACKED:
        affine, regular = _boxed(stack), False
        findings = tuple(_graver(finding) for finding in findings)
        claims = (*claims, Claim("slices are not where the affine says", False))
        claims = (*claims, Claim("pixels are as they were acquired"))
    else:
        claims = (*claims, Claim("every slice is where the affine says", regular))
        claims = (*claims, Claim("pixels are as they were acquired"))
    return StackPlan(remedy, affine, shape, regular, findings, claims, filled, stack)


def _try(stack: Stack, remedy: Remedy) -> StackPlan | None:
    # A stack of one position, or of a few slices far apart, has no grid.
    try:
        return plan_for(stack, remedy)
    except GeometryError:
        return None


def _is_tilted(stack: Stack) -> bool:
    return any(
        f.code == FindingCode.GANTRY_TILT and f.severity is not Severity.INFO
        for f in stack.findings
    )


def _claims(stack: Stack) -> tuple[Claim, ...]:
    count = len(stack.order) + len(stack.unplaced)
    one = count == 1
    return (
        Claim(
            f"{'the image has' if one else f'all {count} images have'} a position and an "
            "orientation in the patient"
        )
        if not stack.unplaced
        else Claim(f"{len(stack.unplaced)} of {count} images have no position", False),
    )


def _boxed(stack: Stack) -> NDArray[np.float64]:
    """Affine of slices stacked regardless: right angles, the mean distance."""
    affine = stack.stacked_affine.copy()
    normal = stack.normal
    affine[:3, 0] = normal * float(affine[:3, 0] @ normal)
    return affine


def _resampled(count: int, total: int, how: str) -> Finding:
    return Finding(
        FindingCode.RESAMPLED,
        Severity.WARNING,
        f"{count} of {total} slices are {how}: their values were not measured",
        {"slices": count, "of": total},
    )


_WRONG_WHEN_STACKED = _DISTURBING | {FindingCode.MISSING_SLICES, FindingCode.GANTRY_TILT}


def _graver(finding: Finding) -> Finding:
    if finding.code in _WRONG_WHEN_STACKED and finding.severity is Severity.WARNING:
        return replace(finding, severity=Severity.ERROR)
    return finding
