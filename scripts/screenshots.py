"""Take the pictures of the documentation from the running program.

usage: python scripts/screenshots.py [FOLDER]      (default: docs/images)

Shows a phantom study made on the fly and the files that pydicom ships; needs a
display or Xvfb (``scripts/with-display.sh python scripts/screenshots.py``).
"""

from __future__ import annotations

import sys
from pathlib import Path

from stage import IMAGES, Stage, own_settings

SERIES = ("axial-ct", "oblique-mr", "sagittal-mr", "tilted-ct", "missing-slice", "uneven-spacing")


def empty_and_full(stage: Stage) -> None:
    stage.wait(800)
    stage.picture("browser-empty", stage.browser)
    import pydicom.data

    shipped = Path(pydicom.data.__file__).parent / "test_files"
    stage.import_all(stage.browser, shipped)
    stage.browser.show_report(stage.browser.import_bar.report)
    stage.browser.importing.dialog.resize(860, 460)
    stage.both("import-report", stage.browser.importing.dialog)
    stage.browser.importing.dialog.close()
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
    stage.browser.view_bar.plane_buttons["sagittal"].click()
    stage.viewer.reset_view()
    stage.picture("overlay-sagittal")
    stage.browser.view_bar.plane_buttons["axial"].click()


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


def slide(stage: Stage) -> None:
    """Show a whole slide and the label of its glass, at their places."""
    from phantom_slide import write_slide

    folder = stage.data.parent / "slide"
    write_slide(folder)
    stage.import_all(stage.browser, folder)
    stage.browser.import_bar.outcome._on_close()
    stage.viewer.layers.clear()
    stage.open("Phantom slide")
    stage.select("Phantom slide")
    stage.viewer.scale_bar.visible = True
    stage.viewer.reset_view()
    stage.wait(1500)
    stage.picture("whole-slide")
    stage.viewer.scale_bar.visible = False
    stage.viewer.layers.clear()


def maps(stage: Stage) -> None:
    """Show a parametric map and PET, each in its unit."""
    from phantom_maps import write_maps

    folder = stage.data.parent / "maps"
    write_maps(folder)
    stage.import_all(stage.browser, folder)
    stage.browser.import_bar.outcome._on_close()
    stage.viewer.layers.clear()
    stage.open("Phantom PET")
    stage.open("Phantom diffusion map")
    stage.viewer.layers[-1].colormap = "viridis"
    stage.viewer.grid.enabled = True
    stage.viewer.reset_view()
    stage.picture("quantities")
    stage.viewer.grid.enabled = False
    stage.viewer.layers.clear()


def content(stage: Stage) -> None:
    """Show what a report says that pydicom ships, in the dock beside the browser."""
    stage.viewer.layers.clear()
    (report, *_) = stage.browser.database.search("modality:SR")
    stage.browser.search.clear()
    stage.browser.contents.show_series([report])
    stage.until(lambda: getattr(stage.browser.contents.view, "content", None) is not None)
    stage.browser.show_series([report])
    stage.wait(1000)
    stage.picture("content", stage.browser.contents.view)
    stage.viewer.window.remove_dock_widget(stage.browser.contents.view)


def importing(stage: Stage) -> None:
    dock = stage.dock("DICOM import")
    stage.wait()
    import pydicom.data

    dock.set_paths([Path(pydicom.data.__file__).parent / "test_files"])
    dock.dry_run.value = True
    finished: list[tuple[object, ...]] = []
    dock._session.import_finished.connect(lambda *found: finished.append(found))
    dock.start_button.click()
    stage.until(lambda: bool(finished))
    window = dock.window()
    window.setFocus()
    dock.parentWidget().setFloating(True)
    dock.parentWidget().resize(460, 640)
    stage.picture("import-dock", dock)


SCENES = (
    empty_and_full,
    overlay,
    findings,
    diffusion,
    time_course,
    slide,
    maps,
    content,
    importing,
)


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with own_settings() as work:
        from napari_dicomdb.viewer.phantom import write_phantom_study

        write_phantom_study(work / "phantom", SERIES)
        stage = Stage(folder, work / "phantom")
        for scene in SCENES:
            scene(stage)
        stage.viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
