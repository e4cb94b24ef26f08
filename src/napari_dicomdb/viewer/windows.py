"""Window presets: those of the file and the usual ones of CT, applied to layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.viewer.curves import PREFIX, curve_of
from napari_dicomdb.viewer.frame import dicom_metadata

if TYPE_CHECKING:
    from napari_dicomdb.dicom.voi import LookupTable, Window
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.viewer.curves import Curve

__all__ = [
    "Preset",
    "apply_preset",
    "grey_colormap",
    "presets",
    "volume_curves",
    "volume_presets",
    "widen_range",
]

#: Label, and the values shown darkest and brightest.
Preset = tuple[str, float, float]


def volume_presets(volume: Volume) -> list[Preset]:
    """Return the windows and VOI LUTs of a volume's files, in their order."""
    return [_preset(label, choice) for label, choice in _labelled(volume).items()]


def volume_curves(volume: Volume) -> dict[str, Curve]:
    """Return, by their label, those of the presets that are no straight lines."""
    curves = {label: curve_of(choice) for label, choice in _labelled(volume).items()}
    return {label: curve for label, curve in curves.items() if curve is not None}


def presets(layer: Any) -> list[Preset]:
    """Return the window presets that make sense for a layer.

    Those of its files first, then, for CT in Hounsfield units, the usual ones.
    """
    from napari_dicomdb.dicom import voi

    metadata = dicom_metadata(layer)
    if metadata is None or not hasattr(layer, "contrast_limits"):
        return []
    own: list[Preset] = [(str(t), float(a), float(b)) for t, a, b in metadata["windows"]]
    taken = {label for label, _, _ in own}
    usual = voi.presets((), metadata["modality"], metadata["units"])
    return own + [_preset(w.label, w) for w in usual if w.label not in taken]


def _labelled(volume: Volume) -> dict[str, Window | LookupTable]:
    found: dict[str, Window | LookupTable] = {}
    for window in volume.meta.get("windows") or ():
        label = window.label
        if label in found:
            label = f"{label} (W {window.width:g} L {window.center:g})"
        found.setdefault(label, window)
    for number, table in enumerate(volume.meta.get("voi_luts") or (), 1):
        label = table.explanation.strip() or f"VOI LUT {number}"
        found.setdefault(f"{label} (VOI LUT {number})" if label in found else label, table)
    return {label: one for label, one in found.items() if one.limits()[0] < one.limits()[1]}


def _preset(label: str, choice: Window | LookupTable) -> Preset:
    curve = curve_of(choice)
    low, high = choice.limits() if curve is None else (curve.low, curve.high)
    return (label, float(low), float(high))


def apply_preset(layer: Any, label: str) -> None:
    """Show a layer with one of its `presets`.

    A sigmoid or a VOI LUT brings a colormap; a linear window takes it away
    again, and leaves any other that the user has chosen.

    Raises
    ------
    NotFoundError
        When the layer has no preset of that label.
    """
    for name, low, high in presets(layer):
        if name == label:
            _make_room(layer, low, high)
            layer.contrast_limits = (low, high)
            _show_curve(layer, label)
            return
    known = ", ".join(p[0] for p in presets(layer)) or "none"
    raise NotFoundError(f"layer {layer.name!r} has no window {label!r}; it has: {known}")


def _show_curve(layer: Any, label: str) -> None:
    metadata = dicom_metadata(layer) or {}
    curve = metadata.get("curves", {}).get(label)
    inverted = bool(metadata.get("inverted"))
    if curve is not None:
        layer.colormap = curve.colormap(inverted=inverted)
    elif layer.colormap.name.startswith(PREFIX):
        layer.colormap = grey_colormap(inverted)


def grey_colormap(inverted: bool) -> str:
    """Name napari's colormap for linear windows."""
    return "gray_r" if inverted else "gray"


def widen_range(layer: Any) -> None:
    """Let the contrast slider of a layer span all values that its files can hold.

    napari takes the range from the contrast limits it is given, which leaves a
    slider that cannot be widened.
    """
    metadata = dicom_metadata(layer)
    if metadata is None or not hasattr(layer, "contrast_limits_range"):
        return
    if metadata["value_range"] is not None:
        _make_room(layer, *metadata["value_range"])


def _make_room(layer: Any, low: float, high: float) -> None:
    now = layer.contrast_limits_range
    limits = layer.contrast_limits
    wider = (min(low, now[0], limits[0]), max(high, now[1], limits[1]))
    if wider != tuple(now):
        layer.contrast_limits_range = wider
