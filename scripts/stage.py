"""A napari window with the docks, and what it takes to photograph it.

Shared by ``screenshots*.py``; nothing to run.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WINDOW = (1500, 930)
LARGEST = 400_000  # bytes
PATIENCE = 60_000  # ms


class Stage:
    """A viewer with the docks, and what it takes to photograph it."""

    def __init__(
        self,
        folder: Path,
        data: Path,
        *,
        window: tuple[int, int] = WINDOW,
        largest: int = LARGEST,
    ) -> None:
        import napari

        self.folder, self.data, self.largest = folder, data, largest
        self.viewer = napari.Viewer(title="napari")
        self.viewer.window.resize(*window)
        self.browser = self.dock("DICOM browser")
        self.until(lambda: self.browser.database is not None)

    def dock(self, name: str) -> Any:
        """Open a dock by its name in the menu, or return the open one."""
        _, widget = self.viewer.window.add_plugin_dock_widget("napari-dicomdb", name)
        return widget

    def focus_on_browser(self) -> None:
        """Give a small window's room to the picture and to the panel of ways to open."""
        qt = self.viewer.window._qt_viewer
        qt.dockLayerControls.hide()
        qt.dockLayerList.hide()
        self.browser._content.setSizes([240, 330])
        self.wait()

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
        shrink(path, self.largest)
        print(f"{path.name}: {path.stat().st_size // 1000} kB")

    def screen(self, name: str, widget: Any, *, height: int = 10_000) -> None:
        """Save the upper part of a widget from the screen, with what pops up before it."""
        from qtpy.QtCore import QPoint

        self.wait()
        path = self.folder / f"{name}.png"
        corner = widget.mapToGlobal(QPoint())
        size = widget.width(), min(height, widget.height())
        widget.screen().grabWindow(0, corner.x(), corner.y(), *size).save(str(path))
        shrink(path, self.largest)
        print(f"{path.name}: {path.stat().st_size // 1000} kB")

    def both(self, name: str, widget: Any = None) -> None:
        """Save a picture in dark, and one in light under the name with "-light"."""
        self.picture(name, widget)
        self.theme("light")
        self.picture(f"{name}-light", widget)
        self.theme("dark")

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
        examined: list[Any] = []
        self.browser.examined.connect(examined.append)
        self.browser.show_series([series])
        self.until(lambda: bool(examined) and not self.browser._queries.is_busy)
        return series

    def open(self, description: str) -> None:
        """Load a series as a double click does."""
        number = len(self.viewer.layers)
        series = self.select(description)
        self.browser.views.series_opened.emit([series])
        self.until(lambda: len(self.viewer.layers) > number)


def shrink(path: Path, largest: int) -> None:
    """Store with few colours what would be too large for a README."""
    from PIL import Image

    with Image.open(path) as image:
        picture = image.convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > largest:
        for colours in (256, 96, 48):
            picture.quantize(colours).save(path, optimize=True)
            if path.stat().st_size <= largest:
                break


@contextmanager
def own_settings() -> Iterator[Path]:
    """Give a temporary folder, with a database and settings in it that nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="dicom-") as temporary:
        work = Path(temporary)
        os.environ["DICOMDB_DATABASE"] = str(work / "Clinic")
        os.environ["DICOMDB_SETTINGS"] = str(work / "settings.json")
        os.environ["NAPARI_CONFIG"] = str(work / "napari-settings.yaml")
        yield work
