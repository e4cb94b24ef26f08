"""The layers of the viewer that can be written, with a check box each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_dicomdb.widgets._export_scene import SceneExport
from napari_dicomdb.widgets._text import one_line, tool_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LayerList"]

_LAYER = Qt.ItemDataRole.UserRole
_KINDS = ("image", "labels")
_WATCHED = ("data", "paint", "labels_update", "name", "features", "scale", "translate", "rotate",
            "shear", "affine", "units", "metadata", "contrast_limits", "colormap")  # fmt: skip
_CALM = 500  # ms after the last stroke of a brush
_ROW = 22


class LayerList(QListWidget):
    """Follows the layers of a viewer; the layers selected there are checked here.

    The last row stands for all of them with the view: a `SceneExport`.

    Parameters
    ----------
    viewer : napari viewer or None

    Signals
    -------
    checked_changed : no arguments
    altered : layer
        It is not what it was when it was last looked at.
    relisted : no arguments
        Layers came, went or were moved; after `checked_changed`.
    """

    checked_changed = Signal()
    altered = Signal(object)
    relisted = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.scene = None if viewer is None else SceneExport(viewer)
        self._watched: list[Any] = []
        self._altered: list[Any] = []
        self._is_filling = False
        self.setAccessibleName("Layers to write")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM)
        self._calm.timeout.connect(self._tell)
        self.itemChanged.connect(self._on_item)
        if viewer is not None:
            viewer.layers.events.inserted.connect(self._refill)
            viewer.layers.events.removed.connect(self._refill)
            viewer.layers.events.reordered.connect(self._refill)
            viewer.layers.selection.events.changed.connect(self._on_selection)
            self._refill()
            self._on_selection()

    # -- what is checked --------------------------------------------------------------

    def layers(self) -> list[Any]:
        """Return all layers listed, the topmost first."""
        return [self.item(row).data(_LAYER) for row in range(self.count())]

    def checked(self) -> list[Any]:
        """Return the layers that are checked, the topmost first."""
        items = [self.item(row) for row in range(self.count())]
        return [item.data(_LAYER) for item in items if item.checkState() == Qt.CheckState.Checked]

    def current(self) -> Any:
        """Return the layer whose ways are shown, None when there is none."""
        item = self.currentItem()
        return None if item is None else item.data(_LAYER)

    def check_only(self, layers: Sequence[Any]) -> None:
        """Check these layers and no others; the first becomes the current one."""
        self._is_filling = True
        # Compared by ==: napari hands proxies of layers to plugins.
        for row in range(self.count()):
            item = self.item(row)
            chosen = any(item.data(_LAYER) == layer for layer in layers)
            item.setCheckState(Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)
        self._is_filling = False
        if layers:
            self.show_layer(layers[0])
        self.checked_changed.emit()

    def show_layer(self, layer: Any) -> None:
        """Make a layer the current one."""
        for row in range(self.count()):
            if self.item(row).data(_LAYER) == layer:
                self.setCurrentRow(row)

    def _on_item(self, item: QListWidgetItem) -> None:
        if not self._is_filling:
            self.setCurrentItem(item)
            self.checked_changed.emit()

    # -- following the viewer ---------------------------------------------------------

    def _on_selection(self, event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        chosen = [layer for layer in self.layers() if layer in self._viewer.layers.selection]
        if not chosen:
            return
        chosen.sort(key=lambda layer: layer != active)
        self.check_only(chosen)

    def _refill(self, event: Any = None) -> None:
        if self._viewer is None:
            return
        checked, current = self.checked(), self.current()
        layers = [
            layer
            for layer in reversed(list(self._viewer.layers))
            if getattr(layer, "_type_string", "") in _KINDS
        ]
        self._watch(layers)
        self._is_filling = True
        self.clear()
        rows = [*layers, self.scene] if self._viewer.layers else []
        for layer in rows:
            item = QListWidgetItem(one_line(layer.name))
            item.setData(_LAYER, layer)
            item.setSizeHint(QSize(0, self.fontMetrics().height() + 2))  # a long name is cut
            item.setFlags(
                Qt.ItemFlag.ItemIsEnabled
                | Qt.ItemFlag.ItemIsSelectable
                | Qt.ItemFlag.ItemIsUserCheckable
            )
            is_checked = any(layer is one for one in checked)
            item.setCheckState(Qt.CheckState.Checked if is_checked else Qt.CheckState.Unchecked)
            item.setToolTip(tool_tip(f"{layer.name}: {layer._type_string}"))
            self.addItem(item)
        self._is_filling = False
        self.setFixedHeight(_ROW * min(max(len(rows), 2), 7) + 8)
        if current is not None:
            self.show_layer(current)
        if [id(one) for one in checked] != [id(one) for one in self.checked()]:
            self.checked_changed.emit()
        self.relisted.emit()

    def _watch(self, layers: Sequence[Any]) -> None:
        for layer in self._watched:
            if not any(layer is one for one in layers):
                self._connect(layer, False)
        for layer in layers:
            if not any(layer is one for one in self._watched):
                self._connect(layer, True)
        self._watched = list(layers)

    def _connect(self, layer: Any, on: bool) -> None:
        for name in _WATCHED:
            event = getattr(layer.events, name, None)
            if event is not None and on:
                event.connect(self._on_altered)
            elif event is not None:
                event.disconnect(self._on_altered)

    def _on_altered(self, event: Any = None) -> None:
        layer = event.source
        if not any(layer is one for one in self._altered):
            self._altered.append(layer)
        if event.type == "name":
            for row in range(self.count()):
                if self.item(row).data(_LAYER) is layer:
                    self._is_filling = True
                    self.item(row).setText(one_line(layer.name))
                    self._is_filling = False
        self._calm.start()

    def _tell(self) -> None:
        altered, self._altered = self._altered, []
        for layer in altered:
            self.altered.emit(layer)

    def settle(self) -> None:
        """Tell now what was altered."""
        self._calm.stop()
        self._tell()

    def stop(self) -> None:
        """Let go of the viewer, which outlives every dock."""
        viewer, self._viewer = self._viewer, None
        if viewer is not None:
            self._calm.stop()
            self._watch([])
            events = viewer.layers.events
            for event in (events.inserted, events.removed, events.reordered):
                event.disconnect(self._refill)
            viewer.layers.selection.events.changed.disconnect(self._on_selection)
