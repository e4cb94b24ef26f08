"""Gradient tables beside files of other programs: FSL's bval and bvec, NRRD's DWMRI keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.loading.volume import Volume

__all__ = ["fsl_table", "gradient_table", "has_gradients", "nrrd_keys", "write_fsl"]


def has_gradients(volume: Volume) -> bool:
    """Return whether the first axis of `volume` is one of diffusion weightings."""
    return "b_values" in volume.meta and volume.dims[:1] == ("diffusion",)


def gradient_table(volume: Volume) -> dict[str, Any]:
    """Return b-values, directions (LPS) and their kinds as JSON; empty without gradients."""
    if not has_gradients(volume):
        return {}
    return {
        "b_values": np.asarray(volume.meta["b_values"]).tolist(),
        "directions_lps": np.asarray(volume.meta["directions_lps"]).tolist(),
        **{k: list(volume.meta[k]) for k in ("directionality", "b_matrices") if k in volume.meta},
    }


def fsl_table(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return b-values and gradients as FSL wants them beside our NIfTI of `volume`.

    Parameters
    ----------
    volume : Volume
        With gradients.

    Returns
    -------
    b_values : (N,) ndarray
    vectors : (3, N) ndarray
        Along the voxel axes of the file (columns, rows, slices), the first one
        reversed when the determinant of its affine is positive: FSL thinks of
        images as radiological.
    """
    affine = volume.geometry.affine
    row, column, step = affine[:3, 2], affine[:3, 1], affine[:3, 0]
    # A sheared affine (gantry tilt) shears no gradient: right angles, the slices' side kept.
    row = row / np.linalg.norm(row)
    column = column - (row @ column) * row
    column = column / np.linalg.norm(column)
    normal = np.cross(row, column)
    side = 1.0 if step @ normal >= 0 else -1.0
    gradients = np.asarray(volume.meta["directions_lps"], dtype=np.float64)
    vectors = np.vstack([row, column, side * normal]) @ gradients.T
    # From LPS to RAS two axes turn round: the determinant keeps its sign.
    if side > 0:
        vectors[0] *= -1
    return np.asarray(volume.meta["b_values"], dtype=np.float64), vectors + 0.0


def write_fsl(volume: Volume, nifti: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write ``.bval`` and ``.bvec`` beside the NIfTI file `nifti` of `volume`."""
    path = Path(nifti)
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    b_values, vectors = fsl_table(volume)
    bval, bvec = path.with_name(f"{stem}.bval"), path.with_name(f"{stem}.bvec")
    _write_text(bval, " ".join(f"{b:g}" for b in b_values) + "\n")
    lines = (" ".join(f"{v:.8g}" for v in axis) for axis in vectors)
    _write_text(bvec, "\n".join(lines) + "\n")
    return bval, bvec


def nrrd_keys(volume: Volume) -> dict[str, Any]:
    """Return the header that makes a NRRD of `volume` a diffusion image for Slicer and others.

    Gradients are in the file's space, LPS (the measurement frame is the
    identity); their squared length times ``DWMRI_b-value`` is the b-value of
    their volume. Empty when a weighted volume has no direction: the convention
    has no way to say so.
    """
    b_values = np.asarray(volume.meta["b_values"], dtype=np.float64)
    gradients = np.asarray(volume.meta["directions_lps"], dtype=np.float64)
    told = list(volume.meta.get("directionality") or ())
    lost = [
        b > 0 and not gradient.any() and (k >= len(told) or told[k] != "NONE")
        for k, (b, gradient) in enumerate(zip(b_values, gradients, strict=True))
    ]
    highest = float(b_values.max())
    if any(lost) or highest <= 0:
        return {}
    scaled = gradients * np.sqrt(b_values / highest)[:, None] + 0.0
    return {
        "modality": "DWMRI",
        "measurement frame": np.eye(3),
        "DWMRI_b-value": f"{highest:g}",
        **{
            f"DWMRI_gradient_{k:04d}": " ".join(f"{v:.8g}" for v in gradient)
            for k, gradient in enumerate(scaled)
        },
    }


def _write_text(path: Path, text: str) -> None:
    """Write a file that appears under its name only when it is complete."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, encoding="ascii")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
