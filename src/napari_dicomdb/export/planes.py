"""Planes of a grid as DICOM places them: position, orientation, spacing; what cannot be placed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.export.numbers import decimal_strings
from napari_dicomdb.export.resampling import can_be_resampled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.export.source import ExportSource

    Floats = NDArray[np.float64]

__all__ = ["Planes", "geometry_findings", "in_plane_shear", "is_invertible", "slice_shear"]

_COSINE = 1e-4  # header values have as many digits
_MOVED = 1e-3  # mm
_TOO_OBLIQUE = "it is too oblique to be resampled: the grid would be eight times as large"


@dataclass(frozen=True, eq=False)
class Planes:
    """Where the planes of a grid are.

    Parameters
    ----------
    positions : (K, 3) ndarray
        ImagePositionPatient of each.
    orientation : (6,) ndarray
        ImageOrientationPatient of all.
    spacing : tuple of 2 float
        PixelSpacing: between rows, between columns, mm.
    thickness : float
        Distance of neighbouring planes along their normal, mm.
    is_even : bool
        Whether all are equally far from their neighbours.
    """

    positions: Floats
    orientation: Floats
    spacing: tuple[float, float]
    thickness: float
    is_even: bool = True

    @classmethod
    def of(cls, source: ExportSource, positions: Floats | None = None) -> Planes | None:
        """Return the planes of a source, None when it has no place in the patient.

        Parameters
        ----------
        source : ExportSource
            Its rows and columns must be perpendicular, see `in_plane_shear`.
        positions : (K, 3) ndarray, optional
            Real ones, where slices are not where the affine says.
        """
        geometry = source.geometry
        if geometry is None or not geometry.in_patient:
            return None
        affine = np.asarray(geometry.affine, dtype=np.float64)
        rows, columns = np.linalg.norm(affine[:3, 1:3], axis=0)
        # Not made more perpendicular than they are: that moves the far corner of the matrix.
        along, down = affine[:3, 2] / columns, affine[:3, 1] / rows
        normal = np.cross(along, down)
        normal /= np.linalg.norm(normal)
        if positions is None:
            positions = affine[:3, 3] + np.arange(source.grid[0])[:, None] * affine[:3, 0]
        steps = np.diff(positions @ normal)
        step = abs(float(affine[:3, 0] @ normal))
        even = not len(steps) or bool(np.abs(np.abs(steps) - step).max() < _MOVED)
        return cls(
            positions, np.concatenate([along, down]), (float(rows), float(columns)), step, even
        )

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def normal(self) -> Floats:
        """Direction in which positions grow in a right-handed stack."""
        return np.cross(self.orientation[:3], self.orientation[3:])

    def letters(self) -> list[str]:
        """Return PatientOrientation: where rows and columns lead, as "L", "P"."""
        return [_letters(self.orientation[:3]), _letters(self.orientation[3:])]

    def order(self) -> list[int]:
        """Return the planes in the order of their positions along the normal."""
        along = self.positions @ self.normal
        return [int(k) for k in np.argsort(along, kind="stable")]

    def place(self, dataset: Dataset, k: int) -> None:
        """Put plane `k` into the header of a single-frame image (PS3.3 Section C.7.6.2)."""
        dataset.ImagePositionPatient = decimal_strings(self.positions[k])
        dataset.ImageOrientationPatient = decimal_strings(self.orientation)
        dataset.PixelSpacing = decimal_strings(self.spacing)
        dataset.SliceThickness = decimal_strings([self.thickness])[0]
        dataset.SliceLocation = decimal_strings([float(self.positions[k] @ self.normal)])[0]


def _letters(direction: Floats) -> str:
    """Return the directions that a vector goes along, most first (PS3.3 C.7.6.1.1.1)."""
    pairs = zip(direction.tolist(), ("LR", "PA", "HF"), strict=True)
    along = sorted(((abs(x), two[x < 0]) for x, two in pairs), reverse=True)
    return "".join(letter for size, letter in along if size > 0.01)


def is_invertible(affine: Floats) -> bool:
    """Whether every voxel has a size."""
    linear = np.asarray(affine, dtype=np.float64)[:3, :3]
    if not np.isfinite(affine).all():
        return False
    # Relative to the sizes of voxels, which may be micrometres.
    lengths = np.linalg.norm(linear, axis=0)
    return bool(lengths.all()) and abs(float(np.linalg.det(linear / lengths))) > 1e-9


def in_plane_shear(affine: Floats) -> float:
    """Return by how much rows and columns are not perpendicular: a cosine."""
    axes = affine[:3, 1:3] / np.linalg.norm(affine[:3, 1:3], axis=0)
    return abs(float(axes[:, 0] @ axes[:, 1]))


def slice_shear(affine: Floats) -> float:
    """Return the angle between the slice direction and the normal of the slices, degrees."""
    normal = np.cross(affine[:3, 2], affine[:3, 1])
    lengths = np.linalg.norm(normal) * np.linalg.norm(affine[:3, 0])
    cosine = abs(float(normal @ affine[:3, 0])) / float(lengths)
    return float(np.degrees(np.arccos(min(1.0, cosine))))


def geometry_findings(source: ExportSource) -> tuple[Finding, ...]:
    """Return what is to be known of the place of a source before it is written."""
    geometry = source.geometry
    if geometry is None:
        text = "nothing says where it is in the patient, nor how large a pixel is"
        return (Finding(FindingCode.NO_GEOMETRY, Severity.WARNING, text),)
    affine = np.asarray(geometry.affine, dtype=np.float64)
    if not is_invertible(affine):
        text = "its transform is singular: no voxel has a size"
        return (Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, text),)
    found = []
    if not geometry.in_patient:
        what = "only its pixel size is known" if geometry.has_spacing else "it is in pixels"
        text = f"it has no place in the patient: {what}"
        found.append(Finding(FindingCode.NO_GEOMETRY, Severity.WARNING, text))
        return tuple(found)
    cosine = in_plane_shear(affine)
    if cosine > _COSINE:
        degrees = float(np.degrees(np.arcsin(min(1.0, cosine))))
        text = f"rows and columns are {degrees:.3g}° off a right angle, which DICOM cannot say"
        numbers, severity = {"degrees": degrees}, Severity.WARNING
        if not can_be_resampled(source):
            text, severity = f"{text}; {_TOO_OBLIQUE}", Severity.ERROR
        found.append(Finding(FindingCode.IN_PLANE_SHIFT, severity, text, numbers))
    tilt = slice_shear(affine)
    if tilt > 0.01 and source.grid[0] > 1:
        text = f"the stack is sheared by {tilt:.3g}°; some programs ignore that"
        if not can_be_resampled(source):
            text = f"{text}; {_TOO_OBLIQUE}"
        found.append(Finding(FindingCode.GANTRY_TILT, Severity.WARNING, text, {"degrees": tilt}))
    if not geometry.is_regular and source.grid[0] > 1:
        count = source.grid[0]
        if len(source.references) not in (count, count * int(np.prod(source.leading, dtype=int))):
            text = (
                "its slices are not evenly spaced, and it does not refer to the images that say "
                "where each is: load it again with its slices resampled"
            )
            return (*found, Finding(FindingCode.UNEVEN_SPACING, Severity.ERROR, text))
        text = "its slices are not evenly spaced"
        found.append(Finding(FindingCode.UNEVEN_SPACING, Severity.WARNING, text))
    return tuple(found)
