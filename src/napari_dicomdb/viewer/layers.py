"""A volume as napari ``LayerData``: transform, units, window, colours, metadata.

Needs no napari: the tuples are made headless, and exported from as well.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.viewer.annotation_layers import annotation_layers
from napari_dicomdb.viewer.label_layers import is_segmentation, segment_layers
from napari_dicomdb.viewer.placement import place
from napari_dicomdb.viewer.slides import (
    channels_of,
    in_colours,
    sample_level,
    sample_window,
    shown_levels,
    slide_transform,
)
from napari_dicomdb.viewer.surface_layers import is_surface, surface_layers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_dicomdb.loading.loadable import LayerData
    from napari_dicomdb.loading.volume import Coord, Volume
    from napari_dicomdb.viewer.placement import Placement

__all__ = ["WORLD_LABELS", "contrast_limits", "volume_to_layers"]

#: Directions in which the last three axes of the world grow: inferior, posterior, left.
WORLD_LABELS = ("I", "P", "L")

#: Units of leading axes as DICOM and UCUM write them, as pint (napari) reads them.
_PINT_UNITS = {
    "s": "s",
    "ms": "ms",
    "us": "us",
    "min": "min",
    "h": "h",
    "mm": "mm",
    "deg": "degree",
    "s/mm2": "s/mm^2",
    "s/mm^2": "s/mm^2",
    "keV": "keV",
    "kV": "kV",
    "%": "percent",
}

#: Shown dark on light, as a light box would.
_INVERTED_MODALITIES = frozenset({"PT"})

_LABEL_KINDS = frozenset({"labels", "segmentation"})


def volume_to_layers(volume: Volume, *, frame: ArrayLike | None = None) -> list[LayerData]:
    """Return the napari layers of a volume.

    Parameters
    ----------
    volume : Volume
    frame : (4, 4) array_like, optional
        Frame of the viewer (`viewer.frame.current_frame`); None when the
        volume is the first of its viewer.

    Returns
    -------
    list of (data, dict, str)
        The image, then what its file draws over it (`viewer.annotation_layers`), which
        is off at first. Its transform leads to (I, P, L) millimetres, then `frame`;
        `metadata["dicomdb"]` holds the exact transform to LPS, whatever the
        view had to round or resample.
    """
    if is_surface(volume):
        return surface_layers(volume, frame, _metadata(volume))
    channels = channels_of(volume)
    if len(channels) > 1:
        return in_colours(one for c in channels for one in volume_to_layers(c, frame=frame))

    def laid(part: Volume, nearest: bool) -> tuple[Any, dict[str, Any]]:
        data, kwargs, spatial, _ = _placed(part, frame, nearest)
        told = {"metadata": {"dicomdb": _metadata(part) | spatial}, "name": _name(part)}
        return data, kwargs | told

    if is_segmentation(volume):
        return segment_layers(volume, laid)
    labels = volume.meta.get("kind") in _LABEL_KINDS
    data, kwargs, spatial, backwards = _placed(volume, frame, labels)
    kwargs["metadata"] = {"dicomdb": _metadata(volume) | spatial}
    kwargs["name"] = _name(volume)
    if labels:
        return [(np.asarray(data), kwargs, "labels")]
    kwargs["rgb"] = volume.is_rgb
    if volume.levels:
        data = shown_levels(volume)
        kwargs["multiscale"] = len(data) > 1
        data = data if len(data) > 1 else data[0]
    if not volume.is_rgb:
        kwargs["contrast_limits"], kwargs["colormap"] = _display(volume, backwards)

    def on_grid(marks: Any) -> Any:
        """Lay an array of the volume's shape as the volume itself is laid."""
        return _placed(replace(volume, array=marks, is_rgb=False), frame, True)[0]

    return [(data, kwargs, "image"), *annotation_layers(volume, kwargs, on_grid)]


def _name(volume: Volume) -> str:
    """Name of a layer; with the unit where the values are a quantity of their own."""
    name = str(volume.meta.get("name") or "DICOM")
    told = not volume.meta.get("quantity") or not volume.units or name.endswith("]")
    # UCUM as people write it: "Bq/ml" for BQML, "g/ml" without the annotation {SUVbw}.
    written = re.sub(r"\{[^}]*\}", "", str(volume.meta.get("ucum_units") or ""))
    unit = written if written[:1].isalpha() else volume.units
    return name if told else f"{name} [{unit}]"


def _placed(
    volume: Volume, frame: ArrayLike | None, nearest: bool
) -> tuple[Any, dict[str, Any], dict[str, Any], bool]:
    """Return data, transform, what metadata tells of it, and whether slices run backwards."""
    if not volume.geometry.in_patient:
        return *_out_of_patient(volume), False
    volume = _with_slices(volume)
    placement = place(volume, frame, nearest=nearest)
    return *_in_patient(volume, placement), placement.flips[placement.axes.index(0)]


def contrast_limits(volume: Volume, *, runs_backwards: bool = False) -> tuple[float, float]:
    """Return the display range of a volume: a window of its files, else of its middle slice.

    Parameters
    ----------
    volume : Volume
    runs_backwards : bool
        Whether napari shows the slices in reverse; so that the slice looked at
        is the one that it shows first, and no other is read.
    """
    return _display(volume, runs_backwards)[0]


def _display(volume: Volume, backwards: bool) -> tuple[tuple[float, float], str | dict[str, Any]]:
    """Return contrast limits and colormap to begin with."""
    from napari_dicomdb.dicom.pet import is_suv
    from napari_dicomdb.dicom.voi import SUV_PRESETS, choose_limits, first_choice
    from napari_dicomdb.viewer.curves import curve_of
    from napari_dicomdb.viewer.windows import grey_colormap

    meta, sample = volume.meta, _middle_slice(volume, backwards)
    windows, padding = tuple(meta.get("windows") or ()), meta.get("padding")
    if meta.get("modality") == "PT" and is_suv(volume.units):
        # One scale for all: windows of PET files span whatever their slice holds.
        windows = SUV_PRESETS[:1]
    chosen = first_choice(windows, tuple(meta.get("voi_luts") or ()), sample, padding)
    curve = None if chosen is None else curve_of(chosen)
    if curve is not None:
        return (curve.low, curve.high), curve.colormap(inverted=_is_inverted(volume))
    low, high = choose_limits(windows, sample, padding, str(meta.get("modality") or ""))
    return (float(low), float(high)), grey_colormap(_is_inverted(volume))


def _middle_slice(volume: Volume, runs_backwards: bool) -> NDArray[Any]:
    lead = [n // 2 for n in volume.shape[: len(volume.dims) - 2]]
    if lead and runs_backwards:
        lead[-1] = (volume.shape[len(lead) - 1] - 1) // 2
    return np.asarray(sample_level(volume)[(*lead, *sample_window(volume))])


def _with_slices(volume: Volume) -> Volume:
    """Return `volume` with a slice axis, which a single image may lack."""
    if "slice" in volume.dims:
        return volume
    lead = len(volume.dims) - 2
    array = np.expand_dims(np.asarray(volume.array), lead)
    return replace(volume, array=array, dims=(*volume.dims[:lead], "slice", "row", "column"))


def _in_patient(
    volume: Volume, placement: Placement
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    scale, translate, units = _leading(volume, len(volume.dims) - 3)
    lead = len(scale)
    rotate = np.eye(lead + 3)
    rotate[lead:, lead:] = placement.rotate
    affine = np.eye(lead + 4)
    affine[lead:, lead:] = placement.frame
    kwargs = {
        "scale": (*scale, *map(float, placement.scale)),
        "translate": (*translate, *map(float, placement.translate)),
        "rotate": rotate,
        "affine": affine,
        "units": (*units, "mm", "mm", "mm"),
        "axis_labels": (*volume.dims[:lead], *WORLD_LABELS),
    }
    spatial = {
        "lps_from_data": placement.lps_from_data,
        "frame": placement.frame,
        "native": placement.native,
        "native_axes": placement.axes,
        "dropped_angle_degrees": placement.dropped_angle_degrees,
    }
    return placement.array, kwargs, spatial


def _out_of_patient(volume: Volume) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Place an image that is nowhere in the patient: by its spacing alone, no frame."""
    count = 3 if "slice" in volume.dims else 2
    scale, translate, units = _leading(volume, len(volume.dims) - count)
    geometry = volume.geometry
    unit = "mm" if geometry.has_spacing else "pixel"
    kwargs = {
        "scale": (*scale, *geometry.spacing[3 - count :]),
        "translate": (*translate, *(0.0,) * count),
        "units": (*units, *(unit,) * count),
        "axis_labels": volume.dims,
    }
    if geometry.in_slide:
        placing = slide_transform(volume)
        kwargs["scale"] = (*scale, *placing.pop("scale"))
        kwargs["translate"] = (*translate, *placing.pop("translate"))
        kwargs |= placing
    spatial = {
        "lps_from_data": None,
        "slide_from_data": geometry.affine if geometry.in_slide else None,
        "frame": None,
        "native": True,
        "native_axes": None,
        "dropped_angle_degrees": 0.0,
    }
    return volume.array, kwargs, spatial


def _leading(
    volume: Volume, count: int
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[str, ...]]:
    """Scale, translation and unit of each leading axis; steps where they are not even."""
    scales, starts, units = [], [], []
    for dim in volume.dims[:count]:
        step, start, unit = _even_steps(volume.coords.get(dim))
        scales.append(step)
        starts.append(start)
        units.append(unit)
    return tuple(scales), tuple(starts), tuple(units)


def _even_steps(coord: Coord | None) -> tuple[float, float, str]:
    indices = (1.0, 0.0, "dimensionless")
    if coord is None or coord.unit not in _PINT_UNITS or len(coord.values) < 2:
        return indices
    if not all(isinstance(v, (int, float)) for v in coord.values):
        return indices
    values = np.array(coord.values, dtype=np.float64)
    steps = np.diff(values)
    step = float(steps.mean())
    # A slider moves by equal steps only: half a percent of jitter is still even.
    if not np.isfinite(values).all() or step <= 0 or np.abs(steps - step).max() > 0.005 * step:
        return indices
    return step, float(values[0]), _PINT_UNITS[coord.unit]


def _is_inverted(volume: Volume) -> bool:
    return (
        volume.meta.get("photometric") == "MONOCHROME1"
        or volume.meta.get("modality") in _INVERTED_MODALITIES
    )


def _metadata(volume: Volume) -> dict[str, Any]:
    from napari_dicomdb.loading.diffusion_export import gradient_table
    from napari_dicomdb.viewer.windows import volume_curves, volume_presets

    meta = volume.meta
    value_range = meta.get("value_range")
    return {
        "series_uid": meta.get("series_uid", ""),
        "study_uid": meta.get("study_uid", ""),
        "frame_of_reference_uid": volume.geometry.frame_of_reference_uid,
        "instance_uids": tuple(meta.get("instance_uids", ())),
        "source_paths": tuple(meta.get("source_paths", ())),
        "modality": meta.get("modality", ""),
        "units": volume.units,
        "quantity": meta.get("quantity", ""),
        "ucum_units": meta.get("ucum_units", ""),
        "pet": meta.get("pet"),
        "rescale": meta.get("rescale"),
        "findings": [f.to_json() for f in volume.findings],
        "loader": meta.get("loader", ""),
        "kind": meta.get("kind", ""),
        "windows": volume_presets(volume),
        "curves": volume_curves(volume),
        "inverted": _is_inverted(volume),
        "value_range": None if value_range is None else tuple(map(float, value_range)),
        "spacing_label": volume.geometry.spacing_label,
        "is_regular": volume.geometry.is_regular,
        "frame_features": dict(meta.get("frame_features") or {}),
        "display_frame_rate": meta.get("display_frame_rate"),
        "coords": {
            name: {"values": tuple(coord.values), "unit": coord.unit}
            for name, coord in volume.coords.items()
        },
        **gradient_table(volume),
    }
