"""What will be written, before it is: counts, sizes, and the attributes of the first object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.dicom.attribute_search import find_attributes
from napari_dicomdb.widgets._tag_view import TagView, copy_text
from napari_dicomdb.widgets._text import count, file_size, losses_text, one_line
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS
from napari_dicomdb.widgets._upkeep_page import make_label
from napari_dicomdb.widgets.models.tag_model import TagModel
from napari_dicomdb.widgets.work_strip import WorkStrip

if TYPE_CHECKING:
    from napari_dicomdb.dicom.attribute_search import Found
    from napari_dicomdb.dicom.attributes import AttributeTree
    from napari_dicomdb.widgets._export_work import Preview, PreviewRow
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["PreviewPage"]

_NOTHING = (
    "Nothing was previewed yet. Preview writes all objects to a passing folder, and shows "
    "what is in them."
)
_STALE = "Something was changed since: preview again to see what will be written now."


_PICTURE = 64
_VR, _VM = 2, 3  # columns
_LEAST = 110


class PreviewCard(QFrame):
    """One series: its picture, what it is, how much, what is not kept."""

    def __init__(self, row: PreviewRow, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.picture = QLabel()
        self.picture.setFixedWidth(_PICTURE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignTop)
        shown = QPixmap()
        if row.png is not None and shown.loadFromData(row.png):
            self.picture.setPixmap(
                shown.scaled(
                    _PICTURE,
                    _PICTURE,
                    Qt.AspectRatioMode.KeepAspectRatio,
                    Qt.TransformationMode.SmoothTransformation,
                )
            )
        self.picture.setAccessibleName(f"Picture of {row.layer}")
        number = "" if row.number is None else f"{row.number}: "
        lines = [
            make_label(f"{number}{one_line(row.description) or 'no description'}", "title"),
            make_label(row.sop_class),
            make_label(
                f"From {one_line(row.layer)} · {count(row.count, 'object')}, "
                f"{file_size(row.size)}",
                "dim",
            ),
        ]
        if row.losses:
            lines.append(make_label(losses_text(row.losses)))
        words = QVBoxLayout()
        words.setSpacing(2)
        for line in lines:
            words.addWidget(line)
        words.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(7, 5, 7, 6)
        layout.addWidget(self.picture)
        layout.addLayout(words, 1)


class PreviewPage(QWidget):
    """Cards of what was tried, and the tag tree of the first object.

    Parameters
    ----------
    runner : TaskRunner
        Where attributes are searched.
    tryer : TaskRunner
        Where it is tried out.
    palette : Palette
    """

    def __init__(
        self,
        runner: TaskRunner,
        tryer: TaskRunner,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._finding: Task | None = None
        self.preview: Preview | None = None
        self.work = WorkStrip(tryer)
        self.work.cancel_button.setToolTip("Stop trying it out")
        self.summary = make_label(_NOTHING)
        self.state = make_label("", "dim")
        self.cards: list[PreviewCard] = []
        holder = QWidget()
        self._cards = QVBoxLayout(holder)
        self._cards.setContentsMargins(0, 0, 0, 0)
        self._cards.setSpacing(5)
        self._card_area = QScrollArea()
        self._card_area.setWidgetResizable(True)
        self._card_area.setFrameShape(QFrame.Shape.NoFrame)
        self._card_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._card_area.setWidget(holder)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search the attributes")
        self.search.setAccessibleName("Search the attributes of the first object")
        self.search.setClearButtonEnabled(True)
        self.model = TagModel(self)
        self.tree = TagView()
        self.tree.setModel(self.model)
        self.tree.setAccessibleName("Attributes of the first object")
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(True)
        self.tree.setIndentation(12)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = self.tree.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(24)
        for column in (_VR, _VM):
            self.tree.setColumnHidden(column, True)  # the values are what one looks for
        header.sectionResized.connect(self.tree.share_no_more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 6, 2, 0)
        layout.setSpacing(6)
        for part in (self.work, self.summary, self._card_area, self.state, self.search):
            layout.addWidget(part)
        layout.addWidget(self.tree, 1)
        self.search.textChanged.connect(self._search)
        self.model.heavy.connect(self.model.opened)
        self.tree.copy_requested.connect(self._copy)
        self.clear()
        self.apply_palette(palette)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        hit = QColor(SEVERITY_COLOURS["warning"]) if palette.is_dark else palette.link
        self.work.apply_palette(palette)
        self.model.set_colours(hit, QColor(SEVERITY_COLOURS["error"]))

    def show_preview(self, preview: Preview) -> None:
        """Show what would be written."""
        self.clear()
        self.preview = preview
        for row in preview.rows:
            card = PreviewCard(row)
            self._cards.addWidget(card)
            self.cards.append(card)
        objects = sum(row.count for row in preview.rows)
        size = sum(row.size for row in preview.rows)
        self.summary.setText(f"{count(objects, 'object')}, {file_size(size)}")
        self._card_area.show()
        self._fit()
        self.state.setText("Attributes of the first object:")
        self.state.show()
        self.search.show()
        self.tree.show()
        self._search()

    def outdate(self) -> None:
        """Say that what is shown is not what would be written now."""
        if self.preview is not None:
            self.state.setText(_STALE)

    def clear(self) -> None:
        """Show nothing, and remove what was written for it."""
        preview, self.preview = self.preview, None
        self.model.show(None)
        if preview is not None:
            preview.close()
        self.summary.setText(_NOTHING)
        for card in self.cards:
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = []
        for part in (self.state, self.search, self.tree, self._card_area):
            part.hide()

    def _fit(self) -> None:
        """Give the cards the height they need, a third of the page at most."""
        needed = sum(card.sizeHint().height() + 5 for card in self.cards)
        self._card_area.setFixedHeight(min(needed, max(self.height() // 3, _LEAST)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the attributes their room."""
        super().resizeEvent(event)
        if self.cards:
            self._fit()

    def _search(self, *_: object) -> None:
        if self._finding is not None:
            self._finding.cancel()
        preview = self.preview
        if preview is None or preview.tree is None:
            return
        words = self.search.text().strip()
        if not words:
            self.model.show(preview.tree, preview.top)
            return
        tree = preview.tree
        self._finding = self._runner.submit(
            find_attributes,
            tree,
            words,
            pass_progress=True,
            returned=lambda found: self._show_found(tree, found),
        )

    def _show_found(self, tree: AttributeTree, found: list[Found]) -> None:
        if self.preview is not None and self.preview.tree is tree:
            self.model.show_found(tree, found)
            self.tree.expandAll()

    def _copy(self) -> None:
        rows = self.tree.selectionModel().selectedRows()
        lines = [
            "\t".join(str(self.model.data(row.siblingAtColumn(c)) or "") for c in range(5))
            for row in rows
        ]
        copy_text("\n".join(lines))
