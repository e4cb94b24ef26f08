"""Results in the files of other programs, NIfTI and NRRD, as something that can be written."""

from __future__ import annotations

import importlib
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import LoadError, MissingLibraryError
from napari_dicomdb.export.segments.label_names import (
    labels_of_extensions,
    labels_of_nrrd,
    layers_of_nrrd,
)
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.loading.volume import Coord, VolumeGeometry

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["ENDINGS", "read_source"]

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".seg.nrrd")
"""Endings of what can be read."""

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_NIFTI_MM = {"mm": 1.0, "meter": 1e3, "micron": 1e-3, "unknown": 1.0}
_NIFTI_TIMES = {"sec": ("s", 1.0), "msec": ("ms", 1.0), "usec": ("ms", 1e-3)}
_NRRD_MM = {"m": 1e3, "cm": 10.0, "mm": 1.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "nm": 1e-6}
_SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}


def read_source(
    path: str | os.PathLike[str], *, role: str = "image", modality: str = ""
) -> ExportSource:
    """Read a NIfTI or NRRD file with its place in the patient.

    Parameters
    ----------
    path : path-like
    role : str
        "image" or "labels".
    modality : str
        Of the images that it was made from, "" when unknown.

    Raises
    ------
    LoadError
        "unreadable", "unsupported-format", "unsupported-shape", "no-labels", "too-large".
    MissingLibraryError
        Without nibabel or pynrrd.
    """
    path = Path(path)
    name = path.name.lower()
    if path.is_dir():
        raise LoadError(f"{path} is a folder: name a file", reason="unreadable")
    if not path.is_file():
        raise LoadError(f"there is no file {path}", reason="unreadable")
    known = {".nii": _read_nifti, ".nii.gz": _read_nifti, ".nrrd": _read_nrrd, ".nhdr": _read_nrrd}
    read = next((one for ending, one in known.items() if name.endswith(ending)), None)
    if read is None:
        text = f"{path}: what ends in {', '.join(known)} can be read"
        raise LoadError(text, reason="unsupported-format")
    try:
        source = read(path)
    except MemoryError as error:
        raise LoadError(f"{path} does not fit into memory", reason="too-large") from error
    if role == "labels":
        array = source.numpy()
        if source.is_rgb or not _is_whole(array):
            raise LoadError(f"{path} holds no labels: its values are no whole numbers",
                            reason="no-labels")  # fmt: skip
        if array.size and max(abs(int(array.min())), abs(int(array.max()))) >= 2**31:
            raise LoadError(f"{path} holds no labels: its numbers are too large",
                            reason="no-labels")  # fmt: skip
        source = _apart(replace(source, array=array.astype(np.int32), role="labels"))
    kept = {key: source.meta[key] for key in ("rescale",) if key in source.meta}
    return replace(source, meta={**kept, "modality": modality})


def _apart(source: ExportSource) -> ExportSource:
    """Return labels that 3D Slicer keeps in layers, as they overlap, as sources of their own."""
    layers = list(source.meta.get("layers") or ())
    if len(source.leading) != 1 or len(layers) < 2 or len(layers) != source.leading[0]:
        return source
    taken: set[int] = set()
    found = []
    for k, labels in enumerate(layers):
        array, named = source.array[k], {}
        for value, label in labels.items():
            # Labels of different layers may have the same number.
            free = value if value not in taken else max(taken) + 1
            taken.add(free)
            named[value] = replace(label, value=free)
        numbers = {value: label.value for value, label in named.items()}
        if any(value != free for value, free in numbers.items()):
            array = np.select([array == v for v in numbers], list(numbers.values()), 0)
        found.append(
            replace(
                source,
                array=array.astype(np.int32),
                dims=source.dims[1:],
                labels={label.value: label for label in named.values()},
                meta={},
            )
        )
    return replace(found[0], together=tuple(found[1:]))


def _is_whole(array: NDArray[Any]) -> bool:
    if array.dtype.kind in "biu":
        return True
    if array.dtype.kind == "c":
        return False
    return bool(np.isfinite(array).all() and (array == np.rint(array)).all())


def _library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingLibraryError(
            f"reading this needs {name}: pip install 'napari-dicomdb[{extra}]'"
        ) from error


def _read_nifti(path: Path) -> ExportSource:
    nibabel = _library("nibabel", "nifti")
    try:
        image = nibabel.load(path)
        data = np.asarray(image.dataobj)
    except (
        OSError, ValueError, EOFError, zlib.error, nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
    ) as error:  # fmt: skip
        raise LoadError(f"{path} cannot be read as NIfTI: {error}", reason="unreadable") from error
    is_rgb = data.dtype.names is not None
    if is_rgb:
        data = np.stack([data[name] for name in data.dtype.names or ()], axis=-1)
        data = np.moveaxis(data, -1, 0)
    spatial = data.ndim - is_rgb
    while spatial < 3:
        data, spatial = data[..., None], spatial + 1
    try:
        length, time = image.header.get_xyzt_units()
    except KeyError:  # a number that stands for no unit
        length, time = "unknown", "unknown"
    affine = _LPS_FROM_RAS @ np.asarray(image.affine, dtype=np.float64)
    affine[:3] *= _NIFTI_MM.get(length, 1.0)
    in_patient = int(image.header["sform_code"]) > 0 or int(image.header["qform_code"]) > 0
    # Axes of NIfTI are (column, row, slice, time, ...), of ours the other way round.
    array = data.T
    if is_rgb:
        array = np.ascontiguousarray(array)
    while array.ndim - is_rgb > 3 and array.shape[0] == 1:
        array = array[0]
    lead = array.ndim - is_rgb - 3
    coords = {}
    dims = [f"axis_{k}" for k in range(lead)]
    if lead:
        dims[-1] = "time"
        unit, factor = _NIFTI_TIMES.get(time, ("", 1.0))
        if unit:
            step = float(image.header.get_zooms()[3]) * factor
            coords["time"] = Coord(tuple(step * k for k in range(array.shape[lead - 1])), unit)
    source = _source(path, array, dims, affine, coords, is_rgb, in_patient)
    labels = labels_of_extensions(image.header.extensions)
    return replace(source, labels=labels, meta=_rescale(image.dataobj))


def _rescale(stored: Any) -> dict[str, Any]:
    """Return the slope and intercept by which a NIfTI keeps its values as integers, if it does."""
    if stored.dtype.kind not in "iu":
        return {}
    return {"rescale": [(float(stored.slope), float(stored.inter))]}


def _read_nrrd(path: Path) -> ExportSource:
    nrrd = _library("nrrd", "nrrd")
    try:
        data, header = nrrd.read(str(path), index_order="C")
    except (OSError, ValueError, EOFError, zlib.error, nrrd.NRRDError) as error:
        raise LoadError(f"{path} cannot be read as NRRD: {error}", reason="unreadable") from error
    header = {**header, **_texts(path)}
    directions = header.get("space directions")
    kinds = [str(kind).lower() for kind in header.get("kinds", [])]
    is_rgb = bool(kinds) and kinds[0] in ("rgb-color", "rgba-color")
    count = data.ndim
    # What the header lists is in the other order than the axes of `data`.
    if directions is None:
        spatial = [k for k in range(count) if not (is_rgb and k == 0)][:3]
        spacings = header.get("spacings", [1.0] * count)
        units = _in_mm(header.get("units"), count)
        lengths = [abs(float(spacings[k])) * units[k] for k in spatial]
        steps = np.diag(lengths + [1.0] * (3 - len(spatial)))
        in_patient = False
    else:
        rows = [None if _is_nothing(row) else np.asarray(row, float) for row in directions]
        spatial = [k for k, row in enumerate(rows) if row is not None]
        if any(row is not None and len(row) > 3 for row in rows):
            text = f"{path}: its space has more than three axes"
            raise LoadError(text, reason="unsupported-shape")
        sign = _SPACES.get(str(header.get("space", "")).lower())
        in_patient = sign is not None and len(spatial) == 3
        steps = np.eye(3)
        for place, k in enumerate(spatial[:3]):
            vector = rows[k]
            if vector is not None:
                steps[: len(vector), place] = vector
        steps = (
            steps * (np.array(sign or (1, 1, 1)) * _in_mm(header.get("space units"), 3))[:, None]
        )
    if len(spatial) > 3 or not spatial:
        raise LoadError(f"{path}: its axes of space cannot be told", reason="unsupported-shape")
    affine = np.eye(4)
    affine[:3, :3] = steps
    origin = np.zeros(3)
    given = np.asarray(header.get("space origin", np.zeros(3)), float)
    origin[: len(given)] = given
    origin *= _in_mm(header.get("space units"), 3)
    affine[:3, 3] = origin * np.array(_SPACES.get(str(header.get("space", "")).lower(), (1, 1, 1)))
    colours = [0] if is_rgb else []
    others = [k for k in range(count) if k not in spatial and k not in colours]
    last_first = [*reversed(others), *reversed(spatial), *colours]
    order = [count - 1 - k for k in last_first]
    array = np.transpose(data, order)
    if len(spatial) < 3:
        array = array.reshape(*array.shape[: len(others)], *(1,) * (3 - len(spatial)),
                              *array.shape[len(others):])  # fmt: skip
    dims = [f"axis_{k}" for k in range(len(others))]
    if others:
        dims[-1] = "time"
    source = _source(path, array, dims, affine, {}, is_rgb, in_patient)
    return replace(source, labels=labels_of_nrrd(header), meta={"layers": layers_of_nrrd(header)})


def _in_mm(units: Any, count: int) -> NDArray[np.float64]:
    """Return how many mm the unit of each axis has; what is not known is taken for mm."""
    told = [str(unit).strip().strip('"') for unit in units or ()]
    lengths = [_NRRD_MM.get(unit, 1.0) for unit in told[:count]]
    return np.array(lengths + [1.0] * (count - len(lengths)))


def _texts(path: Path) -> dict[str, str]:
    """Return the texts of an NRRD header that are not ASCII: pynrrd drops their letters.

    3D Slicer writes UTF-8.
    """
    found: dict[str, str] = {}
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                break
            key, is_key, text = line.decode("utf-8", "replace").rstrip("\r\n").partition(":=")
            if is_key and not line.isascii():
                found[key.strip()] = text.strip()
    return found


def _is_nothing(row: Any) -> bool:
    return row is None or not np.isfinite(np.asarray(row, dtype=float)).all()


def _source(
    path: Path,
    array: NDArray[Any],
    dims: list[str],
    column_first: NDArray[np.float64],
    coords: dict[str, Coord],
    is_rgb: bool,
    in_patient: bool,
) -> ExportSource:
    affine = column_first[:, [2, 1, 0, 3]]
    lead = len(dims)
    grid = (array.shape[lead], array.shape[lead + 1], array.shape[lead + 2])
    name = path.name
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
            break
    return ExportSource(
        name=name,
        array=array,
        dims=(*dims, "slice", "row", "column"),
        geometry=VolumeGeometry(affine, grid, in_patient=in_patient),
        coords=coords,
        is_rgb=is_rgb,
    )
