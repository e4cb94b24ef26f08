"""The pages of the export dock: which layers, as what; to which study, and where to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_dicomdb.widgets._export_layers import LayerList
from napari_dicomdb.widgets._export_options import OptionsForm
from napari_dicomdb.widgets._export_places import PlaceChooser
from napari_dicomdb.widgets._export_segments import SegmentTable
from napari_dicomdb.widgets._export_study import StudyChooser
from napari_dicomdb.widgets._export_ways import WayCards
from napari_dicomdb.widgets._text import one_line, tool_tip
from napari_dicomdb.widgets._upkeep_page import make_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.models.export_plan import LayerPlan

__all__ = ["LayersPage", "StudyPage", "in_scroll_area"]

_NO_LAYER = "Open or draw something first: images and labels can be written as DICOM."


class LayersPage(QWidget):
    """Layers with check boxes; below, the plan of the one that is current.

    Parameters
    ----------
    viewer : napari viewer or None
    palette : Palette
    """

    changed = Signal()  # a choice or an answer in the plan that is shown
    made_on_chosen = Signal(object)  # layer, or None

    def __init__(self, viewer: Any, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan: LayerPlan | None = None
        self.layers = LayerList(viewer)
        self.together = QCheckBox("All labels layers in one object")
        self.together.setToolTip("Their segments may overlap, where the kind of object allows")
        self.title = QElidingLabel("")  # a name may be long, and without a space
        self.title.setObjectName("title")
        self.note = make_label("", "dim")
        self.made_on = QComboBox()
        self.made_on.setAccessibleName("Made on")
        adjust = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.made_on.setSizeAdjustPolicy(adjust)
        self.made_on.setMinimumContentsLength(8)
        self.made_on.setToolTip("The images that the object refers to, and their study")
        self.made_on.activated.connect(
            lambda _: self.made_on_chosen.emit(self.made_on.currentData())
        )
        self.base = QWidget()
        line = QHBoxLayout(self.base)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(make_label("Made on"))
        line.addWidget(self.made_on, 1)
        self.cards = WayCards(palette)
        self.options_title = make_label("Options", "title")
        self.options = OptionsForm()
        self.segments_title = make_label("Segments", "title")
        self.segments = SegmentTable(palette)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 6, 2, 4)
        layout.setSpacing(6)
        for part in (
            self.layers, self.together, self.title, self.base, self.note, self.cards,
            self.segments_title, self.segments, self.options_title, self.options,
        ):  # fmt: skip
            layout.addWidget(part)
        layout.addStretch(1)
        self.cards.chosen.connect(self._choose)
        self.options.answered.connect(self._answer)
        self.segments.changed.connect(self.changed)
        self.show_plan(None)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.cards.apply_palette(palette)
        self.segments.apply_palette(palette)

    def show_plan(self, plan: LayerPlan | None, note: str = "") -> None:
        """Show the plan of a layer, or say why there is none."""
        self.plan = plan
        labels = [one for one in self.layers.checked() if one._type_string == "labels"]
        self.together.setVisible(len(labels) > 1)
        if not self.layers.layers():
            note = _NO_LAYER
        self.title.setVisible(plan is not None)
        self.base.hide()
        self.title.setText("" if plan is None else f"Write {one_line(plan.name)} as")
        self.title.setToolTip("" if plan is None else tool_tip(plan.name))
        trouble = plan.trouble if plan is not None and not plan.ways else ""
        self.note.setText(note or trouble)
        self.note.setVisible(bool(note or trouble))
        ways = [] if plan is None else list(plan.ways)
        if [card.way for card in self.cards.cards] != ways:
            self.cards.show_ways(ways, -1 if plan is None else plan.place)
        self._show_needs()

    def show_bases(self, bases: Sequence[Any], chosen: Any) -> None:
        """Offer the images that the layer may have been made on; none hide the choice."""
        self.made_on.clear()
        for layer in bases:
            self.made_on.addItem(one_line(layer.name), layer)
        self.made_on.addItem("No image", None)
        places = [k for k, layer in enumerate(bases) if layer is chosen]
        self.made_on.setCurrentIndex(places[0] if places else len(bases))
        self.base.setVisible(bool(bases))

    def _show_needs(self) -> None:
        plan = self.plan
        needs = () if plan is None else plan.needs
        said = {} if plan is None else plan.said
        self.options.show_needs(needs, said)
        self.options_title.setVisible(bool(self.options.fields))
        self.segments.show_plan(plan)
        self.segments_title.setVisible(plan is not None and plan.segments_need is not None)

    def _choose(self, place: int) -> None:
        if self.plan is not None:
            self.plan.choose(place)
            self._show_needs()
            self.changed.emit()

    def _answer(self, key: str, value: Any) -> None:
        if self.plan is not None:
            self.plan.answer(key, value)
            self.segments.show_plan(self.plan)  # which says for each what holds for all
            self.changed.emit()


class StudyPage(QWidget):
    """The page *Study*: to which study, and to which places.

    Parameters
    ----------
    runner : TaskRunner
    """

    changed = Signal()

    def __init__(self, runner: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.study = StudyChooser(runner)
        self.places = PlaceChooser()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 6, 2, 4)
        layout.setSpacing(6)
        for part in (
            make_label("Belongs to", "title"), self.study, make_label("Write to", "title"),
            self.places,
        ):  # fmt: skip
            layout.addWidget(part)
        layout.addStretch(1)
        self.study.changed.connect(self.changed)
        self.places.changed.connect(self.changed)

    def show_database(self, database: Database) -> None:
        """Offer another database and its studies."""
        self.study.show_database(database)
        self.places.show_database(database)


def in_scroll_area(widget: QWidget) -> QScrollArea:
    """Return an area that scrolls up and down over `widget`."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    return area
