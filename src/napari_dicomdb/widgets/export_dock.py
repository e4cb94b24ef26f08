"""The *DICOM export* dock: layers of the viewer written as DICOM objects of a study."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence, QShowEvent
from qtpy.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QShortcut,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._dock_tabs import DockTab
from napari_dicomdb.widgets._export_closing import guard_window
from napari_dicomdb.widgets._export_parts import LayersPage, StudyPage, in_scroll_area
from napari_dicomdb.widgets._export_plans import Plans
from napari_dicomdb.widgets._export_preview import PreviewPage
from napari_dicomdb.widgets._export_strip import ExportStrip
from napari_dicomdb.widgets._export_view import ViewPage
from napari_dicomdb.widgets._export_work import frozen, make_preview, write_layers
from napari_dicomdb.widgets._session import attach_session, end_with
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS, ThemeWatcher, style_sheet
from napari_dicomdb.widgets._upkeep_page import make_button, make_label
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import PatientRecord
    from napari_dicomdb.widgets._export_work import Preview
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["DicomExport"]

_WARNING = "Not for clinical use: what is written here was not made by a medical device."
_SENT_WARNING = f"{_WARNING} A PACS keeps what it gets with the patient's record."
_PAGES = ("layers", "study", "preview", "view")


class DicomExport(QWidget):
    """Writes layers as DICOM: into a folder, the database, to a node.

    Alt and a number turn to a page.

    Parameters
    ----------
    napari_viewer : napari viewer, optional
        Whose layers are written.
    database : Database, optional
        By default the one that other docks show.
    """

    def __init__(
        self,
        napari_viewer: Any = None,
        *,
        database: Database | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        DockTab(self)
        self._viewer = napari_viewer
        self._session, detach = attach_session()
        self._runner = TaskRunner("export", 2)
        self._tryer = TaskRunner("trying")
        self._theme = ThemeWatcher(napari_viewer, self)
        palette = self._theme.palette
        self.page = LayersPage(napari_viewer, palette)
        self.where = StudyPage(self._runner)
        self.preview = PreviewPage(self._runner, self._tryer, palette)
        self.view = ViewPage(napari_viewer, palette)
        self.plans = Plans(napari_viewer, self._runner, lambda: self._session.database, self)
        self._build()
        self._then: Callable[[], None] | None = None
        self._connect()
        self._connect_keys()
        self._apply_palette(palette)
        parts = (self._runner, self._tryer)
        end_with(self, _let_go, self._theme, self.page.layers, self.preview, parts, detach)
        if database is not None:
            self._session.use(database)
        elif self._session.database is not None:
            self._show_database(self._session.database)
        else:
            self._session.open()
        self._on_checked()

    # -- making -----------------------------------------------------------------------

    def _build(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("Pages of the DICOM export")
        pages = {
            "Layers": in_scroll_area(self.page),
            "Study": in_scroll_area(self.where),
            "Preview": self.preview,
            "View": in_scroll_area(self.view),
        }
        for number, (title, page) in enumerate(pages.items(), start=1):
            self.tabs.addTab(page, title)
            self.tabs.setTabToolTip(number - 1, f"{title} (Alt+{number})")
        self.warning = NoticeBox("warning", _WARNING)
        self.problem = make_label("", "dim")
        self.work = ExportStrip(self._viewer, self._session, self._runner)
        self.preview_button = make_button(
            "Preview", self.try_out, "Write it all to a passing folder and look at it"
        )
        self.export_button = QPushButton("Export")
        self.export_button.setObjectName("primaryButton")
        self.export_button.setToolTip("Write it now (Ctrl+Return)")
        self.export_button.clicked.connect(lambda _=False: self.export())
        buttons = QHBoxLayout()
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.addStretch(1)
        buttons.addWidget(self.preview_button)
        buttons.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(6)
        layout.addWidget(self.tabs, 1)
        for part in (self.warning, self.problem, self.work):
            layout.addWidget(part)
        layout.addLayout(buttons)
        self.setMinimumWidth(280)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(440, 720)

    def _connect(self) -> None:
        page, where = self.page, self.where
        page.layers.checked_changed.connect(self._on_checked)
        page.layers.currentRowChanged.connect(lambda _: self._show_plan())
        page.layers.altered.connect(self._on_altered)
        page.layers.relisted.connect(self.plans.let_go)
        page.together.toggled.connect(self._on_together)
        page.changed.connect(self._on_choice)
        page.made_on_chosen.connect(self._on_made_on)
        where.changed.connect(self._on_choice)
        self.tabs.currentChanged.connect(self._on_page)
        where.study.failed.connect(self.work.tell_error)
        self.plans.changed.connect(self._on_plans)
        self.plans.failed.connect(self.work.tell_error)
        self.preview.work.busy_changed.connect(lambda _: self._update())
        self._session.opened.connect(self._show_database)
        self._session.changed.connect(where.study.refresh)
        self._session.network.nodes_changed.connect(where.places.show_nodes)
        self._theme.changed.connect(self._apply_palette)

    def _connect_keys(self) -> None:
        keys: dict[str, Any] = {"Ctrl+Return": self.export}
        for place in range(self.tabs.count()):
            keys[f"Alt+{place + 1}"] = partial(self.tabs.setCurrentIndex, place)
        for key, call in keys.items():
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)

    def _apply_palette(self, palette: Palette) -> None:
        wrong = SEVERITY_COLOURS["error"] if palette.is_dark else "#b3261e"
        self.setStyleSheet(
            f"{style_sheet(palette)}\nQTabWidget::pane {{ border: 0px; }}"
            f"\nQLabel#problem {{ color: {wrong}; }}"
        )
        for part in (self.page, self.preview, self.view, self.warning, self.work):
            part.apply_palette(palette)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep from the viewer what would delete its points, shapes and layers."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            event.accept()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """List nodes as they are: they may have been changed meanwhile."""
        super().showEvent(event)
        self.where.places.show_nodes()

    def _on_page(self, place: int) -> None:
        is_view = _PAGES[place] == "view"
        if is_view:
            self.view.show_axes()
        for part in (self.preview_button, self.export_button):
            part.setVisible(not is_view)  # they are about layers
        self._update()

    # -- for other code ---------------------------------------------------------------

    @property
    def session(self) -> Any:
        """The session that all docks share."""
        return self._session

    def show_layers(self, layers: Sequence[Any]) -> None:
        """Check these layers and no others."""
        self.page.layers.check_only(layers)
        self.tabs.setCurrentIndex(0)

    def choose_study(self, study_uid: str) -> None:
        """Choose the study of the database that is written to."""
        self.where.study.choose(study_uid)

    def fill_patient(self, patient: PatientRecord) -> None:
        """Begin a new study of a patient of the database."""
        self.where.study.fill_patient(patient)
        self.show_page("study")

    def show_page(self, name: str) -> None:
        """Turn to "layers", "study", "preview" or "view"."""
        self.tabs.setCurrentIndex(_PAGES.index(name))

    # -- layers and their plans -------------------------------------------------------

    def _show_database(self, database: Database) -> None:
        self.where.show_database(database)
        self.plans.forget()
        self._on_checked()

    def _on_checked(self) -> None:
        together = self.page.together.isChecked()
        self.plans.follow(self.page.layers.checked(), together=together)
        self._show_plan()

    def _on_together(self, _: bool) -> None:
        self.plans.forget()
        self._on_checked()

    def _on_made_on(self, base: Any) -> None:
        layer = self.page.layers.current()
        if layer is not None:
            self.plans.set_made_on(layer, base)

    def _on_altered(self, layer: Any) -> None:
        self.plans.renew(layer)
        self._update()

    def _on_plans(self) -> None:
        self._suggest_study()
        self._show_plan()
        if self._then is not None and not self.plans.is_busy:
            then, self._then = self._then, None
            then()

    def _suggest_study(self) -> None:
        for plan in self.plans.chosen():
            if plan.source is not None and plan.source.study_uid:
                self.where.study.suggest(plan.source.study_uid)
                return

    def _show_plan(self) -> None:
        layer = self.page.layers.current()
        plan, note = self.plans.plan(layer), ""
        if layer is not None and plan is None:
            note = "Looking at the layer…" if self.plans.is_wanted(layer) else self._why_not(layer)
        self.page.show_plan(plan, note)
        if plan is not None:
            self.page.show_bases(self.plans.bases(layer), self.plans.made_on(layer))
        self._on_choice()

    def _why_not(self, layer: Any) -> str:
        lead = self.plans.lead
        if lead is not None and layer in self.page.layers.checked():
            return f"It goes into the object of {lead.name}."
        return "Check the layer to write it."

    # -- what is chosen ---------------------------------------------------------------

    def _on_choice(self) -> None:
        self.preview.outdate()
        self._update()

    def problem_text(self) -> str:
        """Return what stands against writing, "" when nothing does."""
        if not self.page.layers.checked():
            return "check a layer to write"
        for plan in self.plans.chosen():
            problem = plan.problem()
            if problem:
                return problem
        return self.where.study.problem()

    def _update(self) -> None:
        problem = self.problem_text()
        missing = problem or self.where.places.problem()
        waiting = self.plans.is_busy or self._then is not None
        self.problem.setText(f"First: {missing}" if missing and not waiting else "")
        is_view = _PAGES[self.tabs.currentIndex()] == "view"
        self.problem.setVisible(bool(self.problem.text()) and not is_view)
        ready = self._then is None
        self.preview_button.setEnabled(ready and not problem and not self.preview.work.is_busy)
        self.export_button.setEnabled(ready and not missing)
        sends = self.where.places.destinations.node is not None
        self.warning.show_text(_SENT_WARNING if sends else _WARNING, "warning")

    # -- writing ----------------------------------------------------------------------

    def _when_settled(self, call: Callable[[], None]) -> None:
        """Call when all layers were looked at as they are now."""
        self.page.layers.settle()
        if self.plans.is_busy:
            self._then = call
            self._update()
        else:
            call()

    def try_out(self) -> None:
        """Show what would be written."""
        if self.preview_button.isEnabled():
            self.tabs.setCurrentWidget(self.preview)
            self._when_settled(self._try_out)

    def _try_out(self) -> None:
        self._update()
        if self.problem_text():
            return
        self.preview.work.run(
            "Trying it out",
            make_preview,
            self._session.database,
            self.plans.ways(),
            self.where.study.choice,
            returned=self._show_preview,
        )

    def _show_preview(self, preview: Preview) -> None:
        self.preview.show_preview(preview)
        self._update()

    def export(self) -> None:
        """Write what is chosen to where it is chosen."""
        if self.export_button.isEnabled():
            self._when_settled(self._export)

    def _export(self) -> None:
        self._update()
        if not self.export_button.isEnabled():
            return  # a layer is not what it was
        self.where.places.keep()
        database, ways = self._session.database, self.plans.ways()
        choice, places = self.where.study.choice, self.where.places.destinations
        guard_window(self, self._session.exports)
        self._session.exports.add(
            ", ".join(way.source.name for way in ways),
            database,
            partial(frozen, ways),
            partial(write_layers, database=database, choice=choice, places=places),
        )


def _let_go(
    theme: ThemeWatcher, layers: Any, preview: PreviewPage, runners: Any, detach: Any
) -> None:
    theme.disconnect_settings()
    layers.stop()
    for runner in runners:
        runner.close()
    if preview.preview is not None:
        preview.preview.close()
    detach()
