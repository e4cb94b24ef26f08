"""All about attributes in one place: tags, comparison, columns, editing in copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
from napari_dicomdb.loading.columns import sorted_instances
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets.metadata_columns import MetadataColumns
from napari_dicomdb.widgets.metadata_compare import MetadataCompare
from napari_dicomdb.widgets.metadata_edit import MetadataEdit
from napari_dicomdb.widgets.metadata_tree import MetadataTree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["MetadataView"]


class MetadataView(QWidget):
    """Tabs for the tags, the comparison, the columns and the edits of instances.

    Parameters
    ----------
    database : callable
        Returns the database shown, or None.
    runner : TaskRunner
        Where files are read; whoever made it closes it.
    palette : Palette
    """

    shown = Signal(object)  # AttributeTree
    instance_turned = Signal(int)  # place among the instances, by the user
    database_changed = Signal()

    def __init__(
        self,
        database: Callable[[], Any],
        runner: TaskRunner,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._database = database
        self._runner = runner
        self._finding: Task | None = None
        self.instances: list[InstanceRecord] = []
        self.tags = MetadataTree(self._runner, palette)
        self.comparison = MetadataCompare(self._runner, palette)
        self.columns = MetadataColumns(self._runner, palette)
        self.editing = MetadataEdit(self._runner, palette, database)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Metadata")
        for title, page in (
            ("Tags", self.tags), ("Compare", self.comparison), ("Columns", self.columns),
            ("Edit in a copy", self.editing),
        ):  # fmt: skip
            self.tabs.addTab(page, title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.tabs)
        self.setMinimumWidth(320)
        self.tags.shown.connect(self._on_shown)
        self.tags.turned.connect(self.instance_turned)
        self.tags.column_requested.connect(self.show_column)
        self.tags.edit_requested.connect(self.edit)
        self.tags.pin_requested.connect(self.pin)
        self.columns.instance_chosen.connect(self.turn_to)
        self.editing.imported.connect(self.database_changed)
        self.apply_palette(palette)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(460, 700)

    def apply_palette(self, palette: Palette) -> None:
        """Draw everything in the colours of another theme."""
        self.setStyleSheet(f"{style_sheet(palette)}\nQTabWidget::pane {{ border: 0px; }}")
        for page in (self.tags, self.comparison, self.columns, self.editing):
            page.apply_palette(palette)

    # -- what is shown ----------------------------------------------------------------

    def show_series(self, series: Sequence[Any]) -> None:
        """Show the instances of series (or of the series of studies and patients)."""
        database = self._database()
        if database is None or not series:
            return

        def find() -> list[InstanceRecord]:
            return [
                one
                for record in series
                for each in _series_of(database, record)
                for one in sorted_instances(database.instances(each))
            ]

        self._find(find)

    def find_instances(
        self, find: Callable[[], list[InstanceRecord]], at: Callable[[list[Any]], int]
    ) -> None:
        """Show the instances that `find`, called on a worker thread, returns."""
        self._find(find, at)

    def _find(
        self,
        find: Callable[[], list[InstanceRecord]],
        at: Callable[[list[Any]], int] | None = None,
    ) -> None:
        self._stop_finding()
        self._finding = self._runner.submit(
            find,
            returned=lambda found: self.show_instances(found, at(found) if at else 0),
            failed=self._fail,
        )

    def _stop_finding(self) -> None:
        # What is asked for now is not put aside by what was asked for before.
        finding, self._finding = self._finding, None
        if finding is not None:
            finding.cancel()

    def show_instances(self, instances: Sequence[InstanceRecord], at: int = 0) -> None:
        """Show these instances, in this order, the one at place `at` first."""
        self._stop_finding()
        self.instances = list(instances)
        self.tags.show_instances(self.instances, at)
        self.columns.show_instances(self.instances)
        self.editing.show_instances(self.instances, self.tags.instance)
        if self.tabs.currentWidget() is self.comparison:
            self.tabs.setCurrentWidget(self.tags)

    def turn_to(self, place: int) -> None:
        """Show another one of the instances."""
        self.tags.turn_to(place)

    def _on_shown(self, tree: object) -> None:
        self.editing.show_instances(self.instances, self.tags.instance)
        self.shown.emit(tree)

    def _fail(self, error: Exception) -> None:
        self.tags.notice.show_text(str(error), "error")
        self.tags.notice.show()

    # -- comparing, columns, edits ----------------------------------------------------

    def compare(self, left: Any, right: Any) -> None:
        """Compare two records of one kind and show the comparison."""
        self._stop_finding()
        self.comparison.compare(self._database(), left, right)
        self.tabs.setCurrentWidget(self.comparison)

    def pin(self) -> None:
        """Keep the instance shown as the left side; the second time, compare with it."""
        one, pinned = self.tags.instance, self.comparison.pinned
        if one is None:
            return
        if pinned is None or pinned.path == one.path:
            self.comparison.pinned = one
            self.tags.pin_button.setText("Compare with pinned")
            self.tags.pin_button.setToolTip(f"Compare with {pinned_name(one)}")
            return
        self.comparison.pinned = None
        self.tags.pin_button.setText("Pin to compare")
        self.tags.pin_button.setToolTip("Keep this instance as the left side of a comparison")
        self.compare(pinned, one)

    def show_column(self, words: str) -> None:
        """Show an attribute over the series; of items, the same in all of them."""
        plain = ".".join(part.partition("[")[0] for part in words.split("."))
        self.tabs.setCurrentWidget(self.columns)
        self.columns.add_column(plain)

    def edit(self, words: str) -> None:
        """Put an attribute on the list of edits."""
        self.tabs.setCurrentWidget(self.editing)
        self.editing.add(words)


def pinned_name(one: InstanceRecord) -> str:
    """Return how an instance is called where it is pinned."""
    return f"instance {one.number}" if one.number is not None else one.path.name


def _series_of(database: Any, record: Any) -> list[SeriesRecord]:
    if isinstance(record, StudyRecord):
        found: list[SeriesRecord] = database.series(record)
        return found
    if isinstance(record, PatientRecord):
        return list(database.series(patient=record))
    return [record]
