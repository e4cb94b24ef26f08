"""Sheared volumes at right angles, for programs that know no shear."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.geometry import examine_stack, regular_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["is_right_angled", "right_angled"]

_TOLERANCE = 1e-3  # of the cosine between two axes: a header's rounding


def is_right_angled(affine: NDArray[np.float64]) -> bool:
    """Return whether the axes of `affine` are perpendicular to each other.

    Parameters
    ----------
    affine : (4, 4) ndarray
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() <= _TOLERANCE)


def right_angled(
    array: NDArray[Any], affine: NDArray[np.float64], fill: float, *, is_rgb: bool = False
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Resample a sheared volume linearly on a right-angled grid that holds all of it.

    Parameters
    ----------
    array : (..., S, R, C) or (..., S, R, C, 3) ndarray
    affine : (4, 4) ndarray
        Maps (k, row, column, 1) to LPS mm, sheared along the slice axis.
    fill : float
        Value outside of the images.
    is_rgb : bool

    Returns
    -------
    array, affine
        Of the same type; integers are rounded.
    """
    tail = 1 if is_rgb else 0
    lead = array.shape[: array.ndim - 3 - tail]
    count, rows, columns = array.shape[len(lead) : len(lead) + 3]
    spacing = np.linalg.norm(affine[:3, 1:3], axis=0)
    cosines = np.concatenate([affine[:3, 2] / spacing[1], affine[:3, 1] / spacing[0]])
    positions = affine[:3, 3] + np.arange(count)[:, None] * affine[:3, 0]
    stack = examine_stack(
        positions, np.tile(cosines, (count, 1)), np.tile(spacing, (count, 1)), rows, columns
    )
    grid = regular_grid(stack)
    result = np.empty((*lead, *grid.shape, *array.shape[array.ndim - tail :]), array.dtype)
    source = np.moveaxis(array, -1, 0) if is_rgb else array[None]
    target = np.moveaxis(result, -1, 0) if is_rgb else result[None]
    for where in np.ndindex(source.shape[: source.ndim - 3]):
        images = source[where]
        for k in range(grid.shape[0]):
            values = grid.slice(k, partial(_image, images, stack.order), fill)
            if array.dtype.kind in "iu":
                limits = np.iinfo(array.dtype)
                values = np.clip(np.rint(values), limits.min, limits.max)
            target[(*where, k)] = values
    return result, grid.affine


def _image(images: NDArray[Any], order: Sequence[int], index: int) -> NDArray[Any]:
    image: NDArray[Any] = images[order[index]]
    return image
