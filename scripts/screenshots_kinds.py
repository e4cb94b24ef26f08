"""Take one picture of each kind of image, for ``docs/kinds.md``, from the running program.

usage: python scripts/screenshots_kinds.py [FOLDER [KIND ...]]   (default: docs/images/kinds)

Everything shown is made on the fly (``phantom_*.py``) or shipped with pydicom; it
is imported into a temporary database and opened by its default choice. Needs a
display or Xvfb (``scripts/with-display.sh python scripts/screenshots_kinds.py``).
"""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import phantom_kinds
from phantom_course import write_time_course
from phantom_diffusion import write_diffusion_series
from phantom_slide import write_slide
from stage import IMAGES, Stage, own_settings

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = (1100, 720)
LARGEST = 180_000  # bytes


def shipped(name: str, folder: Path) -> None:
    """Copy a file that pydicom ships."""
    from pydicom.data import get_testdata_file

    folder.mkdir(parents=True)
    shutil.copy(str(get_testdata_file(name)), folder)


def content(stage: Stage) -> None:
    """Give the room of the empty canvas to the tree."""
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QDockWidget

    stage.viewer.window._qt_viewer._show_welcome_screen = False
    stage.viewer.window._qt_viewer._welcome_widget.hide()
    window = stage.viewer.window._qt_window
    docks = [d for d in window.findChildren(QDockWidget) if d.isVisible()]
    named = {d.windowTitle(): d for d in docks}
    wanted = [d for title, d in named.items() if title.startswith("DICOM")]
    widths = [390 if "browser" in d.windowTitle() else 480 for d in wanted]
    window.resizeDocks(wanted, widths, Qt.Orientation.Horizontal)


def named(stage: Stage) -> None:
    """Show the list of layers: the unit is in the name."""
    stage.viewer.window._qt_viewer.dockLayerList.show()
    stage.wait()
    stage.viewer.reset_view()


def plain(stage: Stage) -> None:
    """Show it as it opens."""


def at(*steps: int, limits: tuple[float, float] | None = None, colormap: str = "") -> Any:
    """Return a scene: the sliders there, and the layer so."""

    def scene(stage: Stage) -> None:
        layer = stage.viewer.layers[0]
        if limits is not None:
            layer.contrast_limits = limits
        if colormap:
            layer.colormap = colormap
        for axis, step in enumerate(steps):
            if step >= 0:
                stage.viewer.dims.set_current_step(axis, step)

    return scene


def coronal(stage: Stage) -> None:
    """Show the plane in which it was acquired."""
    stage.browser.view_bar.plane_buttons["coronal"].click()
    at(2)(stage)
    stage.viewer.reset_view()


def zoomed(stage: Stage) -> None:
    """Show the size of a slide, and of the label beside it."""
    stage.viewer.scale_bar.visible = True


def region(stage: Stage) -> None:
    """Show the calibrated regions, while blood flows in."""
    stage.viewer.dims.set_current_step(0, 3)
    for layer in stage.viewer.layers:
        layer.visible = True


KINDS: dict[str, tuple[Any, str, Callable[[Stage], None]]] = {
    "time-course": (
        partial(write_time_course, echoes=(24.6,), matrix=128, description="Phantom perfusion"),
        "Phantom perfusion",
        at(12),
    ),
    "multi-echo": (
        partial(
            write_time_course,
            volumes=1,
            echoes=(4.6, 13.8, 23.0, 32.2, 41.4),
            matrix=160,
            description="Phantom multi-echo",
        ),
        "Phantom multi-echo",
        at(1),
    ),
    "diffusion": (write_diffusion_series, "Phantom diffusion", at(2, limits=(0, 420))),
    "mosaic": (phantom_kinds.write_mosaic, "Phantom fMRI, mosaic", at(8, 14)),
    "enhanced": (phantom_kinds.write_enhanced, "Phantom inversion recovery", coronal),
    "ultrasound": (phantom_kinds.write_ultrasound, "Phantom heart, colour", region),
    "angiography": (phantom_kinds.write_angiography, "Phantom angiography", at(11)),
    "nuclear": (
        phantom_kinds.write_nuclear,
        "Phantom renogram",
        at(0, 9, limits=(0, 60), colormap="inferno"),
    ),
    "radiograph": (phantom_kinds.write_radiograph, "Phantom skull AP", plain),
    "slide": (write_slide, "Phantom slide", zoomed),
    "pet": (phantom_kinds.write_pet, "Phantom FDG", named),
    "map": (phantom_kinds.write_map, "Phantom ADC map", at(10, colormap="viridis")),
    "report": (partial(shipped, "test-SR.dcm"), "", content),
    "waveform": (partial(shipped, "waveform_ecg.dcm"), "", content),
}
WITHOUT_IMAGE = ("report", "waveform")


def take(stage: Stage, kind: str, *, work: Path) -> None:
    """Import a kind into the database, open it and take its picture."""
    write, description, scene = KINDS[kind]
    write(work / kind)
    stage.import_all(stage.browser, work / kind)
    stage.browser.import_bar.outcome._on_close()
    series = stage.browser.database.series()
    (chosen,) = [s for s in series if s.description == description][:1] or series[-1:]
    stage.browser.show_series([chosen])
    stage.wait(1200)
    if kind in WITHOUT_IMAGE:
        stage.browser.views.series_opened.emit([chosen])
        stage.wait(1500)
    else:
        stage.browser.views.series_opened.emit([chosen])
        stage.until(lambda: len(stage.viewer.layers) > 0)
    stage.viewer.reset_view()
    scene(stage)
    stage.wait(1200)
    stage.picture(kind)
    if stage.viewer.scale_bar.visible:
        stage.viewer.scale_bar.visible = False
    stage.viewer.window._qt_viewer.dockLayerList.hide()
    stage.viewer.layers.clear()
    stage.browser.database.remove(series=chosen.uid)
    stage.wait()


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else IMAGES / "kinds"
    folder.mkdir(parents=True, exist_ok=True)
    with own_settings() as work:
        stage = Stage(folder, work, window=WINDOW, largest=LARGEST)
        stage.focus_on_browser()
        for kind in arguments[1:] or KINDS:
            take(stage, kind, work=work)
        stage.viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
