"""A loaded image that knows where it is in the patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_dicomdb.dicom.findings import Finding

__all__ = ["TIME_DIMS", "Coord", "Volume", "VolumeGeometry"]

SPATIAL_DIMS = ("slice", "row", "column")
TIME_DIMS = frozenset({"time", "trigger_time"})
"""Axes along which time passes; an echo time is a time too, but not of these."""


@dataclass(frozen=True, slots=True)
class Coord:
    """Values of one leading axis of a volume, with their unit (UCUM-like, "" if none)."""

    values: tuple[Any, ...]
    unit: str = ""


@dataclass(frozen=True)
class VolumeGeometry:
    """Where the voxels of a volume are.

    Parameters
    ----------
    affine : (4, 4) ndarray of float64
        Maps voxel centres ``(k, row, column, 1)`` to LPS millimetres
        ``(x, y, z, 1)``. May be sheared (gantry tilt).
    shape : tuple of 3 int
        Slices, rows, columns.
    frame_of_reference_uid : str
        "" when unknown.
    is_regular : bool
        False when the slices are not where `affine` says within tolerance.
    in_patient : bool
        False for images without a position in the patient (projection images,
        secondary captures): `affine` then holds only spacing, or pixels.
    in_slide : bool
        True for images of whole slides: `affine` maps to the slide coordinate
        system (PS3.3 Section C.8.12.2.1), mm.
    spacing_label : str
        What the in-plane spacing means, e.g. "mm", "mm at detector plane
        (uncalibrated)", "mm, calibrated (fiducial)", "pixel".
    """

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    frame_of_reference_uid: str = ""
    is_regular: bool = True
    in_patient: bool = True
    spacing_label: str = "mm"
    in_slide: bool = False

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distances between slices (along the slice axis), rows, columns; mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(lengths[0]), float(lengths[1]), float(lengths[2]))

    @property
    def has_spacing(self) -> bool:
        """Whether `spacing` is in mm rather than in pixels."""
        return self.spacing_label != "pixel"


@dataclass(eq=False, repr=False)
class Volume:
    """An array with named axes and a place in space.

    Parameters
    ----------
    array : (..., S, R, C) or (..., S, R, C, 3) array_like
        numpy array or a lazy array (``shape, dtype, ndim, size, __getitem__,
        __array__``). Leading axes as in `dims`, then slice, row, column, then
        colour samples when `is_rgb`. For images without slices (`dims` ends in
        ``("row", "column")`` only) the slice axis is absent.
    dims : tuple of str
        Name of every axis but the colour one.
    geometry : VolumeGeometry
    coords : mapping of str to Coord
        Values of each leading axis.
    units : str
        Unit of the values after the modality LUT ("HU", "BQML", ""...).
    is_rgb : bool
    meta : dict
        Keys set by our loaders: ``name``, ``modality``, ``kind``, ``loader``,
        ``series_uid``, ``study_uid``, ``patient_id``, ``instance_uids`` (in
        slice order), ``source_paths``, ``photometric``, ``rescale`` (list of
        (slope, intercept) per slice, or one), ``windows`` (tuple of
        `dicom.voi.Window`), ``voi_luts`` (tuple of `dicom.voi.LookupTable`),
        ``padding`` ((low, high) in output values or None), ``value_range``
        ((low, high) that the stored bits can hold, after rescale),
        ``quantity`` and ``ucum_units`` (what values measure, where the file says it),
        ``pet`` (header values that SUV is made of), ``findings`` (tuple of Finding),
        ``annotations`` (tuple of `loading.image_annotations.Annotation`: overlays,
        shutters, regions).
        Loops have ``display_frame_rate`` (1/s) and ``frame_features`` (mapping
        of keyword to one value for each frame) where the header tells them.
    levels : tuple of array_like
        Of a pyramid: `array` and the same at ever smaller scales; () otherwise.
    """

    array: Any
    dims: tuple[str, ...]
    geometry: VolumeGeometry
    coords: Mapping[str, Coord] = field(default_factory=dict)
    units: str = ""
    is_rgb: bool = False
    meta: dict[str, Any] = field(default_factory=dict)
    levels: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        axes = ", ".join(f"{d}={n}" for d, n in zip(self.dims, self.shape, strict=False))
        unit = "mm" if self.geometry.has_spacing else "pixels"
        edges = " x ".join(f"{edge:.4g}" for edge in self.geometry.spacing)
        colour = ", RGB" if self.is_rgb else ""
        name = str(self.meta.get("name", ""))[:80]
        return f"<Volume {name!r}: {axes}; {self.dtype}{colour}; {edges} {unit}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `array`."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values after the modality LUT."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found while examining and loading, and in lazy slices looked at since."""
        read = self.levels or (self.array,)
        later = [finding for one in read for finding in getattr(one, "findings", ())]
        # The same problem, known of more slices by now, takes the place of what was known.
        told = {(finding.code, finding.numbers.get("reason")) for finding in later}
        known = self.meta.get("findings", ())
        return (*(f for f in known if (f.code, f.numbers.get("reason")) not in told), *later)

    def numpy(self) -> NDArray[Any]:
        """Return the whole array in memory; the lazy array is left as it is."""
        return np.asarray(self.array)

    def to_nifti(self, path: str | Path) -> Path:
        """Write NIfTI-1 (``.nii`` or ``.nii.gz``); needs nibabel."""
        from napari_dicomdb.loading import convert

        return convert.write_nifti(self, path)

    def to_nrrd(self, path: str | Path) -> Path:
        """Write NRRD in left-posterior-superior space; needs pynrrd."""
        from napari_dicomdb.loading import convert

        return convert.write_nrrd(self, path)

    def to_zarr(self, path: str | Path) -> Path:
        """Write a Zarr group (OME-Zarr metadata plus the exact affine); needs zarr."""
        from napari_dicomdb.loading import convert

        return convert.write_zarr(self, path)

    def to_sitk(self) -> Any:
        """Return a SimpleITK image in the same LPS space; needs SimpleITK."""
        from napari_dicomdb.loading import convert

        return convert.to_sitk(self)

    def to_xarray(self) -> Any:
        """Return an `xarray.DataArray` with named axes and coords; needs xarray."""
        from napari_dicomdb.loading import convert

        return convert.to_xarray(self)
