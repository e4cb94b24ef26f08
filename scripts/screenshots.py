"""Take the pictures of the documentation from the running program.

usage: python scripts/screenshots.py [FOLDER]      (default: docs/images)

Shows a phantom study made on the fly and the files that pydicom ships; needs a
display or Xvfb (``scripts/with-display.sh python scripts/screenshots.py``).
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WINDOW = (1500, 930)
LARGEST = 400_000  # bytes
SERIES = ("axial-ct", "oblique-mr", "sagittal-mr", "tilted-ct", "missing-slice", "uneven-spacing")
PATIENCE = 60_000  # ms


class Stage:
    """A viewer with the docks, and what it takes to photograph it."""

    def __init__(self, folder: Path, data: Path) -> None:
        import napari

        self.folder, self.data = folder, data
        self.viewer = napari.Viewer(title="napari")
        self.viewer.window.resize(*WINDOW)
        self.browser = self.dock("DICOM browser")
        self.until(lambda: self.browser.database is not None)

    def dock(self, name: str) -> Any:
        """Open a dock by its name in the menu, or return the open one."""
        _, widget = self.viewer.window.add_plugin_dock_widget("napari-dicomdb", name)
        return widget

    def wait(self, milliseconds: int = 400) -> None:
        """Let the window draw, and its threads report."""
        from qtpy.QtTest import QTest

        QTest.qWait(milliseconds)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that threads will bring about."""
        for _ in range(PATIENCE // 50):
            if condition():
                self.wait()
                return
            self.wait(50)
        raise TimeoutError("the program did not get there")

    def picture(self, name: str, widget: Any = None) -> None:
        """Save the window, or one widget."""
        self.wait()
        path = self.folder / f"{name}.png"
        (widget or self.viewer.window._qt_window).grab().save(str(path))
        shrink(path)
        print(f"{path.name}: {path.stat().st_size // 1000} kB")

    def theme(self, name: str) -> None:
        """Change napari's theme."""
        from napari.settings import get_settings

        get_settings().appearance.theme = name
        self.wait()

    def import_all(self, widget: Any, *paths: Path) -> None:
        """Import in the browser and wait for the end."""
        finished: list[Any] = []
        widget._session.import_finished.connect(lambda *found: finished.append(found))
        self.browser.import_paths(paths)
        self.until(lambda: bool(finished))
        self.until(lambda: not self.browser._queries.is_busy)

    def select(self, description: str) -> Any:
        """Select the series of this description and wait until it is examined."""
        (series,) = self.browser.database.search(f'series:"{description}"')[:1]
        self.browser.lists.select_series([series])
        examined: list[Any] = []
        self.browser.examined.connect(examined.append)
        self.until(lambda: bool(examined) and not self.browser._queries.is_busy)
        return series

    def open(self, description: str) -> None:
        """Load a series as a double click does."""
        number = len(self.viewer.layers)
        series = self.select(description)
        self.browser.lists.series_opened.emit([series])
        self.until(lambda: len(self.viewer.layers) > number)


def shrink(path: Path) -> None:
    """Store with few colours what would be too large for a README."""
    from PIL import Image

    with Image.open(path) as image:
        picture = image.convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        picture.quantize(256).save(path, optimize=True)


def empty_and_full(stage: Stage) -> None:
    stage.wait(800)
    stage.picture("browser-empty", stage.browser)
    import pydicom.data

    shipped = Path(pydicom.data.__file__).parent / "test_files"
    stage.import_all(stage.browser, shipped)
    stage.browser.show_report(stage.browser.import_bar.report)
    stage.picture("import-report", stage.browser._report_dialog)
    stage.browser._report_dialog.close()
    stage.import_all(stage.browser, stage.data)
    stage.browser.import_bar.outcome._on_close()
    stage.wait(1500)  # thumbnails


def overlay(stage: Stage) -> None:
    """Show an oblique MR over a CT of the same frame of reference."""
    stage.open("Phantom head CT 2.5 mm")
    stage.open("Phantom T1 oblique")
    ct, mr = stage.viewer.layers
    mr.colormap, mr.blending, mr.opacity = "magma", "additive", 0.6
    ct.contrast_limits = (-100, 1000)
    stage.viewer.reset_view()
    stage.picture("browser-dark")
    stage.browser.view_bar.plane_buttons["sagittal"].click()
    stage.viewer.reset_view()
    stage.picture("overlay-sagittal")
    stage.browser.view_bar.plane_buttons["axial"].click()
    stage.theme("light")
    stage.viewer.reset_view()
    stage.picture("browser-light")
    stage.theme("dark")


def findings(stage: Stage) -> None:
    stage.browser._content.setSizes([330, 470])
    stage.wait()
    stage.select("Phantom CT, slices missing")
    stage.picture("examine-findings", stage.browser)
    from napari_dicomdb.dicom.findings import Severity

    for card in stage.browser.panel.cards:
        card.check.setChecked(card.severity is Severity.ERROR)
    stage.picture("examine-load-anyway", stage.browser)


def diffusion(stage: Stage) -> None:
    """Show a diffusion series and its gradients."""
    from phantom_diffusion import write_diffusion_series

    folder = stage.data.parent / "diffusion"
    write_diffusion_series(folder)
    stage.import_all(stage.browser, folder)
    stage.browser.import_bar.outcome._on_close()
    stage.viewer.layers.clear()
    stage.open("Phantom diffusion")
    stage.select("Phantom diffusion")
    (layer,) = stage.viewer.layers
    layer.contrast_limits = (0, 600)
    stage.viewer.dims.set_current_step(0, 2)
    stage.viewer.reset_view()
    stage.picture("diffusion")
    stage.viewer.layers.clear()


def time_course(stage: Stage) -> None:
    """Show a volume with two axes beside space, and where their sliders stand."""
    from phantom_course import write_time_course

    folder = stage.data.parent / "course"
    write_time_course(folder)
    stage.import_all(stage.browser, folder)
    stage.browser.import_bar.outcome._on_close()
    stage.viewer.layers.clear()
    stage.open("Phantom perfusion, two echoes")
    stage.select("Phantom perfusion, two echoes")
    stage.viewer.dims.set_current_step(range(2), (9, 1))
    stage.viewer.reset_view()
    stage.picture("time-course")
    stage.viewer.layers.clear()


def importing(stage: Stage) -> None:
    dock = stage.dock("DICOM import")
    stage.wait()
    import pydicom.data

    dock.set_paths([Path(pydicom.data.__file__).parent / "test_files"])
    dock.dry_run.value = True
    finished: list[Any] = []
    dock._session.import_finished.connect(lambda *found: finished.append(found))
    dock.start_button.click()
    stage.until(lambda: bool(finished))
    window = dock.window()
    window.setFocus()
    dock.parentWidget().setFloating(True)
    dock.parentWidget().resize(460, 640)
    stage.picture("import-dock", dock)


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dicomdb-screenshots-") as temporary:
        work = Path(temporary)
        os.environ["DICOMDB_DATABASE"] = str(work / "database")
        os.environ["DICOMDB_SETTINGS"] = str(work / "settings.json")
        os.environ["NAPARI_CONFIG"] = str(work / "napari-settings.yaml")

        from napari_dicomdb.viewer.phantom import write_phantom_study

        write_phantom_study(work / "phantom", SERIES)
        stage = Stage(folder, work / "phantom")
        for scene in (empty_and_full, overlay, findings, diffusion, time_course, importing):
            scene(stage)
        stage.viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
