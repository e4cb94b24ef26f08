"""Take the pictures of the *DICOM export* dock, dark and light.

usage: python scripts/screenshots_export.py [FOLDER [SCENE ...]]   (default: docs/images)

Shows the invented chest of ``phantom_chest.py``, with a lesion drawn on it; needs a display
or Xvfb (``scripts/with-display.sh python scripts/screenshots_export.py``).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from phantom_chest import balls, chest_grid, write_chest
from stage import IMAGES, Stage, own_settings

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = (1500, 930)
SIZE = {"matrix": 192, "count": 40}
NARROW = 300
NAME = "Lungs and lesion"
COLOURS = {1: "#4a90d9", 2: "#50c8a8", 3: "#e8503a"}
WIDE = 440


def export_dock(stage: Stage) -> Any:
    """Return the dock, at the front and on the page *Layers*."""
    from napari_dicomdb.viewer.browse import show_export

    dock = show_export(stage.viewer)
    dock.show_page("layers")
    width(stage, dock, WIDE)
    return dock


def width(stage: Stage, widget: Any, pixels: int) -> None:
    """Give the dock of a widget a width."""
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QDockWidget

    found = widget.parentWidget()
    while not isinstance(found, QDockWidget):
        found = found.parentWidget()
    window = stage.viewer.window._qt_window
    window.resizeDocks([found], [pixels], Qt.Orientation.Horizontal)
    stage.wait()


def settled(stage: Stage, dock: Any) -> None:
    """Wait until all layers were looked at."""
    stage.until(lambda: not dock.plans.is_busy and not dock.work.is_busy)


def draw(stage: Stage) -> Any:
    """Return labels drawn on the chest: two lungs and a lesion."""
    from napari.utils.colormaps import DirectLabelColormap
    from scipy import ndimage

    layers = stage.viewer.layers
    if NAME in layers:
        return layers[NAME]
    image = layers[0]
    values = np.asarray(image.data)
    parts, count = ndimage.label(values < -600)
    outside = np.unique(np.concatenate([parts[:, 0].ravel(), parts[:, -1].ravel()]))
    sizes = ndimage.sum_labels(np.ones(values.shape), parts, range(count + 1))
    sizes[[0, *outside]] = 0
    lungs = np.isin(parts, np.argsort(sizes)[-2:])
    filled = ndimage.binary_closing(lungs, iterations=8)
    lesion = balls(chest_grid(**SIZE))["Lesion"][1][::-1]
    assert values[lesion].mean() > -200  # the layer begins at the head
    labels = filled.astype(np.uint8)
    labels[..., values.shape[-1] // 2 :] *= 2
    labels[lesion & (values > -200)] = 3
    made = stage.viewer.add_labels(
        labels,
        name=NAME,
        scale=image.scale,
        translate=image.translate,
        rotate=image.rotate,
        shear=image.shear,
        affine=np.asarray(image.affine),
        units=image.units,
        opacity=0.5,
    )
    made.features = {"index": [1, 2, 3], "name": ["lung right", "lung left", "Lesion"]}
    made.colormap = DirectLabelColormap(color_dict={None: "transparent", **COLOURS})
    stage.viewer.dims.set_current_step(0, int(ndimage.center_of_mass(lesion)[0]))
    return made


def image(stage: Stage) -> None:
    """Show the ways to write an image."""
    dock = export_dock(stage)
    dock.show_layers([stage.viewer.layers[0]])
    settled(stage, dock)
    stage.both("export-image")


def labels(stage: Stage) -> None:
    """Show the ways to write labels, and their segments."""
    from qtpy.QtWidgets import QScrollArea

    drawn = draw(stage)
    dock = export_dock(stage)
    dock.show_layers([drawn])
    settled(stage, dock)
    stage.both("export-labels")
    area = dock.tabs.currentWidget()
    assert isinstance(area, QScrollArea)
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    stage.both("export-segments", dock)
    area.verticalScrollBar().setValue(0)


def study(stage: Stage) -> None:
    """Show where results go: to a study of the database, or to a new one."""
    dock = export_dock(stage)
    dock.show_layers([draw(stage)])
    settled(stage, dock)
    dock.show_page("study")
    stage.both("export-study", dock)
    chooser = dock.where.study
    chooser.new.setChecked(True)
    chooser.fields["patient_name"].setText("Yamada^Tarou=山田^太郎=やまだ^たろう")
    chooser.fields["patient_birth_date"].setText("1980-02-31")
    stage.both("export-new-study", dock)
    chooser.of_database.setChecked(True)


def preview(stage: Stage) -> None:
    """Show what would be written."""
    dock = export_dock(stage)
    dock.show_layers([draw(stage), stage.viewer.layers[0]])
    settled(stage, dock)
    dock.try_out()
    stage.until(lambda: dock.preview.preview is not None)
    settled(stage, dock)
    stage.both("export-preview")


def done(stage: Stage) -> None:
    """Show what came of it, beside the browser."""
    dock = export_dock(stage)
    dock.show_layers([draw(stage)])
    settled(stage, dock)
    dock.export()
    stage.until(lambda: bool(dock.work.outcome.text()))
    stage.wait(2000)
    stage.both("export-done")


def view(stage: Stage) -> None:
    """Show how pictures and movies of the view are saved."""
    dock = export_dock(stage)
    dock.show_page("view")
    stage.both("export-view", dock)


def scene(stage: Stage) -> None:
    """Show the last row: the whole viewer as one object."""
    dock = export_dock(stage)
    draw(stage)
    dock.show_layers([dock.page.layers.scene])
    settled(stage, dock)
    stage.both("export-scene")


def reopened(stage: Stage) -> None:
    """Show a segmentation that was written, found in the browser, and opened over its image."""
    done(stage)
    step = stage.viewer.dims.current_step
    stage.viewer.layers.remove(draw(stage))
    dock = export_dock(stage)
    dock.work.browser_button.click()
    stage.wait(1500)
    browser = stage.browser
    browser.show_view("cards")
    width(stage, browser, WIDE)
    stage.open(NAME)
    stage.viewer.layers.selection.active = stage.viewer.layers[-1]
    stage.viewer.dims.current_step = step
    browser._content.setSizes([400, 330])
    stage.wait(2500)
    stage.both("segmentation-reopened")


def narrow(stage: Stage) -> None:
    """Show the pages in a narrow dock, with large letters."""
    dock = export_dock(stage)
    dock.show_layers([draw(stage)])
    settled(stage, dock)
    stage.browser.setMinimumWidth(0)
    width(stage, dock, NARROW)
    for page in ("layers", "study", "preview", "view"):
        dock.show_page(page)
        stage.both(f"export-narrow-{page}", dock)


SCENES: dict[str, Callable[[Stage], None]] = {
    scene.__name__: scene for scene in (image, labels, study, preview, view, scene, reopened)
}
EXTRA = {"done": done, "narrow": narrow}


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with own_settings() as work:
        write_chest(work / "data", **SIZE)
        stage = Stage(folder, work / "data", window=WINDOW)
        stage.import_all(stage.browser, work / "data")
        stage.open(stage.browser.database.series()[0].description)
        for name in arguments[1:] or SCENES:
            {**SCENES, **EXTRA}[name](stage)
        stage.viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
