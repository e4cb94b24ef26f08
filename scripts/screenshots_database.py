"""Take the pictures of the browser's views and of the windows about a database.

usage: python scripts/screenshots_database.py [FOLDER [SCENE ...]]   (default: docs/images)

Shows the invented patients of ``phantom_hospital.py``; needs a display or Xvfb
(``scripts/with-display.sh python scripts/screenshots_database.py``).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import phantom_hospital
from phantom_chest import LESION
from stage import IMAGES, Stage, own_settings

from napari_dicomdb.viewer.phantom import CENTRE

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = (1500, 930)
FILTERS = {
    "thin-ct": "modality:CT spacing:<3",
    "to-check": "has:errors added:7d",
    "brain-mr": "modality:MR body:head",
}


def dock_of(stage: Stage) -> Any:
    """Return the dock that the browser is in."""
    from qtpy.QtWidgets import QDockWidget

    found = stage.browser.parentWidget()
    while not isinstance(found, QDockWidget):
        found = found.parentWidget()
    return found


def widths(stage: Stage, width: int) -> None:
    """Give the browser's dock a width."""
    from qtpy.QtCore import Qt

    window = stage.viewer.window._qt_window
    window.resizeDocks([dock_of(stage)], [width], Qt.Orientation.Horizontal)
    stage.wait()


def find(stage: Stage, text: str) -> None:
    """Search as one types."""
    stage.browser.search.setText(text)
    stage.browser.bar.search.run()
    stage.until(lambda: not stage.browser._queries.is_busy)


def settle(stage: Stage, milliseconds: int = 1500) -> None:
    """Wait for what is made in the background: pictures, ways to open."""
    stage.until(lambda: not stage.browser._queries.is_busy)
    stage.wait(milliseconds)


def series(stage: Stage, description: str) -> Any:
    """Return a series of the database by its description."""
    return stage.browser.database.search(f'series:"{description}"')[0]


def floating(stage: Stage, width: int, height: int) -> Any:
    """Take the browser out of the window, in this size."""
    dock = dock_of(stage)
    dock.setFloating(True)
    dock.resize(width, height)
    dock.move(20, 20)
    stage.wait()
    return dock


def back(stage: Stage) -> None:
    """Put the browser back into the window."""
    dock_of(stage).setFloating(False)
    stage.browser.search.clear()
    stage.browser.bar.search.run()
    settle(stage, 300)


# -- the views ----------------------------------------------------------------------------


def cards(stage: Stage) -> None:
    """Show study cards beside a dose over its CT."""
    browser = stage.browser
    browser.show_view("cards")
    settle(stage, 4000)
    widths(stage, 640)
    stage.open("Planlama CT")
    stage.open("Dose")
    ct, dose = stage.viewer.layers
    ct.contrast_limits = (-250, 350)
    dose.colormap, dose.blending, dose.opacity = "inferno", "additive", 0.6
    dose.contrast_limits = (8, 70)
    settle(stage, 2500)
    stage.viewer.dims.set_point(0, -(CENTRE[2] + LESION[2]))
    stage.select("Planlama CT")
    browser._content.setSizes([640, 210])
    stage.viewer.reset_view()
    settle(stage)
    stage.both("cards")


def tables(stage: Stage) -> None:
    """Show the three tables, in a narrow dock and in a wide one."""
    browser = stage.browser
    browser.show_view("tables")
    widths(stage, 470)
    stage.select("T1 SE axial schräg")
    settle(stage, 2000)
    stage.viewer.layers.clear()
    stage.open("T1 SE axial schräg")
    browser._content.setSizes([560, 260])
    stage.viewer.reset_view()
    settle(stage)
    stage.both("tables")
    floating(stage, 1320, 660)
    stage.select("Голова 2,5 мм")
    browser._content.setSizes([380, 180])
    settle(stage, 2500)
    stage.both("tables-wide", browser)
    back(stage)


# -- search -------------------------------------------------------------------------------


def search(stage: Stage) -> None:
    """Show the completer, a search by fields, the saved ones, and one over all databases."""
    from qtpy.QtCore import QPoint
    from qtpy.QtTest import QTest

    browser = stage.browser
    browser.show_view("tables")
    stage.viewer.layers.clear()
    for theme, suffix in (("dark", ""), ("light", "-light")):
        stage.theme(theme)
        widths(stage, 620)
        browser._content.setSizes([640, 200])
        browser.activateWindow()
        browser.search.setFocus()
        find(stage, "")
        QTest.keyClicks(browser.search, "modality:CT,MR se")
        settle(stage, 900)
        stage.screen(f"search-fields{suffix}", browser, height=620)
        browser.search.words.popup().hide()
        find(stage, "modality:CT,MR spacing:<3 slices:>30")
        settle(stage, 900)
        star = browser.bar.search.star
        saved = browser.bar.search.menu
        saved.popup(star.mapToGlobal(star.rect().bottomRight()) - QPoint(150, 0))
        stage.screen(f"search-saved{suffix}", browser, height=620)
        browser.bar.search.menu.hide()
    stage.theme("dark")
    floating(stage, 640, 560)
    find(stage, "ct")
    browser.bar.scope.setCurrentIndex(1)
    browser.bar.search.run()
    settle(stage)
    stage.both("search-several", browser)
    browser.bar.scope.setCurrentIndex(0)
    back(stage)


def recent(stage: Stage) -> None:
    """Show what came last and what was done."""
    for theme, suffix in (("dark", ""), ("light", "-light")):
        stage.theme(theme)
        stage.browser.show_recent()
        settle(stage, 900)
        stage.picture(f"recent{suffix}", stage.browser.recent)
        stage.browser.recent.hide()
    stage.theme("dark")


def menu(stage: Stage) -> None:
    """Show what can be done with a study."""
    from qtpy.QtCore import QPoint

    browser = stage.browser
    browser.show_view("cards")
    widths(stage, 620)
    browser._content.setSizes([640, 200])
    stage.select("Planlama CT")
    settle(stage, 2500)
    for theme, suffix in (("dark", ""), ("light", "-light")):
        stage.theme(theme)
        chosen = browser.views.selected_records()
        shown = browser.actions_.menu(chosen)
        shown.popup(browser.mapToGlobal(QPoint(170, 190)))
        stage.screen(f"menu{suffix}", browser, height=620)
        shown.close()
    stage.theme("dark")


# -- metadata -----------------------------------------------------------------------------


def metadata(stage: Stage) -> None:
    """Show the four tabs of the dock *DICOM metadata*."""
    browser = stage.browser
    browser.show_view("tables")
    ct = series(stage, "Planlama CT")
    browser.metadata.show_series([ct])
    view = browser.metadata.view
    settle(stage, 1500)
    from qtpy.QtWidgets import QDockWidget

    dock = view
    while not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    dock.setFloating(True)
    dock.resize(640, 600)
    dock.move(20, 20)
    settle(stage, 800)
    view.tags.search.setText("window")
    settle(stage, 900)
    stage.both("metadata-search", view)
    view.tags.search.clear()
    view.tags.spin.setValue(24)
    settle(stage, 900)
    stage.both("metadata", view)
    view.tabs.setCurrentWidget(view.columns)
    view.columns.add_column("XRayTubeCurrent")
    settle(stage, 1800)
    stage.both("metadata-columns", view)
    browser.metadata.compare(series(stage, "肺野 5 mm"), series(stage, "縦隔 5 mm"))
    settle(stage, 2500)
    stage.both("metadata-compare", view)
    browser.metadata.show_series([ct])
    settle(stage, 900)
    view.tabs.setCurrentWidget(view.editing)
    for path, value in (
        ("PatientID", "STUDY-07"),
        ("StudyDate", "20250230"),
        ("SeriesDescription", "Planning CT"),
    ):
        view.editing.add(path)
        settle(stage, 500)
        view.editing.set_value(path, value)
    settle(stage, 900)
    stage.both("metadata-edit", view)
    stage.viewer.window.remove_dock_widget(browser.metadata.open())


# -- windows ------------------------------------------------------------------------------


def databases(stage: Stage) -> None:
    """Show the menu and the list of databases."""
    browser = stage.browser
    dialog = browser.databases.actions.manage()
    settle(stage, 1500)
    stage.both("databases", dialog)
    dialog.close()


def patients(stage: Stage) -> None:
    """Show two identities of one person side by side."""
    browser = stage.browser
    found = browser.database.patients(text="anna")
    dialog = browser.databases.actions.show_patients()
    dialog.show_records(found)
    settle(stage, 1200)
    stage.both("patients", dialog)
    dialog.close()


def settings(stage: Stage) -> None:
    """Show our own settings."""
    dialog = stage.browser.databases.actions.show_settings()
    settle(stage, 900)
    stage.both("settings", dialog)
    dialog.close()


def upkeep(stage: Stage) -> None:
    """Show numbers, and what verifying says when files are gone."""
    browser = stage.browser
    dialog = browser.databases.actions.show_upkeep("statistics")
    settle(stage, 1800)
    stage.both("upkeep-statistics", dialog)
    gone = sorted((stage.data / "240830-3" / "01").rglob("*.dcm"))[:3]
    kept = [(path, path.read_bytes()) for path in gone]
    for path in gone:
        path.unlink()
    dialog.show_page("files")
    dialog.files.verify()
    stage.until(lambda: dialog.files.report is not None and not dialog.work.is_busy)
    settle(stage, 800)
    stage.both("upkeep-files", dialog)
    dialog.close()
    for path, content in kept:
        path.write_bytes(content)
    browser.database.verify()


def asked(
    stage: Stage,
    name: str,
    make: Callable[..., Any],
    *,
    wide: int = 0,
    prepare: Callable[[Any], None] | None = None,
) -> None:
    """Show a window that asks before it writes, made anew for each theme."""
    browser = stage.browser
    studies = browser.database.studies(text="accession:R-99310")
    for theme, suffix in (("dark", ""), ("light", "-light")):
        stage.theme(theme)
        palette = browser._theme.palette
        dialog = make(browser.database, studies, "1 study with 97 files", palette, browser)
        if hasattr(dialog, "target"):
            dialog.target.setText("/media/usb/for-the-clinic")
        dialog.show()
        if prepare is not None:
            prepare(dialog)
        if wide:
            dialog.resize(wide, dialog.sizeHint().height())
        settle(stage, 2500)
        stage.picture(f"{name}{suffix}", dialog)
        dialog.close()
    stage.theme("dark")


def exporting(stage: Stage) -> None:
    """Show the window that copies files out of the database."""
    from napari_dicomdb.widgets.export_dialog import ExportDialog

    asked(stage, "export", ExportDialog)


def anonymising(stage: Stage) -> None:
    """Show what will become of each attribute."""
    from napari_dicomdb.widgets.deidentify_dialog import DeidentifyDialog

    asked(stage, "anonymise", DeidentifyDialog)


def sending(stage: Stage) -> None:
    """Show the window that sends, and the list of nodes."""
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.nodes import add_node
    from napari_dicomdb.widgets.send_dialog import SendDialog

    add_node(Node("Clinic PACS", host="pacs.example.org", port=11112, called_aet="CLINIC"))
    add_node(Node("Research", kind="dicomweb", url="https://research.example.org/dicom-web"))

    def make(_: Any, *rest: Any) -> Any:
        return SendDialog(stage.browser._session.network, *rest)

    def anonymise_first(dialog: Any) -> None:
        stage.wait(800)
        dialog.anonymise.tick.setChecked(True)
        stage.wait(2500)
        stage.until(lambda: dialog.anonymise.dialog is not None)
        dialog.anonymise.dialog.accept()

    asked(stage, "send", make)
    asked(stage, "send-anonymised", make, prepare=anonymise_first)


SCENES: dict[str, Callable[[Stage], None]] = {
    scene.__name__: scene
    for scene in (
        cards, tables, search, recent, menu, metadata, databases, patients, settings, upkeep,
        exporting, anonymising, sending,
    )
}  # fmt: skip


def fill(stage: Stage, work: Path) -> None:
    """Fill the databases: the one shown, and two others to search and to list."""
    from napari_dicomdb import Database
    from napari_dicomdb.settings import remember_database, save_filter

    others = {"Trial 2024": "PT-1187", "Teaching": "240830-3"}
    for name, accession in others.items():
        with Database.open(work / name) as database:
            database.import_paths([stage.data / accession])
        remember_database(work / name)
    for name, text in FILTERS.items():
        save_filter(name, text)
    names = [study.accession for study in reversed(phantom_hospital.STUDIES)]
    stage.import_all(stage.browser, stage.data / phantom_hospital.SECOND_IDENTITY.accession)
    stage.import_all(stage.browser, *(stage.data / name for name in names))
    stage.browser.import_bar.outcome._on_close()
    settle(stage, 3000)


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with own_settings() as work:
        phantom_hospital.write_hospital(
            work / "hospital", (*phantom_hospital.STUDIES, phantom_hospital.SECOND_IDENTITY)
        )
        stage = Stage(folder, work / "hospital", window=WINDOW)
        fill(stage, work)
        for name in arguments[1:] or SCENES:
            SCENES[name](stage)
        stage.viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
