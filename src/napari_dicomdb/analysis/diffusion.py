"""Quick maps of diffusion: shells, trace-weighted image, ADC, tensor, anisotropy.

All fits are linear, of the logarithm of the signal; volumes are read one after
another, so that a lazy array of any length needs the memory of a few volumes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.diffusion import LOW_B_VALUE
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_dicomdb.progress import Progress

__all__ = [
    "Shell",
    "apparent_diffusion",
    "can_fit_tensor",
    "diffusion_tensor",
    "foreground",
    "fractional_anisotropy",
    "geometric_mean",
    "mean_diffusivity",
    "shells_of",
    "tensor_design",
]

SHELL_TOLERANCE = (30.0, 0.05)
"""Absolute, s/mm2, and relative: b-values that differ by less are one shell."""

NOISE_LEVEL = 0.05
"""Of the bright end of the unweighted image: what is darker is air."""

LEAST_POSITIVE = 0.9
"""Share of volumes in which a voxel must be positive to be fitted."""

_WORST_CONDITION = 1e3


@dataclass(frozen=True, slots=True)
class Shell:
    """Volumes of one b-value.

    Parameters
    ----------
    b_value : float
        Mean, s/mm2.
    indices : tuple of int
        Of its volumes.
    """

    b_value: float
    indices: tuple[int, ...]

    @property
    def is_weighted(self) -> bool:
        """Whether it is more than what unweighted images have."""
        return self.b_value > LOW_B_VALUE


def shells_of(b_values: ArrayLike) -> list[Shell]:
    """Group volumes by b-value, lowest first.

    Parameters
    ----------
    b_values : (N,) array_like of float
        s/mm2.

    Examples
    --------
    >>> [(shell.b_value, shell.indices) for shell in shells_of([0, 1000, 990, 5, 2000])]
    [(2.5, (0, 3)), (995.0, (1, 2)), (2000.0, (4,))]
    """
    values = np.asarray(b_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    absolute, relative = SHELL_TOLERANCE
    groups: list[list[int]] = []
    for k in order.tolist():
        if groups:
            mean = float(values[groups[-1]].mean())
            if values[k] - mean <= max(absolute, relative * mean):
                groups[-1].append(k)
                continue
        groups.append([k])
    return [Shell(float(values[group].mean()), tuple(sorted(group))) for group in groups]


def foreground(unweighted: ArrayLike) -> NDArray[np.bool_]:
    """Return where an unweighted image is brighter than air.

    Brighter than `NOISE_LEVEL` of the 99th percentile of what is not zero: a
    map of the noise around a head tells nothing.
    """
    image = np.asarray(unweighted)
    positive = image[image > 0]
    if positive.size == 0:
        return np.zeros(image.shape, dtype=bool)
    found: NDArray[np.bool_] = image > NOISE_LEVEL * float(np.percentile(positive, 99))
    return found


def geometric_mean(
    array: Any, indices: Sequence[int] | None = None, *, progress: Progress = no_progress
) -> NDArray[np.float32]:
    """Return the geometric mean of volumes: of three orthogonal ones, the trace-weighted image.

    Parameters
    ----------
    array : (N, ...) array_like or lazy array
    indices : sequence of int, optional
        Which volumes; by default all.
    progress : Progress

    Returns
    -------
    (...) ndarray of float32
        0 where too few volumes are positive (`LEAST_POSITIVE`).
    """
    chosen = list(range(len(array)) if indices is None else indices)
    weights = np.full((1, len(chosen)), 1 / len(chosen))
    sums, valid = _weighted_logs(array, chosen, weights, progress)
    mean: NDArray[np.float32] = _masked(np.exp(sums), valid, None)[0]
    return mean


def apparent_diffusion(
    array: Any,
    b_values: ArrayLike,
    *,
    mask: NDArray[np.bool_] | None = None,
    progress: Progress = no_progress,
) -> NDArray[np.float32]:
    """Return the apparent diffusion coefficient, mm2/s.

    The slope of the logarithm of the signal over b, by least squares over all
    volumes; of gradients in many directions it is their mean.

    Parameters
    ----------
    array : (N, ...) array_like or lazy array
    b_values : (N,) array_like of float
        s/mm2, not all equal.
    mask : (...) ndarray of bool, optional
        0 elsewhere.
    progress : Progress

    Raises
    ------
    ValueError
        If all b-values are equal.
    """
    b = np.asarray(b_values, dtype=np.float64)
    centred = b - b.mean()
    spread = float(centred @ centred)
    if spread <= 0:
        raise ValueError("an ADC needs two different b-values")
    sums, valid = _weighted_logs(array, range(len(b)), -centred[None] / spread, progress)
    slope: NDArray[np.float32] = _masked(sums, valid, mask)[0]
    return slope


def tensor_design(b_values: ArrayLike, directions: ArrayLike) -> NDArray[np.float64]:
    """Return the matrix of ln S = ln S0 - b g'Dg.

    Parameters
    ----------
    b_values : (N,) array_like of float
    directions : (N, 3) array_like of float
        Unit vectors, in any frame; that of the tensor will be the same.

    Returns
    -------
    (N, 7) ndarray
        Columns Dxx, Dxy, Dxz, Dyy, Dyz, Dzz, ln S0.
    """
    b = np.asarray(b_values, dtype=np.float64)
    x, y, z = np.asarray(directions, dtype=np.float64).reshape(-1, 3).T
    products = [x * x, 2 * x * y, 2 * x * z, y * y, 2 * y * z, z * z]
    return np.column_stack([*(-b * product for product in products), np.ones(len(b))])


def can_fit_tensor(b_values: ArrayLike, directions: ArrayLike) -> bool:
    """Return whether the gradients determine a tensor: six directions and a second b-value."""
    design = tensor_design(b_values, directions)
    if len(design) < 7:
        return False
    scaled = design / np.maximum(np.abs(design).max(axis=0), 1e-12)
    return bool(np.linalg.cond(scaled) < _WORST_CONDITION)


def diffusion_tensor(
    array: Any,
    b_values: ArrayLike,
    directions: ArrayLike,
    *,
    mask: NDArray[np.bool_] | None = None,
    progress: Progress = no_progress,
) -> NDArray[np.float32]:
    """Fit the diffusion tensor by linear least squares of the logarithm.

    Parameters
    ----------
    array : (N, ...) array_like or lazy array
    b_values : (N,) array_like of float
    directions : (N, 3) array_like of float
    mask : (...) ndarray of bool, optional
        0 elsewhere.
    progress : Progress

    Returns
    -------
    (6, ...) ndarray of float32
        Dxx, Dxy, Dxz, Dyy, Dyz, Dzz, mm2/s.

    Raises
    ------
    ValueError
        If the gradients do not determine it.
    """
    if not can_fit_tensor(b_values, directions):
        raise ValueError("a tensor needs six directions and an unweighted image")
    solver = np.asarray(np.linalg.pinv(tensor_design(b_values, directions))[:6], dtype=np.float64)
    sums, valid = _weighted_logs(array, range(solver.shape[1]), solver, progress)
    return _masked(sums, valid, mask)


def mean_diffusivity(tensor: NDArray[Any]) -> NDArray[np.float32]:
    """Return a third of the trace of (6, ...) tensors."""
    mean: NDArray[np.float32] = (tensor[0] + tensor[3] + tensor[5]) / np.float32(3)
    return mean


def fractional_anisotropy(tensor: NDArray[Any]) -> NDArray[np.float32]:
    """Return the anisotropy of (6, ...) tensors, 0 (sphere) to 1 (line).

    From the tensors' norms, without eigenvalues; above 1, where noise makes an
    eigenvalue negative, it is cut.
    """
    xx, xy, xz, yy, yz, zz = (part.astype(np.float64) for part in tensor)
    mean = (xx + yy + zz) / 3
    beside = 2 * (xy**2 + xz**2 + yz**2)
    deviation = (xx - mean) ** 2 + (yy - mean) ** 2 + (zz - mean) ** 2 + beside
    norm = xx**2 + yy**2 + zz**2 + beside
    ratio = np.divide(1.5 * deviation, norm, out=np.zeros_like(norm), where=norm > 0)
    anisotropy: NDArray[np.float32] = np.sqrt(np.clip(ratio, 0, 1)).astype(np.float32)
    return anisotropy


def _weighted_logs(
    array: Any, indices: Sequence[int], weights: NDArray[np.float64], progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the sums of ln(volume) with each row of `weights`, and where they can be trusted.

    What strong weighting rounded to nothing counts as the least that its volume has.
    """
    sums: NDArray[np.float32] | None = None
    positives: NDArray[np.intp] | None = None
    for k, index in enumerate(indices):
        progress(k, len(indices), "Fitting diffusion")
        volume = np.asarray(array[index])
        positive = volume > 0
        least = float(volume[positive].min()) if positive.any() else 1.0
        logs = np.log(np.where(positive, volume, least).astype(np.float32))
        if sums is None or positives is None:
            sums = np.zeros((len(weights), *volume.shape), dtype=np.float32)
            positives = np.zeros(volume.shape, dtype=np.intp)
        positives += positive
        for total, weight in zip(sums, weights[:, k].tolist(), strict=True):
            total += np.float32(weight) * logs
    if sums is None or positives is None:
        raise ValueError("there are no volumes")
    progress(len(indices), len(indices), "Fitting diffusion")
    valid: NDArray[np.bool_] = positives >= LEAST_POSITIVE * len(indices)
    return sums, valid


def _masked(
    sums: NDArray[np.float32], valid: NDArray[np.bool_], mask: NDArray[np.bool_] | None
) -> NDArray[np.float32]:
    return np.where(valid if mask is None else valid & mask, sums, np.float32(0))
