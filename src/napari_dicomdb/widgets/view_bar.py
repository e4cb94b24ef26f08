"""Buttons for the planes, the position read-out and window presets of the active layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget

from napari_dicomdb.viewer.planes import (
    Plane,
    PositionReadout,
    current_plane,
    has_planes,
    native_plane,
    set_plane,
    show_orientation,
)
from napari_dicomdb.viewer.windows import apply_preset, presets
from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._text import one_line

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ViewBar"]

_TIPS = {
    Plane.AXIAL: "Axial: seen from the feet, the patient's right on the left",
    Plane.CORONAL: "Coronal: seen from the front, the patient's right on the left",
    Plane.SAGITTAL: "Sagittal: seen from the patient's left",
}


class ViewBar(QWidget):
    """Axial, coronal, sagittal, as acquired; position; windows of the active layer.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.plane_buttons: dict[Plane, QPushButton] = {}
        for plane in Plane:
            button = QPushButton()
            button.setText(plane.value.capitalize())
            button.setToolTip(_TIPS[plane])
            button.setCheckable(True)
            button.setObjectName("barButton")
            button.setIconSize(QSize(15, 15))
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _=False, plane=plane: self._show_plane(plane))
            self.plane_buttons[plane] = button
            layout.addWidget(button)
        self.more_button = QPushButton()
        self.more_button.setToolTip("The acquired plane; position and orientation")
        self.more_button.setAccessibleName("More of the view")
        self.more_button.setObjectName("barButton")
        self.more_button.setFixedWidth(30)
        self.more_button.setIconSize(QSize(15, 15))
        self.more_menu = QMenu(self)
        self.native_action = self.more_menu.addAction("As acquired")
        self.native_action.setToolTip("Show the plane in which the active layer was acquired")
        self.native_action.triggered.connect(self._show_native)
        self.more_menu.addSeparator()
        self.position_action = self.more_menu.addAction("Position in the patient (LPS)")
        self.position_action.setCheckable(True)
        self.position_action.toggled.connect(self._show_position)
        self.more_menu.aboutToShow.connect(self._fill_more)
        self.more_button.setMenu(self.more_menu)
        layout.addWidget(self.more_button)
        self.readout = PositionReadout(viewer)
        self.window_button = QPushButton()
        self.window_button.setText("Window")
        self.window_button.setToolTip("Window presets of the active layer")
        self.window_button.setObjectName("barButton")
        self.window_button.setIconSize(QSize(15, 15))
        self.window_button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.window_menu = QMenu(self)
        self.window_menu.aboutToShow.connect(self._fill_windows)
        self.window_button.setMenu(self.window_menu)
        layout.addWidget(self.window_button)
        viewer.dims.events.order.connect(self._on_order)
        viewer.dims.events.ndim.connect(self._on_order)
        viewer.layers.events.inserted.connect(self._on_order)
        viewer.layers.events.removed.connect(self._on_order)
        viewer.layers.selection.events.active.connect(self._on_active)
        self._on_order()
        self._on_active()

    def apply_palette(self, palette: Palette) -> None:
        """Draw the icons in the colour of the theme."""
        for plane, button in self.plane_buttons.items():
            button.setIcon(icon(plane.value, palette.icon))
        self.more_button.setIcon(icon("more", palette.icon))
        self.window_button.setIcon(icon("window", palette.icon))

    def _show_plane(self, plane: Plane) -> None:
        set_plane(self._viewer, plane)
        self._on_order()

    def _on_order(self, event: object = None) -> None:
        shown = current_plane(self._viewer)
        spatial = has_planes(self._viewer)
        for plane, button in self.plane_buttons.items():
            button.setEnabled(spatial)
            button.setChecked(plane == shown)

    def _native(self) -> Plane | None:
        layer = self._viewer.layers.selection.active
        return None if layer is None else native_plane(layer)

    def _fill_more(self) -> None:
        native = self._native()
        self.native_action.setEnabled(native is not None)
        self.native_action.setText("As acquired" if native is None else f"As acquired ({native})")

    def _show_native(self) -> None:
        native = self._native()
        if native is not None:
            self._show_plane(native)
            self._viewer.reset_view()

    def _show_position(self, shown: bool) -> None:
        if shown:
            self.readout.show()
        else:
            self.readout.hide()
        show_orientation(self._viewer, shown)

    def _on_active(self, event: object = None) -> None:
        layer = self._viewer.layers.selection.active
        self.window_button.setEnabled(layer is not None and bool(presets(layer)))

    def _fill_windows(self) -> None:
        self.window_menu.clear()
        layer = self._viewer.layers.selection.active
        if layer is None:
            return
        for label, low, high in presets(layer):
            action = self.window_menu.addAction(f"{one_line(label)}\t{low:g} … {high:g}")
            action.triggered.connect(
                lambda _=False, layer=layer, label=label: apply_preset(layer, label)
            )
