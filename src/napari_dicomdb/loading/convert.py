"""Volumes in the files and objects of other programs: NIfTI, NRRD, Zarr, SimpleITK, xarray.

Each needs an optional library; without it the error says how to install it.
Files appear under their name only when they are complete.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import tempfile
import unicodedata
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import LoadError, MissingLibraryError
from napari_dicomdb.loading.diffusion_export import (
    gradient_table,
    has_gradients,
    nrrd_keys,
    write_fsl,
)
from napari_dicomdb.loading.squaring import is_right_angled, right_angled
from napari_dicomdb.loading.volume import TIME_DIMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_dicomdb.loading.volume import Volume

__all__ = ["to_sitk", "to_xarray", "write_nifti", "write_nrrd", "write_zarr"]

_RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_NIFTI_TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
_MOST_NIFTI_AXES = 7


def write_nifti(volume: Volume, path: str | os.PathLike[str]) -> Path:
    """Write NIfTI-1, ``.nii`` or ``.nii.gz``.

    Axes are (column, row, slice, time, leading axes from the last to the first):
    the fourth of NIfTI is time where there is any, with its step and unit. Names
    and values of the axes beside space are in a comment extension, as JSON. The
    affine, RAS millimetres, is in the sform exactly, sheared or not; the qform
    is the nearest that a rotation can be. Images without a place in the patient
    have code 0 and their spacing only. Diffusion volumes get their gradients as
    FSL has them, ``.bval`` and ``.bvec``, beside the file.

    Parameters
    ----------
    volume : Volume
    path : path-like

    Returns
    -------
    Path

    Raises
    ------
    MissingLibraryError
        Without nibabel.
    LoadError
        If the volume has more axes or other values than NIfTI can hold.
    """
    nibabel = _library("nibabel", "nifti")
    path = Path(path)
    array = _with_slices(volume)
    data = array
    if volume.is_rgb:
        if array.dtype != np.uint8:
            raise LoadError("NIfTI holds colours of 8 bits only", reason="unsupported-type")
        rgb = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
        data = np.ascontiguousarray(array).view(rgb)[..., 0]
    elif array.dtype == bool:
        data = array.astype(np.uint8)
    elif array.dtype.str[1:] not in _NIFTI_TYPES:
        raise LoadError(
            f"NIfTI cannot hold values of type {array.dtype}", reason="unsupported-type"
        )
    if data.ndim > _MOST_NIFTI_AXES:
        raise LoadError(f"NIfTI holds 7 axes, not {data.ndim}", reason="unsupported-shape")
    affine = _RAS_FROM_LPS @ _column_first(volume.geometry.affine)
    lead = _time_last(volume.dims[: data.ndim - 3])
    order = [volume.dims.index(name) for name in lead]
    image = nibabel.Nifti1Image(
        np.transpose(data, [*order, *range(len(order), data.ndim)]).T,
        affine,
        dtype=data.dtype,  # without it 64-bit integers are refused
    )
    code = 1 if volume.geometry.in_patient else 0
    image.set_sform(affine, code=code)
    image.set_qform(affine, code=code)
    time, zooms = "unknown", [*volume.geometry.spacing[::-1]]
    for name in reversed(lead):
        step, unit = _step_of(volume, name) if name in TIME_DIMS else (1.0, "")
        zooms.append(step)
        time = {"s": "sec", "ms": "msec"}.get(unit, time)
    image.header.set_zooms(zooms[: data.ndim])
    image.header.set_xyzt_units("mm" if volume.geometry.has_spacing else "unknown", time)
    if lead:
        axes = {"axes": list(reversed(lead)), "coords": _description(volume)["coords"]}
        text = json.dumps(axes, default=str).encode()
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", text))
    image.header["descrip"] = str(volume.meta.get("name", "")).encode("ascii", "replace")[:79]
    with _complete(path) as temporary:
        nibabel.save(image, temporary)
    if has_gradients(volume):
        write_fsl(volume, path)
    return path


def write_nrrd(volume: Volume, path: str | os.PathLike[str]) -> Path:
    """Write NRRD in left-posterior-superior space, gzip-compressed.

    Diffusion volumes have the keys of DWMRI: b-value and gradients.

    Parameters
    ----------
    volume : Volume
    path : path-like

    Raises
    ------
    MissingLibraryError
        Without pynrrd.
    """
    nrrd = _library("nrrd", "nrrd", package="pynrrd")
    path = Path(path)
    array = _with_slices(volume)
    leading = array.ndim - 3 - int(volume.is_rgb)
    affine = _column_first(volume.geometry.affine)
    directions = [list(affine[:3, axis]) for axis in range(3)]
    none = [np.nan] * 3
    space = [*([none] if volume.is_rgb else []), *directions, *[none] * leading]
    names = volume.dims[:leading][::-1]
    colour = ["RGB-color"] if volume.is_rgb else []
    # "time" would be a fourth axis of the domain, for which ITK wants four of space.
    kinds = [*colour, *["domain"] * 3, *["list"] * leading]
    units = [volume.coords[name].unit if name in volume.coords else "" for name in names]
    header: dict[str, Any] = {
        "space directions": np.array(space),
        "kinds": kinds,
        "labels": [*colour, "column", "row", "slice", *names],
        "encoding": "gzip",
        "content": str(volume.meta.get("name", "")),
    }
    if volume.geometry.in_patient:
        header["space"] = "left-posterior-superior"
    else:
        header["space dimension"] = 3
    header["space origin"] = affine[:3, 3]
    if any(units):  # NRRD has another field for axes that have a direction
        header["units"] = [*[""] * (len(colour) + 3), *units]
    for k, name in enumerate(volume.dims[:leading]):
        coord = volume.coords.get(name)
        if coord is not None:
            key = f"dicomdb axis {leading - 1 - k + 3 + int(volume.is_rgb)}"
            header[key] = f"{name} [{coord.unit}]: {' '.join(map(str, coord.values))}"
    if volume.units:
        header["dicomdb units"] = volume.units
    if has_gradients(volume):
        header |= nrrd_keys(volume)
    header = {key: _plain(value) for key, value in header.items()}
    with _complete(path) as temporary:
        # NRRD lists the fastest axis first: the transpose of ours, as it lies in memory.
        nrrd.write(str(temporary), array.T, header, index_order="F", compression_level=4)
    return path


def _plain(value: Any) -> Any:
    """Return text as the header of an NRRD file takes it: ASCII, one line."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, str):
        return value
    text = value.replace("\N{MULTIPLICATION SIGN}", "x").replace("\N{MICRO SIGN}", "u")
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return " ".join(letters.split())


def write_zarr(volume: Volume, path: str | os.PathLike[str]) -> Path:
    """Write a Zarr group with OME-Zarr 0.5 metadata and the exact affine.

    OME-Zarr knows scale and translation only: they are those of the array's own
    axes. Where the voxels are in the patient is in the attribute ``dicomdb``.

    Parameters
    ----------
    volume : Volume
    path : path-like
        Folder; one that exists is replaced.

    Raises
    ------
    MissingLibraryError
        Without zarr.
    """
    zarr = _library("zarr", "zarr")
    path = Path(path)
    array = _with_slices(volume)
    leading = array.ndim - 3 - int(volume.is_rgb)
    names = [*volume.dims[:leading], "z", "y", "x"]
    axes = [_ome_axis(volume, name) for name in volume.dims[:leading]]
    unit = {"unit": "millimeter"} if volume.geometry.has_spacing else {}
    axes += [{"name": name, "type": "space", **unit} for name in "zyx"]
    scale = [_step_of(volume, name)[0] for name in volume.dims[:leading]]
    scale += list(volume.geometry.spacing)
    if volume.is_rgb:
        names.append("c")
        axes.append({"name": "c", "type": "channel"})
        scale.append(1.0)
    chunks = tuple(
        1 if k < leading else min(n, 16 if k == leading else 256)
        for k, n in enumerate(array.shape)
    )
    with _complete(path) as temporary:
        group = zarr.open_group(str(temporary), mode="w")
        group.create_array(
            "0", data=np.ascontiguousarray(array), chunks=chunks, dimension_names=names
        )
        group.attrs["ome"] = {
            "version": "0.5",
            "multiscales": [
                {
                    "name": str(volume.meta.get("name", "")),
                    "axes": axes,
                    "datasets": [
                        {
                            "path": "0",
                            "coordinateTransformations": [
                                {"type": "scale", "scale": [float(s) for s in scale]},
                                {"type": "translation", "translation": [0.0] * len(scale)},
                            ],
                        }
                    ],
                }
            ],
        }
        group.attrs["dicomdb"] = _description(volume)
    return path


def to_sitk(volume: Volume) -> Any:
    """Return a `SimpleITK.Image` in the same LPS space.

    A sheared volume (gantry tilt) is resampled to right angles: SimpleITK has
    no other.

    Parameters
    ----------
    volume : Volume
        With one leading axis at most.

    Raises
    ------
    MissingLibraryError
        Without SimpleITK.
    LoadError
        If there are more axes than it can hold.
    """
    sitk = _library("SimpleITK", "sitk")
    array, affine = _with_slices(volume), volume.geometry.affine
    if not is_right_angled(affine):
        array, affine = right_angled(array, affine, _fill(volume), is_rgb=volume.is_rgb)
    leading = array.ndim - 3 - int(volume.is_rgb)
    if leading > 1:
        raise LoadError(
            f"SimpleITK images have 4 axes at most, not {3 + leading}: convert a part",
            reason="unsupported-shape",
        )
    if array.dtype == bool:
        array = array.astype(np.uint8)
    columns = _column_first(affine)
    spacing = np.linalg.norm(columns[:3, :3], axis=0)
    direction = np.eye(3 + leading)
    direction[:3, :3] = columns[:3, :3] / spacing
    image = sitk.GetImageFromArray(array, isVector=volume.is_rgb)
    extra = [_step_of(volume, volume.dims[0])[0]] if leading else []
    image.SetSpacing([*(float(s) for s in spacing), *extra])
    image.SetOrigin([*(float(v) for v in columns[:3, 3]), *[0.0] * leading])
    image.SetDirection(direction.reshape(-1).tolist())
    return image


def to_xarray(volume: Volume) -> Any:
    """Return an `xarray.DataArray` with named axes; the affine is an attribute.

    Spatial coordinates are millimetres along the axes of the array from its
    first voxel; ``attrs["affine_lps"]`` places them in the patient.

    Raises
    ------
    MissingLibraryError
        Without xarray.
    """
    xarray = _library("xarray", "xarray")
    array = volume.numpy()
    dims = [*volume.dims, *(["sample"] if volume.is_rgb else [])]
    coords: dict[str, Any] = {}
    for name, coord in volume.coords.items():
        values = coord.values
        if all(isinstance(value, (int, float, str)) for value in values):
            attributes = {"units": coord.unit} if coord.unit else {}
            coords[name] = (name, list(values), attributes)
    unit = {"units": "mm" if volume.geometry.has_spacing else "pixel"}
    steps = zip(("slice", "row", "column"), volume.geometry.spacing, strict=True)
    for name, step in steps:
        if name in dims:
            length = array.shape[dims.index(name)]
            coords[name] = (name, np.arange(length) * step, unit)
    return xarray.DataArray(
        array,
        dims=dims,
        coords=coords,
        name=str(volume.meta.get("name", "")) or None,
        attrs={**_description(volume), "affine_lps": volume.geometry.affine.copy()},
    )


def _description(volume: Volume) -> dict[str, Any]:
    meta = volume.meta
    return {
        "affine_lps": volume.geometry.affine.tolist(),
        "axes": ["slice", "row", "column"],
        "dims": list(volume.dims),
        "coords": {
            name: {"values": list(coord.values), "unit": coord.unit}
            for name, coord in volume.coords.items()
        },
        "units": volume.units,
        "in_patient": volume.geometry.in_patient,
        "spacing_label": volume.geometry.spacing_label,
        **gradient_table(volume),
        "frame_of_reference_uid": volume.geometry.frame_of_reference_uid,
        "series_uid": meta.get("series_uid", ""),
        "study_uid": meta.get("study_uid", ""),
        "instance_uids": list(meta.get("instance_uids", ())),
        "findings": [finding.to_json() for finding in volume.findings],
    }


def _column_first(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine of (column, row, slice) from that of (slice, row, column)."""
    return affine[:, [2, 1, 0, 3]]


def _with_slices(volume: Volume) -> NDArray[Any]:
    """Return the array with a slice axis, even where the images have none."""
    array = volume.numpy()
    if "slice" in volume.dims:
        return array
    return np.expand_dims(array, volume.dims.index("row"))


def _time_last(dims: tuple[str, ...]) -> list[str]:
    return sorted(dims, key=lambda name: name in TIME_DIMS)


def _ome_axis(volume: Volume, name: str) -> dict[str, str]:
    """Return the OME-Zarr description of an axis beside space."""
    unit = volume.coords[name].unit if name in volume.coords else ""
    known = {"s": "second", "ms": "millisecond"}.get(unit, unit)
    kind = "time" if name in TIME_DIMS or name == "frame" else "other"
    return {"name": name, "type": kind, **({"unit": known} if known else {})}


def _step_of(volume: Volume, name: str) -> tuple[float, str]:
    coord = volume.coords.get(name)
    if coord is None or name == "diffusion":  # b-values are no steps of a clock
        return 1.0, ""
    values = [v for v in coord.values if isinstance(v, (int, float))]
    steps = np.diff(values) if len(values) == len(coord.values) > 1 else np.zeros(0)
    median = float(np.median(steps)) if len(steps) else 1.0
    return (median if median > 0 else 1.0), coord.unit


def _fill(volume: Volume) -> float:
    padding = volume.meta.get("padding")
    if padding:
        return float(padding[0])
    rescale = volume.meta.get("rescale")
    return float(rescale[0][1]) if rescale else 0.0


def _library(name: str, extra: str, *, package: str = "") -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingLibraryError(
            f"this needs {package or name}: pip install 'napari-dicomdb[{extra}]'"
        ) from error


@contextmanager
def _complete(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` when all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary = folder / path.name
    try:
        yield temporary
        if path.is_dir() and not path.is_symlink():
            # A folder cannot be replaced in one step: the old one steps aside first.
            os.replace(path, folder / "old")
        os.replace(temporary, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
