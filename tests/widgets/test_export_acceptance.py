"""As a person would: draw, export to the study, send to a PACS, fetch it back elsewhere."""

from __future__ import annotations

import numpy as np
from browser_hands import click_row, pick_row
from pydicom import dcmread
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QPushButton

from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.viewer.browse import find_dock

LEFT, KEY = Qt.MouseButton.LeftButton, Qt.Key
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
PATIENCE = 30_000  # ms


def click(qtbot, widget):
    qtbot.mouseClick(widget, LEFT)


def row_index(qtbot, browser, uid):
    model = browser.lists.series_model
    qtbot.waitUntil(lambda: (model.row_of(uid) or 0) >= 0, timeout=PATIENCE)
    return model.index(model.row_of(uid), 0)


def open_series(qtbot, browser, uid):
    """Double-click a row; give the layer that comes."""
    index = row_index(qtbot, browser, uid)
    view, layers = browser.lists.series, browser._viewer.layers
    before = len(layers)
    click_row(qtbot, view, index)
    qtbot.mouseDClick(view.viewport(), LEFT, pos=view.visualRect(index).center())
    qtbot.waitUntil(lambda: len(layers) > before, timeout=PATIENCE)
    return next(
        one for one in layers if (one.metadata.get("dicomdb") or {}).get("series_uid") == uid
    )


def on_canvas(viewer, world):
    """Return where a point of the world is on the canvas."""
    native = viewer.window._qt_viewer.canvas.native
    row, column = [list(viewer.dims.displayed)[k] for k in (-2, -1)]
    centre, zoom = viewer.scene.camera.center, viewer.scene.camera.zoom
    down = (world[row] - centre[-2]) * zoom + native.height() / 2
    right = (world[column] - centre[-1]) * zoom + native.width() / 2
    return native, QPoint(round(right), round(down))


def stroke(qtbot, viewer, labels, places):
    """Press, move and let go of the left button, as a hand does; `places` are of the world."""
    viewer.dims.set_point(0, places[0][0])
    none = Qt.MouseButton.NoButton

    def tell(kind, place, buttons):
        native, point = on_canvas(viewer, place)
        event = QMouseEvent(
            kind, QPointF(point), QPointF(native.mapToGlobal(point)),
            none if kind == QEvent.Type.MouseMove else LEFT, buttons,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(native, event)

    tell(QEvent.Type.MouseMove, places[0], none)
    tell(QEvent.Type.MouseButtonPress, places[0], LEFT)
    for place in places:
        voxel = tuple(np.round(labels.world_to_data(place)).astype(int))

        def is_painted(place=place, voxel=voxel):
            # A hand goes on moving: vispy and napari leave out what follows too soon.
            tell(QEvent.Type.MouseMove, place, LEFT)
            return labels.data[voxel] == 1

        qtbot.waitUntil(is_painted)
    tell(QEvent.Type.MouseButtonRelease, places[-1], none)


def lps_of(image, voxels):
    lps = np.asarray(image.metadata["dicomdb"]["lps_from_data"])
    places = np.asarray(voxels) @ lps[:3, :3].T + lps[:3, 3]
    return sorted(map(tuple, np.round(places, 3).tolist()))


def choose_study_row(qtbot, browser):
    lists = browser.lists
    qtbot.waitUntil(lambda: lists.study_model.rowCount() == 1, timeout=PATIENCE)
    return lists.studies, lists.study_model.index(0, 0)


def test_draw_export_send_and_fetch_back(qtbot, browser, database, phantom, orthanc, tmp_path):
    viewer = browser._viewer.__wrapped__  # as a person sees it, not as a plugin
    window = browser.window()
    window.resize(1300, 900)
    window.show()
    server = orthanc(DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True)
    add_node(server.node)
    ct = phantom["axial-ct"]

    # Load it, and draw with the brush on the canvas: a stroke in one slice, a dab in another.
    image = open_series(qtbot, browser, ct.series_uid)
    buttons = window.findChildren(QPushButton)
    (new_labels,) = [one for one in buttons if "labels layer" in one.toolTip().lower()]
    click(qtbot, new_labels)
    labels = viewer.layers[-1]
    controls = viewer.window._qt_viewer.controls.widgets[labels]
    click(qtbot, controls.paint_button)
    assert labels.mode == "paint"
    labels.brush_size = 1
    drawn = [(3, row, 12) for row in range(10, 15)] + [(4, 20, 13)]
    for part in (drawn[:5:2], drawn[5:]):
        stroke(qtbot, viewer, labels, [image.data_to_world(voxel) for voxel in part])
    assert sorted(map(tuple, np.argwhere(np.asarray(labels.data)).tolist())) == sorted(drawn)
    wanted = lps_of(image, drawn)

    # Export it to the study, from the menu of the study.
    pick_row(qtbot, *choose_study_row(qtbot, browser), "Write layers to this study…")
    dock = find_dock(viewer, "DICOM export")
    dock.show_layers([labels])
    qtbot.waitUntil(dock.export_button.isEnabled, timeout=PATIENCE)
    assert dock.page.cards.cards[0].way.kind == "segmentation"
    click(qtbot, dock.export_button)
    qtbot.waitUntil(lambda: bool(dock.work.outcome.text()), timeout=PATIENCE)
    assert "1 object written, added to the database" in dock.work.outcome.text()

    # It is in the browser, selected, of the same study, with a picture.
    (series,) = [one for one in database.series() if one.modality == "SEG"]
    qtbot.waitUntil(
        lambda: [s.uid for s in browser.views.selected_series()] == [series.uid], timeout=PATIENCE
    )
    assert series.study_uid == database.series()[0].study_uid
    assert database.thumbnail_image(series).png
    (instance,) = database.instances(series.uid)
    header = dcmread(instance.path)
    assert header.SOPClassUID == SEG
    assert header.FrameOfReferenceUID == dcmread(ct.paths[0]).FrameOfReferenceUID

    # Send the whole study from its menu.
    click(qtbot, dock.work.browser_button)  # the browser comes to the front
    pick_row(qtbot, *choose_study_row(qtbot, browser), "Send…")
    dialog = browser.menus.sending.dialog
    with qtbot.waitSignal(dialog.sent, timeout=60_000):
        click(qtbot, dialog.send_button)
    dialog.reject()
    assert SEG.encode() in {
        server.ask(f"/instances/{one}/metadata/SopClassUid") for one in server.ask("/instances")
    }

    # Open another database, ask the server from the Network dock, retrieve what it has.
    viewer.layers.clear()
    browser.session.open(tmp_path / "other", create=True)
    qtbot.waitUntil(
        lambda: browser.database is not None and browser.database.path == tmp_path / "other",
        timeout=PATIENCE,
    )
    click(qtbot, browser.bar.network_button)
    network = find_dock(viewer, "DICOM network")
    qtbot.waitUntil(lambda: len(network.query.form.boxes) == 2, timeout=PATIENCE)
    qtbot.keyClicks(network.query.form.name, str(header.PatientName)[:4])
    qtbot.keyClick(network.query.form.name, KEY.Key_Return)
    qtbot.waitUntil(lambda: not network.query.is_busy, timeout=PATIENCE)
    (study,) = network.query.results.model.top.children
    results = network.query.results
    results.view.setCurrentIndex(results.model.index_of(study))
    click(qtbot, results.retrieve_button)
    qtbot.waitUntil(lambda: study.held == "all", timeout=PATIENCE)

    # Open the segmentation over its image by double clicks.
    again = open_series(qtbot, browser, ct.series_uid)
    back = open_series(qtbot, browser, series.uid)
    assert back._type_string == "labels"
    assert set(np.unique(np.asarray(back.data))) == {0, 1}
    voxels = np.argwhere(np.asarray(back.data) == 1)
    assert lps_of(back, voxels) == wanted
    inside = [again.world_to_data(back.data_to_world(voxel)) for voxel in voxels]
    assert sorted(map(tuple, np.round(inside).astype(int).tolist())) == sorted(drawn)
    assert np.allclose(inside, np.round(inside), atol=1e-3)
