"""Window presets: those of the file and the usual ones of CT, applied to layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.viewer.frame import dicom_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.dicom.voi import Window
    from napari_dicomdb.loading.volume import Volume

__all__ = ["Preset", "apply_preset", "presets", "volume_presets", "widen_range"]

#: Label, and the values shown darkest and brightest.
Preset = tuple[str, float, float]


def volume_presets(volume: Volume) -> list[Preset]:
    """Return the windows of a volume's files, in their order."""
    return _as_presets(volume.meta.get("windows") or ())


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
    usual = _as_presets(voi.presets((), metadata["modality"], metadata["units"]))
    return own + [preset for preset in usual if preset[0] not in taken]


def _as_presets(windows: Iterable[Window]) -> list[Preset]:
    found: dict[str, Preset] = {}
    for window in windows:
        low, high = window.limits()
        if low >= high:
            continue
        label = window.label
        if label in found:
            label = f"{label} (W {window.width:g} L {window.center:g})"
        found.setdefault(label, (label, float(low), float(high)))
    return list(found.values())


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
