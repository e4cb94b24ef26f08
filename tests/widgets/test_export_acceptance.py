"""As a person would: draw, export to the study, send to a PACS, fetch it back elsewhere."""

from __future__ import annotations

import numpy as np
from browser_hands import click_row
from pydicom import dcmread
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QPushButton

from napari_dicomdb import Database
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.widgets.browser import DicomBrowser
from napari_dicomdb.widgets.export_dock import DicomExport

LEFT, KEY = Qt.MouseButton.LeftButton, Qt.Key
SEG = "1.2.840.10008.5.1.4.1.1.66.4"


def click(qtbot, widget):
    qtbot.mouseClick(widget, LEFT)


def select_row(qtbot, browser, uid):
    model, view = browser.lists.series_model, browser.lists.series
    qtbot.waitUntil(lambda: (model.row_of(uid) or 0) >= 0, timeout=20_000)
    index = model.index(model.row_of(uid), 0)
    click_row(qtbot, view, index)
    qtbot.waitUntil(
        lambda: [s.uid for s in browser.views.selected_series()] == [uid], timeout=20_000
    )


def open_series(qtbot, browser, uid):
    """Select a row and press Return; give the layer that comes."""
    select_row(qtbot, browser, uid)
    layers = browser._viewer.layers
    before = len(layers)
    qtbot.keyClick(browser.lists.series, KEY.Key_Return)
    qtbot.waitUntil(lambda: len(layers) > before, timeout=30_000)
    return next(
        one for one in layers if (one.metadata.get("dicomdb") or {}).get("series_uid") == uid
    )


def pick_from_menu(qtbot, browser, label):
    browser.menus._show(browser.mapToGlobal(browser.rect().center()))
    menu = QApplication.activePopupWidget()
    (action,) = [a for a in menu.actions() if a.text().partition("\t")[0] == label]
    assert action.isEnabled()
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())


def where_labelled(layer):
    """Return the centres of labelled voxels in LPS mm, sorted."""
    lps = np.asarray(layer.metadata["dicomdb"]["lps_from_data"])
    places = np.argwhere(np.asarray(layer.data) == 1)
    return sorted(map(tuple, np.round(places @ lps[:3, :3].T + lps[:3, 3], 3).tolist()))


def test_draw_export_send_and_fetch_back(qtbot, browser, database, phantom, orthanc, tmp_path):
    viewer = browser._viewer
    browser.window().show()
    server = orthanc(DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True)
    add_node(server.node)

    # Load, and draw with the brush on a new layer.
    image = open_series(qtbot, browser, phantom["axial-ct"].series_uid)
    buttons = browser.window().findChildren(QPushButton)
    (new_labels,) = [one for one in buttons if "labels layer" in one.toolTip().lower()]
    click(qtbot, new_labels)
    labels = viewer.layers[-1]
    labels.brush_size = 1
    drawn = [(3, 10, 12), (3, 11, 12), (4, 10, 13)]
    for voxel in drawn:
        world = image.data_to_world(voxel)
        labels.paint(tuple(np.round(labels.world_to_data(world)).astype(int)), 1)
    lps = np.asarray(image.metadata["dicomdb"]["lps_from_data"])
    wanted = np.round(np.array(drawn) @ lps[:3, :3].T + lps[:3, 3], 3)
    wanted = sorted(map(tuple, wanted.tolist()))

    # Export it to the study, from the menu of the series.
    select_row(qtbot, browser, phantom["axial-ct"].series_uid)
    pick_from_menu(qtbot, browser, "Write layers to this study…")
    docks = viewer.window.dock_widgets.values()
    (dock,) = [one for one in docks if isinstance(one, DicomExport)]
    dock.show_layers([labels])
    qtbot.waitUntil(dock.export_button.isEnabled, timeout=30_000)
    assert dock.page.cards.cards[0].way.kind == "segmentation"
    click(qtbot, dock.export_button)
    qtbot.waitUntil(lambda: bool(dock.work.outcome.text()), timeout=30_000)
    assert "1 object written, added to the database" in dock.work.outcome.text()

    # It is in the browser, selected, of the same study, with a picture.
    (series,) = [one for one in database.series() if one.modality == "SEG"]
    qtbot.waitUntil(
        lambda: [s.uid for s in browser.views.selected_series()] == [series.uid], timeout=20_000
    )
    assert series.study_uid == database.series()[0].study_uid
    assert database.thumbnail_image(series) is not None
    (instance,) = database.instances(series.uid)
    header = dcmread(instance.path)
    assert header.SOPClassUID == SEG
    assert header.FrameOfReferenceUID == dcmread(phantom["axial-ct"].paths[0]).FrameOfReferenceUID

    # Send the whole study, as one asks for in the menu.
    study = database.studies()[0]
    browser.menus.sending.show([study])
    dialog = browser.menus.sending.dialog
    with qtbot.waitSignal(dialog.sent, timeout=60_000):
        click(qtbot, dialog.send_button)
    dialog.reject()
    assert SEG.encode() in {
        server.ask(f"/instances/{one}/metadata/SopClassUid") for one in server.ask("/instances")
    }

    # Fetch it back on another database, and open it over its image.
    with Database.open(tmp_path / "other") as other:
        report = other.retrieve({"StudyInstanceUID": study.uid}, server.node)
        assert report.ok
    viewer.layers.clear()
    browser.session.open(tmp_path / "other")
    qtbot.waitUntil(
        lambda: browser.database is not None and browser.database.path == tmp_path / "other",
        timeout=20_000,
    )
    assert isinstance(browser, DicomBrowser)
    again = open_series(qtbot, browser, phantom["axial-ct"].series_uid)
    segmentation = open_series(qtbot, browser, series.uid)
    assert segmentation._type_string == "labels"
    assert where_labelled(segmentation) == wanted
    over = segmentation.data_to_world(np.argwhere(np.asarray(segmentation.data))[0])
    inside = again.world_to_data(over)
    assert np.allclose(inside, np.round(inside), atol=1e-3)
