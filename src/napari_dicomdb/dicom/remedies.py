"""What to do with slices that are not evenly stacked: split them, or resample them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom._stack_measures import measure_gaps
from napari_dicomdb.dicom.plane import affine_from_plane
from napari_dicomdb.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_dicomdb.dicom.stack import Stack

    Floats = NDArray[np.float64]

__all__ = ["RegularGrid", "regular_grid", "split_at_gaps"]

GROWTH_LIMIT = 8
"""A regular grid may have this many times the slices of the stack (and 64 more)."""


def split_at_gaps(stack: Stack) -> tuple[tuple[int, ...], ...]:
    """Split a stack where the distance between slices changes.

    Parameters
    ----------
    stack : Stack

    Returns
    -------
    tuple of tuple of int
        Indices into the input of `examine_stack`, along the normal. One part
        when the stack is even. The slice between two spacings goes with the
        first.

    Examples
    --------
    >>> from napari_dicomdb.dicom.geometry import examine_stack
    >>> z = [0, 1, 2, 7, 8, 9]
    >>> split_at_gaps(examine_stack(
    ...     [[0, 0, at] for at in z], [[1, 0, 0, 0, 1, 0]] * 6, [[1, 1]] * 6, 64, 64
    ... ))
    ((0, 1, 2), (3, 4, 5))
    """
    if len(stack.order) < 3 or not stack.has_geometry:
        return (stack.order,)
    gaps = measure_gaps(stack.distances)
    parts: list[list[int]] = [[0]]
    within: float | None = None  # the gap of the part being made
    for i, gap in enumerate(gaps.gaps.tolist(), start=1):
        if within is None:
            # A first gap wider than the one after it lies between two parts.
            following = float(gaps.gaps[i]) if i < len(gaps.gaps) else gaps.step
            even = gap <= following + gaps.warning
        else:
            even = abs(gap - within) <= gaps.warning
        if even:
            parts[-1].append(i)
            within = gap if within is None else within
        else:
            parts.append([i])
            within = None
    return tuple(tuple(stack.order[i] for i in part) for part in parts)


@dataclass(frozen=True, eq=False)
class RegularGrid:
    """An even, right-angled grid over a stack, and how to fill it.

    Parameters
    ----------
    affine : (4, 4) ndarray
        Maps (k, row, column, 1) of the grid to LPS mm; never sheared.
    shape : tuple of 3 int
        Slices, rows, columns of the grid.
    distances : (K,) ndarray
        Where the slices of the grid are along the normal, mm.
    lower : (K,) ndarray of int
        Index into `Stack.order` of the image at or below each slice; the one
        above is the next.
    weights : (K,) ndarray
        Share of the image above: 0 where the slice lies on the lower one.
    offsets : (N, 2) ndarray
        Row and column that pixel (0, 0) of the grid has in each image of
        `Stack.order`: by so much a tilted or shifted image is moved.
    filled : (K,) ndarray of bool
        Whether no image is within three quarters of a step: invented slices.
    """

    affine: Floats
    shape: tuple[int, int, int]
    distances: Floats
    lower: NDArray[np.int64]
    weights: Floats
    offsets: Floats
    filled: NDArray[np.bool_]

    def slice(
        self, k: int, read: Callable[[int], NDArray[Any]], fill: float = 0.0
    ) -> NDArray[np.float32]:
        """Interpolate slice `k` linearly.

        Parameters
        ----------
        k : int
        read : callable
            Returns the (rows, columns) image at an index into `Stack.order`.
        fill : float
            Value outside of the images.
        """
        lower, weight = int(self.lower[k]), float(self.weights[k])
        result = self.moved(read(lower), lower, fill)
        if weight > 0:
            above = self.moved(read(lower + 1), lower + 1, fill)
            result = result * np.float32(1 - weight) + above * np.float32(weight)
        return result

    def moved(self, image: NDArray[Any], index: int, fill: float = 0.0) -> NDArray[np.float32]:
        """Put an image, the one at `index` of `Stack.order`, on the grid's rows and columns."""
        rows, columns = self.shape[1:]
        down, right = self.offsets[index].tolist()
        # A ten-thousandth of a pixel is rounding and costs no interpolation.
        whole = int(np.floor(down + 1e-4)), int(np.floor(right + 1e-4))
        part = max(down - whole[0], 0.0), max(right - whole[1], 0.0)
        # One row and column more than the grid, for the neighbours to interpolate with.
        canvas = np.full((rows + 1, columns + 1), fill, dtype=np.float32)
        top, left = max(-whole[0], 0), max(-whole[1], 0)
        source = image[
            max(whole[0], 0) : max(whole[0] + rows + 1, 0),
            max(whole[1], 0) : max(whole[1] + columns + 1, 0),
        ]
        canvas[top : top + source.shape[0], left : left + source.shape[1]] = source
        if part[0] > 1e-4:
            canvas[:-1] += np.float32(part[0]) * (canvas[1:] - canvas[:-1])
        if part[1] > 1e-4:
            canvas[:, :-1] += np.float32(part[1]) * (canvas[:, 1:] - canvas[:, :-1])
        return canvas[:rows, :columns]


def regular_grid(stack: Stack) -> RegularGrid:
    """Lay an even, right-angled grid over an uneven, gappy, tilted or shifted stack.

    Parameters
    ----------
    stack : Stack

    Returns
    -------
    RegularGrid
        From the first to the last slice, with the usual step and the pixel
        spacing of the stack, wide enough to hold every image.

    Raises
    ------
    GeometryError
        If the stack has fewer than two positions, or its slices are so far
        apart that most of the grid would be invented.

    Notes
    -----
    Images of another orientation are taken as if they had that of the stack:
    split those off first.

    Examples
    --------
    >>> from napari_dicomdb.dicom.geometry import examine_stack
    >>> z = [0, 2, 6, 8]
    >>> grid = regular_grid(examine_stack(
    ...     [[0, 0, at] for at in z], [[1, 0, 0, 0, 1, 0]] * 4, [[1, 1]] * 4, 64, 64
    ... ))
    >>> grid.distances.tolist(), grid.filled.tolist()
    ([0.0, 2.0, 4.0, 6.0, 8.0], [False, False, True, False, False])
    """
    count = len(stack.order)
    if count < 2 or not stack.has_geometry:
        raise GeometryError("a regular grid needs at least two slices with different positions")
    normal = stack.normal
    usual = float(stack.step @ normal)
    span = float(stack.distances[-1] - stack.distances[0])
    slices = round(span / usual) + 1
    if slices > GROWTH_LIMIT * count + 64:
        raise GeometryError(
            f"{count} slices over {span:.0f} mm would need {slices} slices {usual:.3g} mm apart, "
            "most of them invented: split the series instead"
        )
    slices = max(slices, 2)
    distances = stack.distances[0] + np.arange(slices) * (span / (slices - 1))
    distances[-1] = stack.distances[-1]
    lower = np.clip(
        np.searchsorted(stack.distances, distances + 1e-6 * usual, side="right") - 1, 0, count - 1
    )
    upper = np.minimum(lower + 1, count - 1)
    width = stack.distances[upper] - stack.distances[lower]
    weights = np.where(
        width > 0, (distances - stack.distances[lower]) / np.where(width > 0, width, 1.0), 0.0
    )
    weights = np.clip(weights, 0.0, 1.0)
    weights[weights < 1e-4] = 0.0
    nearest = np.minimum(distances - stack.distances[lower], stack.distances[upper] - distances)

    cosines = np.asarray(stack.orientation)
    axes = np.stack([cosines[3:], cosines[:3]]) / np.array(stack.spacing)[:, None]
    places = stack.positions @ axes.T  # row and column of each first pixel, from the origin
    low = places.min(axis=0)
    extent = np.array([stack.rows, stack.columns]) + np.ceil(
        places.max(axis=0) - low - 1e-3
    ).astype(np.int64)
    if extent.max() > GROWTH_LIMIT * max(stack.rows, stack.columns) + 64:
        raise GeometryError(
            f"images of {stack.rows} x {stack.columns} pixels lie so far beside each other that "
            f"one of {extent[0]} x {extent[1]} would be needed: split the series instead"
        )
    first = stack.positions[0] + (low - places[0]) @ (
        np.stack([cosines[3:], cosines[:3]]) * np.array(stack.spacing)[:, None]
    )
    return RegularGrid(
        affine=affine_from_plane(first, cosines, stack.spacing, normal * (span / (slices - 1))),
        shape=(slices, int(extent[0]), int(extent[1])),
        distances=distances,
        lower=lower.astype(np.int64),
        weights=weights,
        offsets=low - places,
        filled=nearest > 0.75 * usual,
    )
