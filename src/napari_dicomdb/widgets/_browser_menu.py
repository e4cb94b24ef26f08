"""What the browser adds to the menus of its rows: look at them, load them, compare them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt

from napari_dicomdb.database.records import PatientRecord, SeriesRecord
from napari_dicomdb.viewer.browse import EXPORT_WIDGET, find_dock
from napari_dicomdb.widgets._export_strip import ExportStrip
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._text import series_title
from napari_dicomdb.widgets.export_actions import ExportActions
from napari_dicomdb.widgets.patient_actions import PatientActions
from napari_dicomdb.widgets.send_actions import SendActions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QPoint

    from napari_dicomdb.widgets.browser import DicomBrowser

__all__ = ["BrowserMenu"]

_NAMED = 4  # in a tool tip


class BrowserMenu(QObject):
    """Opens the context menu, and acts by the keys Delete and Ctrl+C.

    Parameters
    ----------
    browser : DicomBrowser
    """

    def __init__(self, browser: DicomBrowser) -> None:
        super().__init__(browser)
        self._browser = browser
        actions = browser.actions_
        self.patients = PatientActions(browser.session, browser._queries, browser)
        self.patients.failed.connect(actions.failed)
        self.sending = SendActions(browser.session, browser._theme, browser, browser._viewer)
        actions.add_entries(self._looking, "view")
        actions.add_entries(self.sending.entries, "send")
        actions.add_entries(self._missing, "files")
        actions.add_entries(self.patients.entries, "patients")
        self.exports = ExportActions(browser.session, browser._theme, browser._viewer, browser)
        actions.add_entries(self.exports.entries, "send")
        self.writing = self._show_writing()
        views = browser.views
        views.menu_requested.connect(self._show)
        views.remove_requested.connect(lambda: self._act("ask_to_remove"))
        views.copy_requested.connect(lambda: self._act("copy_uids"))

    def _show_writing(self) -> ExportStrip:
        """Show what is written above the rows; what came of it where no export dock is open."""
        browser = self._browser
        viewer = browser._viewer

        def is_told() -> bool:
            return viewer is not None and find_dock(viewer, EXPORT_WIDGET) is not None

        strip = ExportStrip(viewer, browser.session, browser._queries, is_told=is_told)
        strip.apply_palette(browser._theme.palette)
        browser._theme.changed.connect(strip.apply_palette)
        layout = browser.layout()
        layout.insertWidget(layout.indexOf(browser.import_bar) + 1, strip)
        return strip

    def _show(self, position: QPoint) -> None:
        chosen = self._browser.views.selected_records()
        if chosen:
            menu = self._browser.actions_.menu(chosen)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(position)

    def _act(self, name: str) -> None:
        chosen = self._browser.views.selected_records()
        if chosen:
            getattr(self._browser.actions_, name)(chosen)

    def _looking(self, records: Sequence[Any]) -> list[MenuEntry]:
        browser = self._browser
        ways = browser.views.selected_ways()
        entries = [
            MenuEntry("Load", lambda: browser.examiner.load_records(records, ways), "Return"),
        ]
        if isinstance(records[0], SeriesRecord):
            entries += [
                MenuEntry("Examine", self._examine),
                MenuEntry(
                    "Show content and attributes", lambda: browser.contents.show_series(records)
                ),
            ]
            entries += self._linked(records)
        entries.append(MenuEntry("Metadata…", lambda: browser.metadata.show_series(records)))
        if len(records) == 2 and not isinstance(records[0], PatientRecord):
            entries.append(MenuEntry("Compare…", lambda: browser.metadata.compare(*records)))
        return entries

    def _linked(self, records: Sequence[SeriesRecord]) -> list[MenuEntry]:
        """Return the ways to what one series was made from, and to what was made from it."""
        if len(records) != 1:
            return []
        browser = self._browser
        related = browser.ways.related.of(records[0])
        entries = []
        for what, tip, found in (
            ("image", "What it was made from", related.sources),
            ("result", "What was made from it", related.results),
        ):
            if found:
                several = f"s ({len(found)})" if len(found) > 1 else ""
                show = partial(browser.show_series, found)
                told = f"{tip}: {', '.join(map(series_title, found[:_NAMED]))}"
                entries.append(MenuEntry(f"Go to its {what}{several}", show, tip=told))
        return entries

    def _examine(self) -> None:
        browser = self._browser
        chosen, ways = browser.views.selected_series(), browser.views.selected_ways()
        browser.examiner.examine(chosen, ways)
        sizes = browser._content.sizes()
        if sizes[1] < sum(sizes) // 3:
            browser._content.setSizes([sum(sizes) * 2 // 3, sum(sizes) // 3])
        browser.panel.setFocus(Qt.FocusReason.OtherFocusReason)

    def _missing(self, records: Sequence[Any]) -> list[MenuEntry]:
        gone = any(getattr(r, "missing_count", 0) for r in records)
        if not gone or isinstance(records[0], PatientRecord):
            return []
        find = self._browser.databases.actions.show_upkeep
        return [MenuEntry("Find moved files…", lambda: find("relink"))]
