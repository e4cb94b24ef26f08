"""Window presets: those of the file and the usual ones of CT, applied to layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.viewer.frame import dicom_metadata

if TYPE_CHECKING:
    from napari_dicomdb.loading.volume import Volume

__all__ = ["Preset", "apply_preset", "presets", "volume_presets", "widen_range"]

#: Label, and the values shown darkest and brightest.
Preset = tuple[str, float, float]


def volume_presets(volume: Volume) -> list[Preset]:
    """Return the windows of a volume's files, in their order."""
    found: list[Preset] = []
    for number, window in enumerate(volume.meta.get("windows") or (), start=1):
        low, high = window.limits()
        label = window.explanation or f"Window {number}"
        if label in {p[0] for p in found}:
            label = f"{label} ({window.center:g}/{window.width:g})"
        found.append((label, float(low), float(high)))
    return found


def presets(layer: Any) -> list[Preset]:
    """Return the window presets that make sense for a layer.

    Those of its files first, then, for CT in Hounsfield units, the usual ones.
    """
    from napari_dicomdb.dicom.voi import CT_PRESETS

    metadata = dicom_metadata(layer)
    if metadata is None or not hasattr(layer, "contrast_limits"):
        return []
    found: list[Preset] = [(str(t), float(a), float(b)) for t, a, b in metadata["windows"]]
    if metadata["modality"] == "CT" and metadata["units"] in ("HU", ""):
        taken = {p[0] for p in found}
        for window in CT_PRESETS:
            low, high = window.limits()
            if window.explanation not in taken:
                found.append((window.explanation, float(low), float(high)))
    return found


def apply_preset(layer: Any, label: str) -> None:
    """Show a layer with one of its `presets`.

    Raises
    ------
    NotFoundError
        When the layer has no preset of that label.
    """
    for name, low, high in presets(layer):
        if name == label:
            _make_room(layer, low, high)
            layer.contrast_limits = (low, high)
            return
    known = ", ".join(p[0] for p in presets(layer)) or "none"
    raise NotFoundError(f"layer {layer.name!r} has no window {label!r}; it has: {known}")


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
