"""A napari layer as something that can be written: its array, and where it really is.

Our own layers carry their exact place in the patient; what the view had to round does
not matter. Any other layer is where napari shows it, in the directions of our world:
the last three axes lead inferior, posterior and left. Needs no napari.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.images.diffusion_table import turned_gradients
from napari_dicomdb.export.one_slice import with_slice
from napari_dicomdb.export.source import ExportSource, Label
from napari_dicomdb.loading.volume import Coord, VolumeGeometry
from napari_dicomdb.viewer.frame import dicom_metadata
from napari_dicomdb.viewer.placement import LPS_FROM_IPL
from napari_dicomdb.viewer.reorient import reoriented

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

__all__ = ["source_of"]

_MOVED = 0.75  # voxels: a layer that is shown natively is off by half of one at most
_UNEVEN = frozenset({"uneven-spacing", "missing-slices", "drift", "in-plane-shift"})
_STRAIGHT = 1e-6  # of the longest step along an axis: what rounding leaves across it
_MM = {
    "millimeter": 1.0, "mm": 1.0, "micrometer": 1e-3, "um": 1e-3, "µm": 1e-3,
    "nanometer": 1e-6, "nm": 1e-6, "centimeter": 10.0, "cm": 10.0, "meter": 1e3, "m": 1e3,
}  # fmt: skip
_TIMES = {
    "second": "s", "s": "s", "millisecond": "ms", "ms": "ms", "minute": "min", "min": "min",
    "hour": "h", "h": "h",
}  # fmt: skip
# Labels of the third axis from the end that say that it is none of space.
_NO_SPACE = frozenset(
    ("t", "time", "trigger_time", "frame", "frames", "c", "ch", "channel", "channels", "band")
)
_SHORT = {"t": "time", "c": "channel", "ch": "channel"}


def source_of(layer: Any, database: Any = None, *, frame: ArrayLike | None = None) -> ExportSource:
    """Return what there is to write of an Image or Labels layer.

    Parameters
    ----------
    layer : napari.layers.Layer
        Image or Labels of 2 or more dimensions.
    database : Database, optional
        Reserved for sources that the layer's metadata does not name.
    frame : (4, 4) array_like, optional
        Frame of the viewer (`viewer.frame.current_frame`), for layers that are not ours.

    Raises
    ------
    ExportError
        "not-an-image": the layer is of another kind.
    """
    role = _role(layer)
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    meta = dict(dicom_metadata(layer) or {})
    is_rgb = bool(getattr(layer, "rgb", False))
    ndim = len(data.shape) - is_rgb
    if ndim < 2:
        raise ExportError(
            f"the layer {layer.name!r} has fewer than two axes", reason="not-an-image"
        )
    spatial = _axes_of_space(layer, ndim, meta)
    lps_from_data, findings, in_patient, unit = _place(layer, meta, ndim, spatial, frame)
    if in_patient and "directions_lps" in meta and meta.get("lps_from_data") is not None:
        was = np.asarray(meta["lps_from_data"], dtype=np.float64)
        meta = turned_gradients(meta, was, np.asarray(lps_from_data, dtype=np.float64))
    dims = _dims(layer, ndim, spatial)
    lead = len(dims) - 3
    levels: tuple[Any, ...] = ()
    shares = np.dtype(data.dtype).kind == "f" and not is_rgb
    if getattr(layer, "multiscale", False) and spatial == 2 and (role == "labels" or shares):
        levels = tuple(with_slice(level, lead) for level in layer.data[1:])
    if spatial == 2:
        data = with_slice(data, lead)
    shape = tuple(int(n) for n in data.shape)
    grid = (shape[lead], shape[lead + 1], shape[lead + 2])
    geometry = None
    if lps_from_data is not None:
        geometry = VolumeGeometry(
            lps_from_data,
            grid,
            str(meta.get("frame_of_reference_uid") or ""),
            is_regular=_is_regular(meta),
            in_patient=in_patient,
            spacing_label=unit,
        )
    source = ExportSource(
        name=str(layer.name),
        array=data,
        dims=dims,
        role=role,
        geometry=geometry,
        coords=_coords(layer, dims, meta),
        units=str(meta.get("units") or ""),
        is_rgb=is_rgb,
        meta=meta,
        labels=_labels(layer) if role == "labels" else {},
        # Of a segmentation: the images it was made on, not itself.
        references=tuple(map(str, meta.get("references") or meta.get("instance_uids") or ())),
        findings=tuple(findings),
        window=_window(layer) if role == "image" and not is_rgb else None,
        levels=levels,
    )
    return _as_acquired(source, meta.get("native_axes")) if in_patient else source


def _is_regular(meta: Mapping[str, Any]) -> bool:
    """Whether slices are where the affine says: so are those that gaps were filled with."""
    said = meta.get("is_regular")
    if isinstance(said, bool):
        return said
    # Layers of scenes of earlier versions say what was found only.
    codes = {f.get("code") for f in meta.get("findings") or ()}
    return "resampled" in codes or not codes & _UNEVEN


def _role(layer: Any) -> str:
    kind = str(getattr(layer, "_type_string", type(layer).__name__)).lower()
    if kind not in ("image", "labels"):
        raise ExportError(
            f"a layer of {kind} cannot be written as an image or segmentation",
            reason="not-an-image",
        )
    return kind


def _axes_of_space(layer: Any, ndim: int, meta: Mapping[str, Any]) -> int:
    """Return how many of the last axes are of space: 2 for a picture, a loop, channels."""
    if ndim < 3:
        return 2
    if meta.get("lps_from_data") is not None:
        return 3
    labels = [str(one).lower() for one in getattr(layer, "axis_labels", ())]
    units = [str(one) for one in getattr(layer, "units", ())]
    label = labels[-3] if len(labels) == ndim else ""
    unit = units[-3] if len(units) == ndim else ""
    return 2 if label in _NO_SPACE or unit in _TIMES or unit == "dimensionless" else 3


def _place(
    layer: Any, meta: Mapping[str, Any], ndim: int, spatial: int, frame: ArrayLike | None
) -> tuple[NDArray[np.float64] | None, list[Finding], bool, str]:
    """Return LPS from (slice, row, column), findings, whether in the patient, spacing label."""
    findings: list[Finding] = []
    shown, unit = _shown(layer, ndim, spatial, meta.get("frame") if meta else frame)
    exact = meta.get("lps_from_data")
    if meta and exact is None and meta.get("frame") is None and "native" in meta:
        label = str(meta.get("spacing_label") or "pixel")
        return shown, findings, False, label
    if exact is not None and spatial == 3:
        exact = np.asarray(exact, dtype=np.float64)
        if meta.get("native") is False:
            text = "the view had resampled it on a grid along its axes"
            findings.append(Finding(FindingCode.RESAMPLED, Severity.WARNING, text))
        if _is_same_place(exact, shown, layer, ndim):
            return exact, findings, True, "mm"
        text = "it was moved, cropped or scaled since it was loaded: its place as shown is taken"
        findings.append(Finding(FindingCode.DRIFT, Severity.INFO, text))
        return shown, findings, True, "mm"
    if unit == "pixel" and spatial == 3:
        if frame is None or _is_untouched(layer, ndim):
            return _in_pixels(shown, findings)
        text = "its units are pixels: taken for millimetres, as those of the images beside it"
        findings.append(Finding(FindingCode.NO_SPACING, Severity.WARNING, text))
        return shown, findings, True, "mm"
    if unit == "pixel":
        return shown, findings, False, "pixel"
    return shown, findings, spatial == 3, "mm"


def _is_untouched(layer: Any, ndim: int) -> bool:
    """Whether nobody gave the layer a place: its axes of space are counted in voxels from 0."""
    origin = np.asarray(layer.data_to_world((0.0,) * ndim), dtype=np.float64)
    one = np.asarray(layer.data_to_world((1.0,) * ndim), dtype=np.float64)
    return bool(np.allclose(origin[-3:], 0) and np.allclose(one[-3:], 1))


def _in_pixels(
    shown: NDArray[np.float64], findings: list[Finding]
) -> tuple[NDArray[np.float64], list[Finding], bool, str]:
    text = (
        "its units are pixels: nothing says how large a voxel is (give the layer a scale and "
        "units of mm where that is known)"
    )
    steps = np.abs(shown[:3, :3])
    if (np.sort(steps, axis=0)[:2] > _STRAIGHT * steps.max()).any():
        text += "; how it is turned or sheared is not kept"
    return (
        shown,
        [*findings, Finding(FindingCode.NO_SPACING, Severity.WARNING, text)],
        False,
        "pixel",
    )


def _shown(
    layer: Any, ndim: int, spatial: int, frame: ArrayLike | None
) -> tuple[NDArray[np.float64], str]:
    """Return LPS millimetres from the axes of space of the data, as napari shows them."""
    origin = np.asarray(layer.data_to_world((0.0,) * ndim), dtype=np.float64)
    linear = np.stack(
        [np.asarray(layer.data_to_world(row), float) - origin for row in np.eye(ndim)], axis=1
    )
    factors, units = [], [str(u) for u in getattr(layer, "units", ())]
    for name in units[-spatial:] or ["pixel"]:
        factors.append(_MM.get(name))
    unit = "pixel" if None in factors else "mm"
    scale = np.array([f or 1.0 for f in factors])
    physical = np.eye(4)
    if spatial == 2:
        physical[1:3, 1:3] = linear[-2:, -2:] * scale[:, None]
        physical[1:3, 3] = origin[-2:] * scale
        # A picture has no place in the patient: rows and columns as they are.
        affine = np.eye(4)
        affine[:3, :3] = physical[:3, :3][::-1]
        affine[:3, 3] = physical[:3, 3][::-1]
        return affine, unit
    physical[:3, :3] = linear[-3:, -3:] * scale[:, None]
    physical[:3, 3] = origin[-3:] * scale
    turned = np.eye(4) if frame is None else np.asarray(frame, dtype=np.float64)
    return LPS_FROM_IPL @ np.linalg.inv(turned) @ physical, unit


def _is_same_place(
    exact: NDArray[np.float64], shown: NDArray[np.float64], layer: Any, ndim: int
) -> bool:
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    shape = np.array(data.shape[ndim - 3 : ndim], dtype=float)
    corners = np.array(np.meshgrid(*([0, n - 1] for n in shape), indexing="ij")).reshape(3, -1)
    homogeneous = np.vstack([corners, np.ones(corners.shape[1])])
    back = np.linalg.solve(exact, shown @ homogeneous)[:3]
    return bool(np.abs(back - corners).max() < _MOVED)


def _dims(layer: Any, ndim: int, spatial: int) -> tuple[str, ...]:
    labels = [str(one) for one in getattr(layer, "axis_labels", ())]
    lead = ndim - spatial
    names = labels[:lead] if len(labels) == ndim else [""] * lead
    # napari calls axes without a name "-3", "-2", "-1".
    units = [str(one) for one in getattr(layer, "units", ())]
    for k, name in enumerate(names):
        if re.fullmatch(r"-?\d*", name):
            timed = len(units) == ndim and units[k] in _TIMES and "time" not in names
            names[k] = "time" if timed else f"axis {k}"
    named: list[str] = []
    for k, name in enumerate(names):
        plain = (re.sub(r"\W+", "_", name).strip("_") or f"axis_{k}").lower()
        plain = _SHORT.get(plain, plain)
        named.append(f"{plain}_{k}" if plain in (*named, "slice", "row", "column") else plain)
    return (*named, "slice", "row", "column")


def _coords(layer: Any, dims: tuple[str, ...], meta: Mapping[str, Any]) -> dict[str, Coord]:
    found: dict[str, Coord] = {}
    known = meta.get("coords") or {}
    lead = len(dims) - 3
    for k, name in enumerate(dims[:lead]):
        length = int(
            (layer.data[0] if getattr(layer, "multiscale", False) else layer.data).shape[k]
        )
        ours = known.get(name)
        if ours is not None and len(ours["values"]) == length:
            found[name] = Coord(tuple(ours["values"]), str(ours["unit"]))
            continue
        unit = _TIMES.get(str(layer.units[k])) if len(getattr(layer, "units", ())) > k else None
        if unit:
            step, start = float(layer.scale[k]), float(layer.translate[k])
            found[name] = Coord(tuple(start + step * i for i in range(length)), unit)
    return found


def _labels(layer: Any) -> dict[int, Label]:
    """Return names, colours and features of the labels that the layer knows of."""
    rows: dict[int, dict[str, Any]] = {}
    features = getattr(layer, "features", None)
    if features is not None and len(features):
        column = next((c for c in ("index", "label", "value") if c in features), None)
        # pandas has NaN or NA where a row says nothing.
        told = features.astype(object).where(features.notna(), None)
        for k, row in enumerate(told.to_dict("records")):
            value = row[column] if column is not None else k
            if isinstance(value, int | float | np.integer) and float(value).is_integer():
                rows[int(value)] = row
    found = {}
    for value, row in rows.items():
        if value:
            name = next((str(row[c]) for c in ("name", "Name", "label_name") if row.get(c)), "")
            found[value] = Label(value, name, _colour(layer, value), row)
    return found


def _colour(layer: Any, value: int) -> tuple[float, float, float] | None:
    get = getattr(layer, "get_color", None)
    colour = get(value) if get is not None else None
    if colour is None:
        return None
    red, green, blue = (float(x) for x in np.asarray(colour)[:3])
    return (red, green, blue)


def _window(layer: Any) -> tuple[float, float] | None:
    limits = getattr(layer, "contrast_limits", None)
    if limits is None:
        return None
    low, high = (float(x) for x in limits)
    return (low, high) if high > low else None


def _as_acquired(source: ExportSource, axes: Any) -> ExportSource:
    """Turn our world's axes back to (slice, row, column) of the images it came from."""
    geometry = source.geometry
    if geometry is None or axes is None or tuple(axes) == (0, 1, 2):
        return source
    # Axis i of the data is axis axes[i] of the volume.
    order = [list(axes).index(k) for k in range(3)]
    lead = len(source.dims) - 3
    every = [*range(lead), *(lead + k for k in order), *range(lead + 3, len(source.shape))]
    affine = np.asarray(geometry.affine)[:, [*order, 3]]
    array = source.array
    if hasattr(array, "transpose"):
        array = array.transpose(every)
    else:
        array = reoriented(array, every, [False] * len(every))
    grid = (source.grid[order[0]], source.grid[order[1]], source.grid[order[2]])
    return replace(source, array=array, geometry=replace(geometry, affine=affine, shape=grid))
