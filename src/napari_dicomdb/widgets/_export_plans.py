"""The plans of the layers that are checked: made on a thread, made again when a layer alters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_dicomdb.viewer.frame import current_frame, dicom_metadata
from napari_dicomdb.widgets._export_scene import SceneExport
from napari_dicomdb.widgets._export_work import examine_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.export.exporter import Exportable
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets.models.export_plan import LayerPlan

__all__ = ["Plans"]


class Plans(QObject):
    """How each of some layers is to be written.

    Parameters
    ----------
    viewer : napari viewer or None
    runner : TaskRunner
    database : callable
        Returns the database shown, or None.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(
        self,
        viewer: Any,
        runner: TaskRunner,
        database: Callable[[], Any],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._runner = runner
        self._database = database
        self._layers: list[Any] = []  # each becomes an object of its own
        self._others: list[Any] = []  # go into the object of `lead`
        self._plans: dict[int, LayerPlan] = {}
        self._kept: dict[int, LayerPlan] = {}  # with what was chosen before
        self._tasks: dict[int, Task] = {}
        self._made_on: dict[int, Any] = {}  # as the user chose; None for nothing

    @property
    def lead(self) -> Any:
        """The labels layer into whose object others go, None when each has its own."""
        labels = [layer for layer in self._layers if layer._type_string == "labels"]
        return labels[0] if self._others and labels else None

    @property
    def is_busy(self) -> bool:
        """Whether layers are being looked at."""
        return bool(self._tasks)

    def is_wanted(self, layer: Any) -> bool:
        """Whether a plan of `layer` is being made."""
        return id(layer) in self._tasks

    def plan(self, layer: Any) -> LayerPlan | None:
        """Return the plan of a layer, None when there is none (yet)."""
        return self._plans.get(id(layer))

    def bases(self, layer: Any) -> list[Any]:
        """Return the images of ours that a layer without sources may refer to, nearest first.

        Nothing for a layer that knows its sources, nor for a scene, which names all.
        """
        if self._viewer is None or isinstance(layer, SceneExport):
            return []
        if (dicom_metadata(layer) or {}).get("instance_uids"):
            return []
        layers = list(self._viewer.layers)
        place = layers.index(layer) if layer in layers else len(layers)
        below, above = layers[:place][::-1], layers[place + 1 :]
        return [
            one
            for one in (*below, *above)
            if one._type_string == "image" and (dicom_metadata(one) or {}).get("instance_uids")
        ]

    def made_on(self, layer: Any) -> Any:
        """Return what a layer refers to: as chosen; else, of labels, the image below them."""
        bases = self.bases(layer)
        if id(layer) in self._made_on:
            chosen = self._made_on[id(layer)]
            return chosen if _is_in(chosen, bases) else None
        visible = [one for one in bases if one.visible] or bases
        return visible[0] if visible and layer._type_string == "labels" else None

    def set_made_on(self, layer: Any, base: Any) -> None:
        """Have a layer refer to another image, or to none."""
        self._made_on[id(layer)] = base
        self._examine(layer)
        self.changed.emit()

    def chosen(self) -> list[LayerPlan]:
        """Return the plans of all layers that are to be written, as far as they are made."""
        return [self._plans[id(one)] for one in self._layers if id(one) in self._plans]

    def ways(self) -> list[Exportable]:
        """Return the chosen way of each layer; a scene as the viewer shows it now."""
        ways = []
        for plan in self.chosen():
            way = plan.way
            if way is not None:
                is_scene = isinstance(plan.layer, SceneExport)
                ways.append(plan.layer.take(way) if is_scene else way)
        return ways

    def follow(self, layers: Sequence[Any], *, together: bool = False) -> None:
        """Plan for these layers and no others.

        Parameters
        ----------
        layers : sequence of napari layers
        together : bool
            All labels go into the object of the first of them.
        """
        labels = [layer for layer in layers if layer._type_string == "labels"]
        others = labels[1:] if together else []
        if self._others != others and labels:
            self._drop(labels[0])
        self._others = others
        self._layers = [one for one in layers if not _is_in(one, others)]
        wanted = {id(one) for one in self._layers}
        for key in list(self._plans):
            if key not in wanted:
                self._kept[key] = self._plans.pop(key)
        for key in list(self._tasks):
            if key not in wanted:
                self._tasks.pop(key).cancel()
        for layer in self._layers:
            if id(layer) not in self._plans and id(layer) not in self._tasks:
                self._examine(layer)
        self.changed.emit()

    def renew(self, layer: Any) -> None:
        """Look at a layer again that is not what it was."""
        lead = self.lead
        if lead is not None and _is_in(layer, self._others):
            layer = lead
        if _is_in(layer, self._layers):
            self._examine(layer)

    def forget(self) -> None:
        """Drop all plans; what was chosen is taken over by those made next."""
        for layer in self._layers:
            self._drop(layer)
        self._layers, self._others = [], []

    def let_go(self) -> None:
        """Forget layers that are no more in the viewer: their arrays may fill the memory."""
        there = () if self._viewer is None else list(self._viewer.layers)
        self._kept = {
            key: plan
            for key, plan in self._kept.items()
            if isinstance(plan.layer, SceneExport) or _is_in(plan.layer, there)
        }
        self._made_on = {
            id(one): base if _is_in(base, there) else None
            for one in there
            for base in (self._made_on.get(id(one), self),)
            if base is not self  # which stands for: nothing was chosen
        }

    def _drop(self, layer: Any) -> None:
        plan = self._plans.pop(id(layer), None)
        if plan is not None:
            self._kept[id(layer)] = plan
        task = self._tasks.pop(id(layer), None)
        if task is not None:
            task.cancel()

    def _examine(self, layer: Any) -> None:
        running = self._tasks.pop(id(layer), None)
        if running is not None:
            running.cancel()
        others = self._others if layer is self.lead else []
        self._tasks[id(layer)] = self._runner.submit(
            examine_layer,
            layer,
            self._database(),
            list(others),
            frame=None if self._viewer is None else current_frame(self._viewer),
            made_on=self.made_on(layer),
            returned=partial(self._made, layer),
            failed=partial(self._on_failed, layer),
        )

    def _made(self, layer: Any, plan: LayerPlan) -> None:
        self._tasks.pop(id(layer), None)
        old = self._plans.get(id(layer)) or self._kept.pop(id(layer), None)
        if old is not None and old.layer is layer:
            plan.keep_from(old)
        plan.layer = layer
        self._plans[id(layer)] = plan
        self.changed.emit()

    def _on_failed(self, layer: Any, error: Exception) -> None:
        self._tasks.pop(id(layer), None)
        self.failed.emit(error)
        self.changed.emit()


def _is_in(layer: Any, layers: Sequence[Any]) -> bool:
    return any(layer is one for one in layers)
