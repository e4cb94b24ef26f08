"""What a slider stands at ("echo_time 4.92 ms"), and playing at the true frame time."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.loading.volume import TIME_DIMS
from napari_dicomdb.viewer.frame import dicom_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SliderValues", "axis_values", "frames_per_second", "slider_values", "value_text"]

#: Key of our overlay among those of the canvas.
OVERLAY = "dicomdb_sliders"

_ROUNDING = 1e-6  # of a step: far below what can be seen, far above the errors of floats
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
_following: weakref.WeakKeyDictionary[Any, SliderValues] = weakref.WeakKeyDictionary()


def slider_values(viewer: Any) -> SliderValues:
    """Return the values shown in `viewer`; they are shown from the first call on."""
    # Dock widgets are handed a proxy, which lasts no longer than they hold it.
    viewer = getattr(viewer, "__wrapped__", viewer)
    values = _following.get(viewer)
    if values is None:
        values = _following[viewer] = SliderValues(viewer)
    return values


def axis_values(layer: Any) -> list[tuple[str, tuple[Any, ...], str]]:
    """Return name, values and unit of each axis of `layer` before space.

    Without values the axis is not told: its steps have numbers only.
    """
    metadata = dicom_metadata(layer) or {}
    coords = metadata.get("coords") or {}
    found = []
    # Polygons (regions drawn over a loop) are a list without a shape.
    lengths = getattr(layer.data, "shape", (0,) * layer.ndim)
    for name, length in zip(layer.axis_labels, lengths, strict=False):
        coord = coords.get(name) or {"values": (), "unit": ""}
        values = tuple(coord["values"])
        found.append((name, values if len(values) == length else (), coord["unit"]))
    return found


def value_text(name: str, value: Any, unit: str) -> str:
    """Return where an axis stands, for people.

    Examples
    --------
    >>> value_text("echo_time", 4.92, "ms")
    'echo time 4.92 ms'
    >>> value_text("component", "phase", "")
    'component phase'
    """
    if isinstance(value, float):
        # Frame times that are no round numbers add up to digits that mean nothing.
        value = round(value, 3) if unit in ("s", "ms") else value
        value = f"{value:.6g}"
    return f"{name.replace('_', ' ')} {value} {unit}".rstrip()


def frames_per_second(values: tuple[Any, ...], unit: str) -> float | None:
    """Return how fast an axis of time passes; None where it is none.

    Where steps are uneven, as heart beats are, the middle one counts.

    Examples
    --------
    >>> frames_per_second((0.0, 40.0, 80.0), "ms")
    25.0
    """
    if unit not in _SECONDS or len(values) < 2:
        return None
    if not all(isinstance(value, (int, float)) for value in values):
        return None
    step = float(np.median(np.diff(np.array(values, dtype=np.float64)))) * _SECONDS[unit]
    return 1 / step if np.isfinite(step) and step > 0 else None


class SliderValues:
    """Writes the value of every slider but those of space into a corner of the canvas.

    It also keeps the last step of every slider within reach.

    Where the viewer has a window, it sets each time slider to play as fast
    as the images were taken, without touching the user's settings.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: Any) -> None:
        from napari.components.overlays import TextOverlay

        self._viewer = weakref.proxy(viewer)
        self._set: dict[int, tuple[Any, float]] = {}
        overlays = viewer.canvas.overlays
        if OVERLAY not in overlays:
            overlays[OVERLAY] = TextOverlay(position="bottom_left", visible=False)
        viewer.dims.events.range.connect(self._settle)
        for event in (
            viewer.dims.events.current_step,
            viewer.dims.events.order,
            viewer.dims.events.ndisplay,
            viewer.layers.selection.events.active,
        ):
            event.connect(self._update)
        for event in (
            viewer.dims.events.ndim,
            viewer.layers.events.inserted,
            viewer.layers.events.removed,
        ):
            event.connect(self._follow)
        self._follow()

    @property
    def text(self) -> str:
        """What is shown now, one line for each axis."""
        return "\n".join(value_text(*where) for where in self._standing())

    def _follow(self, event: object = None) -> None:
        """Set the speed of time sliders, which are made anew when axes come and go."""
        self._update()
        sliders = _sliders(self._viewer)
        for axis, (name, values, unit) in self._axes().items():
            rate = frames_per_second(values, unit) if name in TIME_DIMS else None
            if rate is None or axis >= len(sliders):
                continue
            slider, known = self._set.get(axis, (None, None))
            # Once only for a slider and a speed: what the user sets after that stays.
            if slider is None or slider() is not sliders[axis] or known != rate:
                sliders[axis].fps = rate
                self._set[axis] = (weakref.ref(sliders[axis]), rate)

    def _settle(self, event: object = None) -> None:
        """Give sliders back the last step that napari's rounding down takes from them.

        It divides lengths: 70 mm in steps of 5 mm can be 13.999999999999998
        steps, and the last of 15 slices then is out of reach.
        """
        ranges = list(self._viewer.dims.range)
        short = [
            axis
            for axis, (start, stop, step) in enumerate(ranges)
            if step > 0 and 0 < -((stop - start) / step) % 1 < _ROUNDING
        ]
        for axis in short:
            start, stop, step = ranges[axis]
            ranges[axis] = type(ranges[axis])(start, stop + _ROUNDING * step, step)
        if short:
            self._viewer.dims.range = tuple(ranges)

    def _update(self, event: object = None) -> None:
        overlay = self._viewer.canvas.overlays[OVERLAY]
        text = self.text
        overlay.text = text
        overlay.visible = bool(text)

    def _standing(self) -> Iterator[tuple[str, Any, str]]:
        dims = self._viewer.dims
        for axis, (name, values, unit) in self._axes().items():
            if axis in dims.displayed:
                continue
            step = self._step(axis)
            if step is not None and 0 <= step < len(values):
                yield name, values[step], unit

    def _axes(self) -> dict[int, tuple[str, tuple[Any, ...], str]]:
        """Return for each slider the axis of the layer that speaks for it."""
        found: dict[int, tuple[str, tuple[Any, ...], str]] = {}
        for layer in self._layers():
            first = self._viewer.dims.ndim - layer.ndim
            for k, (name, values, unit) in enumerate(axis_values(layer)):
                if values:
                    found.setdefault(first + k, (name, values, unit))
        return dict(sorted(found.items()))

    def _step(self, axis: int) -> int | None:
        """Return the index at which the layer that speaks for `axis` stands."""
        dims = self._viewer.dims
        for layer in self._layers():
            k = axis - (dims.ndim - layer.ndim)
            if k >= 0 and axis_values(layer)[k][1]:
                # Axes beside space are scaled and shifted, never turned.
                place = dims.point[axis] * _factor(dims.units, axis, layer.units[k])
                return round(float((place - layer.translate[k]) / layer.scale[k]))
        return None

    def _layers(self) -> list[Any]:
        """Return our visible layers, the selected one first, then from the top."""
        active = self._viewer.layers.selection.active
        ndim = self._viewer.dims.ndim
        layers = [
            layer
            for layer in reversed(self._viewer.layers)
            if layer.visible and layer.ndim <= ndim and dicom_metadata(layer)
        ]
        return sorted(layers, key=lambda layer: layer is not active)


def _factor(units: Any, axis: int, wanted: Any) -> float:
    """Return what turns a world coordinate into `wanted` units.

    napari counts all axes of time in one unit, the finest of any layer: seconds
    become milliseconds beside an echo time.
    """
    if units is None or not units[axis].is_compatible_with(wanted):
        return 1.0
    return float((1.0 * units[axis]).to(wanted).magnitude)


def _sliders(viewer: Any) -> list[Any]:
    """Return the slider widgets of a viewer by axis; none where there is no window."""
    window = getattr(viewer, "window", None)
    # napari has no public way to the sliders; without them nothing plays.
    dims = getattr(getattr(window, "_qt_viewer", None), "dims", None)
    return list(getattr(dims, "slider_widgets", ()))
