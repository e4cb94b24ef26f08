"""Import real DICOM, open napari on it; with no screen, leave screenshots in demo/.

usage: python scripts/demo.py [FOLDER ...]

With no folder: the files that pydicom ships, and phantom studies made on the fly.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import phantom_hospital

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dicomdb import Database, ImportReport
    from napari_dicomdb.loading.loadable import Loadable

DEMO = Path(__file__).parents[1] / "demo"
HEADLESS = "DICOMDB_HEADLESS" in os.environ  # set by scripts/with-display.sh
# The first two are opened, the CT below the MR that lies askew in it; the others are to play with.
PHANTOM = ("axial-ct", "oblique-mr", "sagittal-mr", "tilted-ct", "missing-slice")
SERIES_LOADED = 2
OTHERS = {study.accession: study for study in phantom_hospital.STUDIES}
INVENTED = ("RT-4471", "US-20411", "R-99310")  # contours and dose, a loop, a segmentation
COLORMAPS = ("gray", "magma")
WINDOW_SIZE = (1580, 960)


def show_progress(done: int, total: int | None, text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r  {text}: {done} of {total or '?'}\033[K", end="", file=sys.stderr)
        if done == total:
            print(file=sys.stderr)


def import_folder(database: Database, folder: Path, what: str) -> ImportReport:
    report = database.import_paths([folder], progress=show_progress)
    print(f"{what}: {report.summary()}")
    for path, reason, text in report.rejected[:5]:
        print(f"  refused ({reason}): {Path(path).name}: {text}")
    if len(report.rejected) > 5:
        print(f"  ... and {len(report.rejected) - 5} more; the browser lists them all")
    return report


def fill(database: Database, folders: list[Path]) -> list[str]:
    """Import, and return the UIDs of the series to open."""
    if folders:
        uids = [uid for f in folders for uid in import_folder(database, f, str(f)).series_uids]
        records = [database.find_series(uid) for uid in uids]
        records.sort(key=lambda record: record.frame_count, reverse=True)
        return [record.uid for record in records]
    import pydicom.data

    from napari_dicomdb.viewer.phantom import write_phantom_study

    shipped = Path(pydicom.data.__file__).parent / "test_files"
    import_folder(database, shipped, "pydicom's own files")
    patients = DEMO / "patients"
    phantom_hospital.write_hospital(patients, [OTHERS[name] for name in INVENTED])
    import_folder(database, patients, "invented patients")
    phantom = DEMO / "phantom"
    written = write_phantom_study(phantom, PHANTOM)
    import_folder(database, phantom, "a phantom study")
    return [series.series_uid for series in written]


def volumes_of_one_patient(database: Database, uids: list[str]) -> Iterator[Loadable]:
    """Yield the best loadable of series that lie in one frame of reference."""
    frame_of_reference = None
    loaded = 0
    for uid in uids:
        record = database.find_series(uid)
        if loaded and record.frame_of_reference_uid != frame_of_reference:
            continue
        loadables = database.examine(record)
        if not loadables:
            continue
        best = loadables[0]
        print(f"{best.name}: {best.kind}, {best.shape}, confidence {best.confidence:.2f}")
        for finding in best.findings:
            print(f"  {finding.severity}: {finding.text}")
        frame_of_reference = record.frame_of_reference_uid
        loaded += 1
        yield best
        if loaded == SERIES_LOADED:
            return


def settle(milliseconds: int = 700) -> None:
    """Let the window draw, and its threads report."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_for(signal: Any, milliseconds: int = 20_000) -> None:
    """Let the window run until `signal`, or until that long has passed."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    signal.connect(loop.quit)
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def picture(viewer: Any, name: str) -> None:
    settle()
    path = DEMO / f"{name}.png"
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(f"screenshot: {path.relative_to(DEMO.parent)}")


def there_and_back(viewer: Any, browser: Any, database: Database, layer: Any) -> None:
    """Draw labels on a layer, write them as DICOM into its study, and open what was written."""
    import numpy as np

    from napari_dicomdb import ExportError, store_result
    from napari_dicomdb.viewer.open import add_volume

    values = np.asarray(layer.data)
    low = np.percentile(values, 60)
    high = low + 0.75 * (values.max() - low)
    drawn = ((values > low).astype(np.uint8)) + (values > high)
    metadata = {"dicomdb": layer.metadata["dicomdb"]}
    how = {"scale": layer.scale, "translate": layer.translate, "rotate": layer.rotate}
    labels = viewer.add_labels(
        drawn, name="Tissue and bone", metadata=metadata, units=layer.units, **how
    )
    labels.features = {"index": [1, 2], "name": ["Tissue", "Bone"]}
    try:
        report = store_result(labels, database=database)
    except ExportError as error:
        print(f"not written: {error}")
        return
    finally:
        viewer.layers.remove(labels)
    (uid,) = report.series_uids
    print(f"segmentation written: {len(report.instance_uids)} object, series {uid}")
    found = database.find_series(uid)
    opened = add_volume(viewer, database.examine(found)[0].load())
    if np.count_nonzero(opened[0].data) != np.count_nonzero(drawn):
        print("the segmentation is not what was drawn")
    browser.show_series([found])
    wait_for(browser.examined)
    picture(viewer, "segmentation")
    for one in opened:
        viewer.layers.remove(one)


def take_pictures(viewer: Any, browser: Any, database: Database, uids: list[str]) -> None:
    import numpy as np

    from napari_dicomdb.viewer.planes import set_plane

    def examine(uid: str) -> None:
        browser.show_series([database.find_series(uid)])
        wait_for(browser.examined)

    if uids:
        examine(uids[0])
    picture(viewer, "browser")
    browser.show_view("cards")
    settle(3000)  # pictures of series are made in the background
    picture(viewer, "cards")
    browser.search.setText("modality:CT slices:>45")
    browser.bar.search.run()
    settle(1500)
    picture(viewer, "search")
    browser.search.clear()
    browser.bar.search.run()
    browser.show_view("tables")
    for plane in ("axial", "coronal", "sagittal"):
        set_plane(viewer, plane)
        viewer.reset_view()
        picture(viewer, plane)
    set_plane(viewer, "axial")
    if uids:
        # The last series of the phantom study lacks a slice: the panel says so.
        examine(uids[-1])
        picture(viewer, "examine")
    solid = [
        layer
        for layer in viewer.layers
        if hasattr(layer, "rendering") and layer.ndim == 3 and not (layer.rgb or layer.multiscale)
    ]
    if not solid:
        return
    # One layer alone: two in 3D hide each other.
    for layer in viewer.layers:
        layer.visible = layer is solid[0]
    there_and_back(viewer, browser, database, solid[0])
    low, high = solid[0].contrast_limits
    solid[0].rendering, solid[0].iso_threshold = "iso", (low + high) / 2
    brightest = float(np.percentile(solid[0].data[len(solid[0].data) // 2], 99.5))
    solid[0].contrast_limits = (low, max(brightest, high))
    solid[0].colormap = "bop orange"
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = (-20, 25, 100)
    picture(viewer, "volume")


def main(arguments: list[str]) -> int:
    folders = [Path(argument) for argument in arguments]
    for folder in folders:
        if not folder.exists():
            print(f"there is no {folder}", file=sys.stderr)
            return 2
    for old in (DEMO / "database", DEMO / "patients", DEMO / "phantom"):
        shutil.rmtree(old, ignore_errors=True)
    DEMO.mkdir(exist_ok=True)
    # The docks open the default database: for this process, the demo's.
    os.environ["DICOMDB_DATABASE"] = str(DEMO / "database")
    os.environ["DICOMDB_SETTINGS"] = str(DEMO / "settings.json")
    if HEADLESS:  # pictures that look alike everywhere: napari's own defaults
        os.environ["NAPARI_CONFIG"] = str(DEMO / "napari-settings.yaml")

    from napari_dicomdb import Database

    with Database.open(DEMO / "database") as database:
        uids = fill(database, folders)

        import napari

        from napari_dicomdb.viewer.open import add_volume

        viewer = napari.Viewer(title="napari-dicomdb demo")
        viewer.window.resize(*WINDOW_SIZE)
        _, browser = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM browser")
        for number, loadable in enumerate(volumes_of_one_patient(database, uids)):
            for layer in add_volume(viewer, loadable.load()):
                if not getattr(layer, "rgb", False) and hasattr(layer, "colormap"):
                    layer.colormap = COLORMAPS[number]
                    if number:
                        layer.blending, layer.opacity = "additive", 0.6
        if HEADLESS:
            settle(2000)  # the browser opens the database in the background
            take_pictures(viewer, browser, database, uids)
            viewer.close()
            return 0
    napari.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
