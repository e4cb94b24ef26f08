"""Is what a program reads the same as what was written: voxels, places, Error lines.

Nothing here knows a file format: `compare` takes arrays with affines, whatever way
round a reader keeps them, and brings them to the grid of the source by place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AFFINE_TOLERANCE = 1e-3  # mm, at the corners of the grid
ROUNDING = 1.0001  # of quanta, which are told in decimals


@dataclass(frozen=True)
class Placed:
    """One volume as a program reads it: (slice, row, column[, 3]) and where it is.

    `affine` maps (slice, row, column) to LPS mm; None where nothing says it.
    """

    array: np.ndarray
    affine: np.ndarray | None = None


@dataclass(frozen=True)
class Outcome:
    """How a reading compares: `state` is "equal", "within", "differs" or "unread".

    "within": not equal, but no farther than the quantum that was stated. `worst` is the
    greatest difference of a voxel, `off` the greatest displacement of a corner in mm.
    """

    state: str
    worst: float = 0.0
    off: float | None = None
    text: str = ""

    @property
    def good(self) -> bool:
        """Whether it is what was written."""
        return self.state in ("equal", "within")


def on_grid(
    read: Placed, affine: np.ndarray, shape: tuple[int, ...], fill: float | None
) -> tuple[np.ndarray | None, float, str]:
    """Return the voxels of `read` at the places of a grid, and how far off they are.

    Parameters
    ----------
    read : Placed
        With a place; its axes may run in any order and direction.
    affine : (4, 4) ndarray
        Of the wanted grid.
    shape : tuple of int
        Slices, rows, columns of the wanted grid.
    fill : float or None
        Value of places that `read` has not (labels: background), which then must be all
        that is there beyond the wanted grid; None: it must cover the grid exactly.
    """
    theirs = np.array(read.affine, dtype=float)
    if shape[0] == 1 and read.array.shape[0] == 1:
        theirs[:3, 0] = affine[:3, 0]  # how thick a single slice is, is no place
    if abs(np.linalg.det(theirs)) < 1e-12:
        return None, np.inf, "its place is degenerate"
    exact = np.linalg.solve(theirs, affine)
    turned = np.rint(exact[:3, :3]).astype(int)
    if not (np.abs(turned).sum(0) == 1).all() or not (np.abs(turned).sum(1) == 1).all():
        return None, np.inf, "another grid"
    whole = np.eye(4)
    whole[:3, :3], whole[:3, 3] = turned, np.rint(exact[:3, 3])
    ends = [(0, n - 1) for n in shape]
    corners = np.array([[k, r, c, 1] for k in ends[0] for r in ends[1] for c in ends[2]]).T
    off = float(np.abs((theirs @ whole - affine) @ corners)[:3].max())
    axes = [int(np.flatnonzero(turned[:, j])[0]) for j in range(3)]
    array = np.transpose(read.array, [*axes, *range(3, read.array.ndim)])
    wanted = [turned[i, j] * np.arange(shape[j]) + int(whole[i, 3]) for j, i in enumerate(axes)]
    there = [(at >= 0) & (at < n) for at, n in zip(wanted, array.shape, strict=False)]
    if fill is None and (array.shape[:3] != shape or not all(one.all() for one in there)):
        return None, off, f"{array.shape[:3]} voxels for {shape}, or elsewhere"
    out = np.full((*shape, *array.shape[3:]), 0 if fill is None else fill, dtype=array.dtype)
    found = array[np.ix_(*(at[ok] for at, ok in zip(wanted, there, strict=True)))]
    out[np.ix_(*there)] = found
    if fill is not None and np.count_nonzero(array != fill) != np.count_nonzero(found != fill):
        return None, off, "something lies beyond the grid"
    return out, off, ""


def _one(
    wanted: np.ndarray,
    affine: np.ndarray | None,
    read: Placed,
    quantum: float,
    fill: float | None,
    tolerance: float,
) -> Outcome:
    off = None
    if affine is None or read.affine is None:
        array = read.array
        if fill is not None:  # labels of the first rows and columns of a slide
            part = array[tuple(slice(0, n) for n in wanted.shape)]
            array = part if np.count_nonzero(part) == np.count_nonzero(array) else array
    else:
        grid, off, text = on_grid(read, affine, wanted.shape[:3], fill)
        if grid is None:
            return Outcome("differs", np.inf, off, text)
        array = grid
    if array.shape != wanted.shape:
        return Outcome("differs", np.inf, off, f"voxels {array.shape} for {wanted.shape}")
    known = np.isfinite(wanted)
    gap = np.abs(array[known].astype(np.float64) - wanted[known].astype(np.float64))
    worst = float(gap.max()) if gap.size else 0.0
    if np.isnan(worst):
        worst = np.inf
    near = quantum * ROUNDING
    if quantum:  # rescaled: readers multiply in float32
        near += 2.0**-22 * float(np.abs(wanted[known]).max()) if gap.size else 0.0
    if off is not None and off > tolerance:
        return Outcome("differs", worst, off, f"{off:.3g} mm off")
    if worst == 0:
        return Outcome("equal", worst, off)
    if worst <= near:
        return Outcome("within", worst, off)
    count = int((gap > near).sum())
    return Outcome("differs", worst, off, f"{count} voxels differ by up to {worst:.3g}")


def compare(
    wanted: Sequence[np.ndarray],
    affine: np.ndarray | None,
    read: Sequence[Placed],
    *,
    quantum: float = 0.0,
    fill: float | None = None,
    tolerance: float = AFFINE_TOLERANCE,
) -> Outcome:
    """Compare what was written with what is read.

    Parameters
    ----------
    wanted : sequence of (slice, row, column[, 3]) ndarray
        The volumes, in the order of their leading axes.
    affine : (4, 4) ndarray or None
        Of all of them; None where they have no place: then shapes must be equal.
    read : sequence of Placed
        In any order; one of as many slices as all of them is taken apart.
    quantum : float
        By which a voxel may be off.
    fill : float, optional
        Of labels: the background; see `on_grid`.
    tolerance : float
        By which a corner may be off, mm.
    """
    remarks = []
    slices = wanted[0].shape[0]
    if len(wanted) > 1 and len(read) == 1 and len(read[0].array) == slices * len(wanted):
        parts = np.split(read[0].array, len(wanted))
        read = [Placed(part, read[0].affine) for part in parts]
        remarks.append("as one stack of slices")
    if len(read) != len(wanted):
        return Outcome("differs", np.inf, None, f"{len(read)} volumes for {len(wanted)}")
    left, outcomes, order = list(range(len(read))), [], []
    for volume in wanted:
        tried = {}
        for k in left:
            tried[k] = _one(volume, affine, read[k], quantum, fill, tolerance)
            if tried[k].good:
                break
        best = next((k for k, o in tried.items() if o.good), left[0])
        outcomes.append(tried[best])
        order.append(best)
        left.remove(best)
    bad = [one for one in outcomes if not one.good]
    if order != sorted(order) and not bad:
        remarks.append("volumes in another order")
    offs = [one.off for one in outcomes if one.off is not None]
    worst = max(one.worst for one in outcomes)
    state = bad[0].state if bad else "equal" if worst == 0 else "within"
    text = ", ".join([*([bad[0].text] if bad else []), *remarks])
    return Outcome(state, worst, max(offs) if offs else None, text)


def error_kinds(lines: Iterable[str]) -> set[str]:
    """Return Error lines of dciodvfy without the values in them, to tell which are the same.

    Attribute names, modules and rules stay; UIDs, numbers and quoted values go.
    """
    kinds = set()
    for line in lines:
        if not line.startswith("Error"):
            continue
        line = re.sub(r'"[^"]*"', '""', line)
        line = re.sub(r"<[\d.\s]*>|\[[\d.\s]*\]", "<>", line)
        line = re.sub(r"(?<!0x)(?<!Type )\b\d[\d.]*\b", "#", line)
        kinds.add(" ".join(line.split()))
    return kinds


def inherited(kinds: Iterable[str]) -> set[str]:
    """Return what may be said of a new object because it is said of the original.

    The kinds themselves; of a bad SOP Instance UID also that a reference to it is bad.
    """
    known = set(kinds)
    own, other = "(0x0008,0x0018) SOP Instance UID", "(0x0008,0x1155) Referenced SOP Instance UID"
    return known | {kind.replace(own, other) for kind in known}
