"""Axial, coronal and sagittal views, and where the cursor is in the patient."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.viewer.frame import current_frame, dicom_metadata
from napari_dicomdb.viewer.placement import LPS_FROM_IPL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "Plane",
    "PositionReadout",
    "current_plane",
    "has_planes",
    "lps_at_cursor",
    "lps_text",
    "native_plane",
    "set_plane",
    "show_orientation",
]


class Plane(StrEnum):
    """The planes along the axes of the world."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


#: Order of the last three axes (I, P, L): the first is sliced, then down, then right.
_ORDERS = {
    Plane.AXIAL: (0, 1, 2),
    Plane.CORONAL: (1, 0, 2),
    Plane.SAGITTAL: (2, 0, 1),
}


def set_plane(viewer: Any, plane: str) -> None:
    """Show `plane` of everything in `viewer`; leading axes stay where they are.

    The view is the radiological one: anterior or superior up, the patient's
    right on the left. An odd order of axes would mirror 3D, so the camera then
    takes the depth axis the other way.

    Raises
    ------
    NotFoundError
        For a name other than axial, coronal, sagittal.
    """
    if plane not in _ORDERS:
        raise NotFoundError(f"no plane is called {plane!r}; there are {', '.join(_ORDERS)}")
    ndim = viewer.dims.ndim
    if ndim < 3:
        return
    last = _ORDERS[Plane(plane)]
    depth = "towards" if _is_even(last) else "away"
    viewer.scene.camera.orientation = (depth, "down", "right")
    viewer.dims.order = (*range(ndim - 3), *(ndim - 3 + a for a in last))


def has_planes(viewer: Any) -> bool:
    """Return whether the last three axes of `viewer` are space, as far as we know.

    The loops and images that have no place in the patient have one axis less of it:
    there the third last axis is time, energy ...
    """
    if viewer.dims.ndim < 3:
        return False
    ours = any(dicom_metadata(layer) is not None for layer in viewer.layers)
    return not ours or current_frame(viewer) is not None


def current_plane(viewer: Any) -> Plane | None:
    """Return the plane that `viewer` shows, or None for another order of axes."""
    ndim = viewer.dims.ndim
    if not has_planes(viewer):
        return None
    order = tuple(int(a) - (ndim - 3) for a in viewer.dims.order[-3:])
    return next((p for p, o in _ORDERS.items() if o == order), None)


def native_plane(layer: Any) -> Plane | None:
    """Return the plane in which a layer's slices were acquired, or None if unknown."""
    metadata = dicom_metadata(layer)
    axes = metadata.get("native_axes") if metadata else None
    if axes is None:
        return None
    return (Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL)[tuple(axes).index(0)]


def lps_at_cursor(
    viewer: Any, position: Sequence[float] | None = None
) -> NDArray[np.float64] | None:
    """Return where in the patient a world position is.

    Parameters
    ----------
    viewer : napari viewer
    position : sequence of float, optional
        World position; the cursor's when None.

    Returns
    -------
    (3,) ndarray or None
        LPS millimetres; None without a DICOM layer that is in the patient.
    """
    frame = current_frame(viewer)
    world = np.asarray(viewer.cursor.position if position is None else position, dtype=float)
    if frame is None or world.size < 3:
        return None
    physical = np.linalg.solve(frame, np.append(world[-3:], 1.0))
    return np.asarray((LPS_FROM_IPL @ physical)[:3])


def lps_text(lps: Sequence[float] | NDArray[np.float64]) -> str:
    """Return a position for people, each coordinate with its side.

    Examples
    --------
    >>> lps_text((12.34, -5.0, 100.0))
    'L 12.3  A 5.0  S 100.0 mm'
    """
    sides = ("LR", "PA", "SI")
    parts = [
        f"{side[0] if value >= 0 else side[1]} {abs(value):.1f}"
        for side, value in zip(sides, lps, strict=True)
    ]
    return "  ".join(parts) + " mm"


def show_orientation(viewer: Any, visible: bool = True) -> None:
    """Show or hide the arrows that say which way I, P and L grow."""
    axes = viewer.canvas.overlays.axes
    axes.labels = True
    axes.visible = visible


class PositionReadout:
    """Writes where the cursor is in the patient into a corner of the canvas.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._connected = False

    @property
    def shown(self) -> bool:
        """Whether the position is shown."""
        return self._connected

    def show(self) -> None:
        """Show the position from now on."""
        if not self._connected:
            self._viewer.cursor.events.position.connect(self._update)
            self._connected = True
        self._viewer.canvas.overlays.text.visible = True
        self._update()

    def hide(self) -> None:
        """Show it no longer."""
        if self._connected:
            self._viewer.cursor.events.position.disconnect(self._update)
            self._connected = False
        overlay = self._viewer.canvas.overlays.text
        overlay.visible = False
        overlay.text = ""

    def _update(self, event: object = None) -> None:
        lps = lps_at_cursor(self._viewer)
        self._viewer.canvas.overlays.text.text = "" if lps is None else lps_text(lps)


def _is_even(order: tuple[int, int, int]) -> bool:
    inversions = sum(order[i] > order[j] for i in range(3) for j in range(i + 1, 3))
    return inversions % 2 == 0
