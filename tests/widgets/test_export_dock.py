"""The Export dock in a real viewer, by mouse and keyboard; the exporter is a small one."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from browser_hands import open_by_menu
from napari import Viewer
from napari.components import ViewerModel
from napari.settings import get_settings
from pydicom import dcmread, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QCloseEvent, QIcon
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QTreeView,
    QWidget,
)

from napari_dicomdb import Database
from napari_dicomdb.database.private_folders import copies_folder
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export import registry
from napari_dicomdb.export.exporter import Exportable, Need
from napari_dicomdb.export.segments.segment_meanings import meanings_from, meanings_of
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.study import NewSeries
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.viewer.browse import find_dock, show_export
from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.widgets import _export_strip, _export_work
from napari_dicomdb.widgets._export_closing import ClosingDialog, _Guard
from napari_dicomdb.widgets._export_study import StudyChooser
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.export_dock import DicomExport

KEY, LEFT = Qt.Key, Qt.MouseButton.LeftButton
NEEDS = (
    Need("description", "Series description", "text", "a result"),
    Need("level", "Level", "choice", "low", (("low", "Low"), ("high", "High"))),
    Need("signed", "Signed", "bool", False),
    Need("factor", "Factor", "float", 1.5),
)


class SmallExporter:
    """Writes the first slice as one secondary capture; a second way needs an answer."""

    name, version = "small", "1"
    fails = ""
    needs = NEEDS

    def __init__(self):
        self.written = []

    def examine(self, source):
        question = Need("shape", "what to do", "choice", None, (("keep", "Keep"),), True)
        broken = Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, "it lies nowhere")
        remark = Finding(FindingCode.SINGLE_SLICE, Severity.WARNING, "only one slice is written")

        def way(name, confidence, needs=self.needs, findings=(), losses=()):
            return Exportable(
                name, "image", confidence, ("made for tests",), losses, findings, needs,
                source, self,
            )  # fmt: skip

        return [
            way("Best way", 0.9, losses=("all slices but one",)),
            way("Second way", 0.6, needs=(*self.needs, question), findings=(remark,)),
            way("Refused way", 0.9, findings=(broken,)),
        ]

    def write(self, exportable, target, folder, *, options, progress):
        if self.fails:
            raise ExportError(self.fails, reason="bad-value")
        progress(0, 1, "Drawing")
        self.written.append(dict(options))
        plane = np.asarray(exportable.source.array[0]).astype(np.uint8)
        number = target.series_number(options.get("series_number"))
        series = NewSeries("OT", options["description"], number)
        made = target.dataset(SecondaryCaptureImageStorage, series)
        made.ConversionType = "WSD"
        made.InstanceNumber = 1
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
        made.Rows, made.Columns = plane.shape
        made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
        made.PixelRepresentation = 0
        made.PixelData = plane.tobytes()
        path = folder / "1.dcm"
        made.ensure_file_meta()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dcmwrite(path, made, enforce_file_format=True)
        return [path]


def plain_source(layer, database, *, frame=None):
    meta = layer.metadata.get("dicomdb") or {}
    kind = layer._type_string
    return ExportSource(
        layer.name, np.asarray(layer.data), ("slice", "row", "column"), kind, meta=meta
    )


@pytest.fixture
def exporter(monkeypatch):
    small = SmallExporter()
    monkeypatch.setattr(registry, "exporters", lambda: (small,))
    monkeypatch.setattr(_export_work, "source_of", plain_source)
    return small


@pytest.fixture
def window(make_napari_viewer):
    """Ask for it where the window matters: the viewer has one then."""
    return make_napari_viewer()


@pytest.fixture
def viewer(request):
    is_in_window = "window" in request.fixturenames
    return request.getfixturevalue("window") if is_in_window else ViewerModel()


@pytest.fixture
def dock(viewer, database, exporter, phantom, qtbot):
    loadable = next(x for x in database.examine(phantom["axial-ct"].series_uid) if x.selected)
    data, kwargs, _ = loadable.to_layers(loadable.load())[0]
    viewer.add_image(data, **kwargs)
    if isinstance(viewer, Viewer):
        _, widget = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM export")
    else:
        widget = DicomExport(viewer)
        qtbot.addWidget(widget)
    qtbot.waitUntil(lambda: widget.export_button.isEnabled(), timeout=20_000)
    return widget


def click(qtbot, widget):
    qtbot.mouseClick(widget, LEFT)


def type_into(qtbot, line, text):
    line.selectAll()
    if text.isascii():
        qtbot.keyClicks(line, text)
    else:
        line.insert(text)  # what an input method does; QTest has keys for ASCII only


def close(viewer, dock):
    """Close a dock as its cross does; Python keeps no reference as a test does."""
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    QApplication.sendPostedEvents(None, int(QEvent.Type.DeferredDelete.value))


def is_idle(dock):
    return lambda: not dock.work.is_busy and bool(dock.work.outcome.text())


def new_series(database):
    return [s for s in database.series() if s.modality == "OT"]


def test_what_it_shows_of_a_layer(window, qtbot, viewer, dock, database):
    # Ways, best first, with what is lost.
    cards = dock.page.cards.cards
    assert [card.way.name for card in cards] == ["Best way", "Second way", "Refused way"]
    assert cards[0].radio.isChecked()
    assert not cards[2].radio.isEnabled()
    assert cards[2].boxes[0].text() == "it lies nowhere"
    told = [label.text() for label in cards[0].findChildren(QLabel)]
    assert "What changes: all slices but one" in told
    assert "made for tests" in told
    # The study of the layer is chosen.
    (study,) = database.studies()
    assert dock.where.study.study.uid == study.uid
    assert "Phantom" in dock.where.study.title.text()
    # Each control has a name.
    for kind in (QLineEdit, QComboBox, QListWidget, QTreeView):
        for one in dock.findChildren(kind):
            is_inner = "spinbox" in one.objectName() or isinstance(one.parent(), QComboBox)
            assert is_inner or one.accessibleName(), one
    for button in dock.findChildren(QAbstractButton):
        named = button.text() or button.accessibleName() or button.toolTip()
        assert named or button.isHidden(), button
    # Delete does not reach the viewer.
    qtbot.keyClick(dock, KEY.Key_Delete)
    assert len(viewer.layers) == 1
    # Colours follow the theme.
    viewer.theme = "light"
    light = dock.styleSheet()
    viewer.theme = "dark"
    assert dock.styleSheet() != light


def test_what_must_be_answered_first(qtbot, dock, database):
    # A database that cannot be written to is not offered.
    with Database.open(database.path, read_only=True) as read_only:
        dock.where.places.show_database(read_only)
        assert not dock.where.places.into_database.isEnabled()
        assert not dock.where.places.destinations.into_database
        dock.where.places.show_database(database)
    # A node makes the warning graver.
    assert "Not for clinical use" in dock.warning.text()
    add_node(Node("PACS", host="127.0.0.1", port=1))
    dock.session.network.nodes_changed.emit()
    dock.where.places.to_node.click()
    assert dock.where.places.destinations.node.name == "PACS"
    assert "PACS keeps" in dock.warning.text()
    dock.where.places.to_node.click()
    assert "PACS" not in dock.warning.text()
    # A description that is too long.
    type_into(qtbot, dock.page.options.fields["description"], "x" * 65)
    assert "series description" in dock.problem.text()
    assert not dock.export_button.isEnabled()
    dock.page.options.fields["description"].clear()
    # A question that has no answer yet.
    card = dock.page.cards.cards[1]
    click(qtbot, card)
    assert card.radio.isChecked()
    assert "what to do" in dock.problem.text()
    assert not dock.export_button.isEnabled()
    qtbot.keyClick(dock.page.options.fields["shape"], KEY.Key_Down)
    assert dock.export_button.isEnabled()
    assert dock.problem.isHidden()


def test_export_into_the_database_with_options(qtbot, dock, database, exporter):
    fields = dock.page.options.fields
    type_into(qtbot, fields["description"], "Prüfung")
    qtbot.keyClick(fields["level"], KEY.Key_Down)
    qtbot.keyClick(fields["signed"], KEY.Key_Space)
    type_into(qtbot, fields["factor"], "2.25")
    type_into(qtbot, fields["series_number"], "71")
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    (series,) = new_series(database)
    assert (series.description, series.number, series.storage) == ("Prüfung", 71, "copied")
    said = exporter.written[-1]
    assert (said["level"], said["signed"], said["factor"]) == ("high", True, 2.25)
    told = dock.work.outcome.text()
    assert "1 object written, added to the database" in told
    assert "What changes: all slices but one" in told
    (instance,) = database.instances(series.uid)
    header = dcmread(instance.path)
    assert header.StudyInstanceUID == database.studies()[0].uid
    assert header.PatientID == "PHANTOM-ADA"


def test_the_result_is_selected_in_the_browser_with_its_picture(
    window, qtbot, viewer, dock, database
):
    _, browser = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM browser")
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    (series,) = new_series(database)
    qtbot.waitUntil(
        lambda: [s.uid for s in browser.views.selected_series()] == [series.uid], timeout=20_000
    )
    assert database.thumbnail_image(series) is not None


def test_a_browser_that_is_closed_is_opened_when_asked_for(window, qtbot, viewer, dock, database):
    click(qtbot, dock.export_button)
    button = dock.work.browser_button
    qtbot.waitUntil(lambda: not button.isHidden(), timeout=20_000)
    click(qtbot, button)
    qtbot.waitUntil(lambda: find_dock(viewer, "DICOM browser") is not None, timeout=20_000)
    browser = find_dock(viewer, "DICOM browser")
    (series,) = new_series(database)
    qtbot.waitUntil(
        lambda: [s.uid for s in browser.views.selected_series()] == [series.uid], timeout=20_000
    )


def test_into_a_folder_only(qtbot, dock, database, tmp_path):
    dock.show_page("study")
    places = dock.where.places
    type_into(qtbot, places.folder, str(tmp_path / "out"))
    assert places.to_folder.isChecked()
    places.into_database.click()
    assert not places.into_database.isChecked()
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    assert new_series(database) == []
    (file,) = (tmp_path / "out").rglob("*.dcm")
    assert dcmread(file).SeriesDescription == "a result"


@pytest.mark.parametrize("name", ["out", "../out", "~nobody-of-this-name/out", ""])
def test_a_folder_within_nobody_knows_which(qtbot, dock, name):
    # Of napari itself, where it was started: that is no place for results.
    dock.show_page("study")
    places = dock.where.places
    type_into(qtbot, places.folder, name)
    places.to_folder.setChecked(True)
    assert "folder" in dock.problem.text()
    assert not dock.export_button.isEnabled()
    assert places.destinations.folder is None
    type_into(qtbot, places.folder, "~/out")
    assert places.destinations.folder == Path.home() / "out"
    assert dock.export_button.isEnabled()


def test_a_new_study_by_the_form(qtbot, dock, database):
    dock.show_page("study")
    study = dock.where.study
    study.new.click()
    assert not dock.export_button.isEnabled()
    assert "a patient needs an ID" in dock.problem.text()
    type_into(qtbot, study.fields["patient_id"], "NEW-7")
    type_into(qtbot, study.fields["patient_name"], "Né^Zoë")
    type_into(qtbot, study.fields["patient_birth_date"], "1980-02-31")
    assert not study.problems["patient_birth_date"].isHidden()
    assert not dock.export_button.isEnabled()
    type_into(qtbot, study.fields["patient_birth_date"], "1980-02-28")
    assert study.problems["patient_birth_date"].isHidden()
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    (series,) = new_series(database)
    (patient,) = [p for p in database.patients() if p.patient_id == "NEW-7"]
    assert series.patient_key == patient.key
    assert (patient.name, patient.birth_date) == ("Né^Zoë", "1980-02-28")


def test_another_study_is_found_by_words(qtbot, dock, database, tmp_path):
    (made,) = write_phantom_study(tmp_path / "more", ("axial-ct",), matrix=16, slices=4)
    for path in made.paths:
        one = dcmread(path)
        one.PatientID, one.PatientName = "OTHER", "Other^Person"
        one.StudyInstanceUID, one.SeriesInstanceUID = "2.25.71", "2.25.72"
        one.SOPInstanceUID = f"2.25.73{one.InstanceNumber}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.save_as(path)
    database.import_paths([tmp_path / "more"], workers=0)
    study = dock.where.study
    dock.show_page("study")
    type_into(qtbot, study.search, "other")
    qtbot.waitUntil(
        lambda: study.list.count() == 1 and "Other" in study.list.item(0).text(), timeout=20_000
    )
    item = study.list.item(0)
    qtbot.mouseClick(study.list.viewport(), LEFT, pos=study.list.visualItemRect(item).center())
    assert study.study.uid == "2.25.71"
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    (series,) = new_series(database)
    assert series.study_uid == "2.25.71"


def test_preview_shows_attributes_and_sizes_and_leaves_nothing(qtbot, dock, database, exporter):
    click(qtbot, dock.preview_button)
    preview = dock.preview
    qtbot.waitUntil(lambda: preview.preview is not None, timeout=20_000)
    assert "1 object, " in preview.summary.text()
    (card,) = preview.cards
    told = [label.text() for label in card.findChildren(QLabel)]
    assert any(text.endswith("a result") for text in told)
    assert "Secondary Capture Image Storage" in told
    assert "What changes: all slices but one" in told
    assert not card.picture.pixmap().isNull()
    shown = [one.keyword for one in preview.preview.top]
    assert {"PatientID", "StudyInstanceUID", "SeriesDescription"} <= set(shown)
    type_into(qtbot, preview.search, "SeriesDescription")
    qtbot.waitUntil(lambda: preview.model.rowCount() == 1, timeout=20_000)
    folder = preview.preview.folder
    assert folder.is_relative_to(copies_folder())  # where the next one tidies up after a kill
    type_into(qtbot, dock.page.options.fields["description"], "another")
    assert "preview again" in preview.state.text()
    click(qtbot, dock.preview_button)
    before = preview.preview
    qtbot.waitUntil(lambda: preview.preview is not before, timeout=20_000)
    assert not folder.exists()
    assert new_series(database) == []


def test_errors_come_in_plain_words_and_nothing_is_written(qtbot, dock, database, exporter):
    exporter.fails = "its values do not fit"
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    assert dock.work.outcome.text() == "its values do not fit"
    assert dock.work.outcome.severity == "error"
    assert new_series(database) == []


def test_why_nothing_was_sent_is_said_once(qtbot, viewer, dock, database):
    second = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="Drawn")
    dock.show_layers([*viewer.layers])
    qtbot.waitUntil(lambda: dock.plans.plan(second) is not None, timeout=20_000)
    add_node(Node("away", host="127.0.0.1", port=1))
    dock.session.network.nodes_changed.emit()
    dock.where.places.to_node.click()
    qtbot.waitUntil(dock.export_button.isEnabled, timeout=20_000)
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    said = dock.work.outcome.text()
    assert "2 not sent: nothing listens" in said
    assert said.count("nothing listens") == 1
    assert len(new_series(database)) == 2


def test_a_study_removed_meanwhile(qtbot, dock, database):
    database.remove(study=database.studies()[0])
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    assert "has no study" in dock.work.outcome.text()
    dock.session.changed.emit()
    qtbot.waitUntil(lambda: dock.where.study.study is None, timeout=20_000)
    assert not dock.export_button.isEnabled()
    assert "removed" in dock.where.study.title.text()


def test_layers_follow_the_viewer(qtbot, viewer, dock):
    layers = dock.page.layers
    viewer.add_points([[0, 0, 0]])
    assert layers.count() == 2  # the last row is the whole viewer
    second = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="Drawn")
    assert layers.layers()[0].name == "Drawn"
    assert layers.checked() == [second]
    second.name = "Renamed"
    assert layers.item(0).text() == "Renamed"
    viewer.layers.remove(second)
    assert layers.count() == 2


def test_layers_that_are_removed_are_let_go_of(qtbot, viewer, dock, database):
    # Their arrays stayed as long as the dock did.
    array = np.ones((2, 3, 4), np.uint8)
    held = weakref.ref(array)
    viewer.add_labels(array, name="Drawn")
    dock.plans.set_made_on(viewer.layers["Drawn"], None)
    qtbot.waitUntil(lambda: not dock.plans.is_busy, timeout=20_000)
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    viewer.layers.selection.active = viewer.layers[0]
    viewer.layers.remove("Drawn")
    viewer.layers.selection.clear()  # napari keeps what was selected last
    del array
    gc.collect()
    assert held() is None


def test_several_layers_become_a_series_each(qtbot, viewer, dock, database):
    second = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="Drawn")
    layers = dock.page.layers
    row = layers.item(1)
    place = layers.visualItemRect(row)
    layers.setCurrentItem(row)
    qtbot.keyClick(layers, KEY.Key_Space)
    assert len(layers.checked()) == 2, place
    assert second in layers.checked()
    qtbot.waitUntil(dock.export_button.isEnabled, timeout=20_000)
    click(qtbot, dock.preview_button)
    qtbot.waitUntil(lambda: dock.preview.preview is not None, timeout=20_000)
    numbers = [row.number for row in dock.preview.preview.rows]
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    assert len(new_series(database)) == 2
    assert sorted(s.number for s in new_series(database)) == sorted(numbers)
    assert len(set(numbers)) == 2


def test_labels_layers_together(qtbot, viewer, dock, exporter, database):
    first = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="One")
    second = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="Two")
    viewer.layers.selection = {first, second}
    assert not dock.page.together.isHidden()
    dock.page.together.click()
    qtbot.waitUntil(lambda: len(dock.plans.ways()) == 1, timeout=20_000)
    (way,) = dock.plans.ways()
    assert {way.source.name, *(one.name for one in way.source.together)} == {"One", "Two"}


def test_what_is_drawn_meanwhile_is_written(qtbot, viewer, dock, database):
    layer = viewer.add_labels(np.zeros((2, 3, 4), np.uint8), name="Drawn")
    qtbot.waitUntil(lambda: dock.plans.plan(layer) is not None, timeout=20_000)
    layer.data_setitem((np.array([0]), np.array([1]), np.array([2])), 5)
    layer.data = layer.data.copy()
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    (series,) = new_series(database)
    (instance,) = database.instances(series.uid)
    assert dcmread(instance.path).pixel_array[1, 2] == 5


def test_a_layer_nobody_can_write(qtbot, viewer, dock, monkeypatch):
    def refuse(layer, database, *, frame=None):
        raise ExportError("it has five colours", reason="cannot-be-written")

    monkeypatch.setattr(_export_work, "source_of", refuse)
    layer = viewer.add_image(np.zeros((3, 4)), name="Odd")
    qtbot.waitUntil(lambda: dock.plans.plan(layer) is not None, timeout=20_000)
    assert "it has five colours" in dock.problem.text()
    assert "it has five colours" in dock.page.note.text()
    assert not dock.export_button.isEnabled()


def test_keys(window, qtbot, viewer, dock, database):
    viewer.show()
    with qtbot.waitActive(dock.window()):
        dock.window().activateWindow()
    for number in (2, 3, 1):
        dock.tabs.currentWidget().setFocus()
        key = getattr(KEY, f"Key_{number}")
        qtbot.keyClick(dock.window(), key, Qt.KeyboardModifier.AltModifier)
        assert dock.tabs.currentIndex() == number - 1
    qtbot.keyClick(dock.window(), KEY.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    assert len(new_series(database)) == 1


@pytest.fixture
def slow(exporter, monkeypatch):
    """Let the exporter wait at the gate until it is opened."""
    gate = Gate()
    write = exporter.write

    def waiting(*args, progress, **kwargs):
        gate.reached.set()
        gate.opened.wait(20)
        progress(0, 2, "Going on")
        return write(*args, progress=progress, **kwargs)

    monkeypatch.setattr(exporter, "write", waiting)
    yield gate
    gate.opened.set()


class Gate:
    def __init__(self):
        self.reached, self.opened = Event(), Event()


def test_cancel_leaves_nothing(qtbot, dock, database, slow):
    click(qtbot, dock.export_button)
    qtbot.waitUntil(slow.reached.is_set, timeout=20_000)
    click(qtbot, dock.work.cancel_button)
    assert "cancelling" in dock.work.label.text()
    slow.opened.set()
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    assert "Cancelled" in dock.work.outcome.text()
    assert new_series(database) == []


def test_several_exports_one_after_another(qtbot, dock, viewer, database, slow):
    description = dock.page.options.fields["description"]
    type_into(qtbot, description, "first")
    click(qtbot, dock.export_button)
    qtbot.waitUntil(slow.reached.is_set, timeout=20_000)
    type_into(qtbot, description, "second")
    assert dock.export_button.isEnabled()
    click(qtbot, dock.export_button)
    assert "1 export waiting" in dock.work.label.text()
    slow.opened.set()
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    assert [s.description for s in new_series(database)] == ["first", "second"]
    assert len({s.number for s in new_series(database)}) == 2
    assert dock.work.outcome.text().count("1 object written, added to the database.") == 2


def test_what_waits_is_written_as_it_was_when_asked(qtbot, dock, viewer, database, slow):
    click(qtbot, dock.export_button)
    qtbot.waitUntil(slow.reached.is_set, timeout=20_000)
    labels = viewer.add_labels(np.full((2, 3, 4), 7, np.uint8), name="Drawn")
    qtbot.waitUntil(lambda: dock.plans.plan(labels) is not None, timeout=20_000)
    click(qtbot, dock.export_button)
    session = dock.session.exports
    qtbot.waitUntil(lambda: session.runs[1].task is not None, timeout=20_000)
    labels.fill((0, 0, 0), 9)  # while it waits
    slow.opened.set()
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    images = [database.instances(s.uid)[0].path for s in new_series(database)]
    assert 7 in {int(dcmread(path).pixel_array.max()) for path in images}
    assert labels.data.max() == 9


def test_it_goes_on_when_the_dock_is_closed(window, qtbot, dock, viewer, database, slow):
    _, browser = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM browser")
    click(qtbot, dock.export_button)
    qtbot.waitUntil(slow.reached.is_set, timeout=20_000)
    strip = browser.menus.writing
    assert not strip.isHidden()
    close(viewer, dock)
    slow.opened.set()
    qtbot.waitUntil(lambda: len(new_series(database)) == 1, timeout=20_000)
    # There is no dock to tell of it: the browser does.
    qtbot.waitUntil(lambda: "1 object written" in strip.outcome.text(), timeout=20_000)
    assert not strip.outcome.isHidden()
    _, again = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM export")
    assert "1 object written" in again.work.outcome.text()


def test_without_any_dock_it_is_written_all_the_same(window, qtbot, dock, viewer, database, slow):
    exports = dock.session.exports
    click(qtbot, dock.export_button)
    qtbot.waitUntil(slow.reached.is_set, timeout=20_000)
    close(viewer, dock)
    slow.opened.set()
    qtbot.waitUntil(lambda: not exports.is_busy, timeout=20_000)
    (run,) = exports.results
    assert run.report.imported == 1
    assert len(new_series(database)) == 1


def test_a_window_that_closes_waits(window, qtbot, dock, viewer, database, slow):
    click(qtbot, dock.export_button)
    qtbot.waitUntil(slow.reached.is_set, timeout=20_000)
    seen = []

    def look():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, ClosingDialog):
            QTimer.singleShot(20, look)
            return
        seen.append(dialog.label.text())
        slow.opened.set()

    QTimer.singleShot(0, look)
    guard = dock.window().findChild(_Guard)
    assert guard.eventFilter(dock.window(), QCloseEvent()) is False
    assert "still being written" in seen[0]
    assert not dock.session.exports.is_busy
    assert len(new_series(database)) == 1


def test_a_window_that_closes_stops_it_when_told_to(window, qtbot, dock, viewer, database, slow):
    click(qtbot, dock.export_button)
    qtbot.waitUntil(slow.reached.is_set, timeout=20_000)

    def stop():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, ClosingDialog):
            QTimer.singleShot(20, stop)
            return
        qtbot.mouseClick(dialog.stop_button, LEFT)
        slow.opened.set()

    QTimer.singleShot(0, stop)
    dock.window().findChild(_Guard).eventFilter(dock.window(), QCloseEvent())
    assert new_series(database) == []


def test_the_folder_is_opened(qtbot, dock, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(_export_strip, "show_in_folder", opened.append)
    type_into(qtbot, dock.where.places.folder, str(tmp_path / "out"))
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    click(qtbot, dock.work.folder_button)
    (file,) = (tmp_path / "out").rglob("*.dcm")
    assert opened == [file.parent]
    dock.work.outcome._close.click()
    assert dock.work.isHidden()


def test_choices_are_kept_for_the_next_time(qtbot, dock, tmp_path, viewer):
    type_into(qtbot, dock.where.places.folder, str(tmp_path / "kept"))
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    from napari_dicomdb.widgets._export_places import PlaceChooser

    again = PlaceChooser()
    qtbot.addWidget(again)
    assert again.folder.text() == str(tmp_path / "kept")
    assert again.to_folder.isChecked()
    assert again.into_database.isChecked()


def test_a_newer_class_has_its_name(qtbot, dock, exporter, monkeypatch):
    monkeypatch.setitem(_export_work._NEWER, SecondaryCaptureImageStorage, "A newer class")
    click(qtbot, dock.preview_button)
    qtbot.waitUntil(lambda: dock.preview.preview is not None, timeout=20_000)
    assert dock.preview.preview.rows[0].sop_class == "A newer class"


@pytest.mark.parametrize("size", [9, 18])
def test_the_pages_fit_a_narrow_dock(window, qtbot, dock, exporter, viewer, size):
    """At 300 pixels nothing is cut, with letters of the usual size; twice as large scroll."""
    get_settings().appearance.font_size = size
    long = "Write it although the image is in quite another frame of reference"
    exporter.needs = (*NEEDS, Need("long", long, "bool", False))
    layer = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="Drawn" * 20)
    qtbot.waitUntil(lambda: dock.plans.plan(layer) is not None, timeout=20_000)
    widest = 300 - 12 if size == 9 else 480
    for page in (dock.page, dock.where, dock.preview, dock.view):
        wide = {
            f"{type(one).__name__} {one.accessibleName()}": one.minimumSizeHint().width()
            for one in page.findChildren(QWidget)
        }
        assert page.minimumSizeHint().width() <= widest, max(wide.items(), key=lambda x: x[1])
    field = dock.page.options.fields["long"]
    words = field.parentWidget().findChild(QLabel)
    click(qtbot, words)
    assert field.isChecked()
    assert dock.plans.plan(layer).way.answers["long"] is True


def test_without_a_viewer(qtbot, database, exporter):
    widget = DicomExport()
    qtbot.addWidget(widget)
    qtbot.waitUntil(lambda: widget.session.database is not None, timeout=20_000)
    assert "Open or draw something first" in widget.page.note.text()
    assert not widget.export_button.isEnabled()


def test_segments_are_named_and_coded(qtbot, viewer, dock, exporter):
    known = meanings_of(plain_source(dock.page.layers.current(), None), [1, 2])
    rows = [replace(known[0], label="Liver").to_json(), known[1].to_json()]
    exporter.needs = (*NEEDS, Need("segments", "Segments", "segments", rows))
    layer = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="Drawn")
    qtbot.waitUntil(lambda: dock.plans.plan(layer) is not None, timeout=20_000)
    table = dock.page.segments
    assert [row.label for row in table.model.rows] == ["Liver", "Segment 2"]
    icon = table.model.data(table.model.index(0, 0), Qt.ItemDataRole.DecorationRole)
    swatch = icon.pixmap(16, QIcon.Mode.Selected).toImage().pixelColor(8, 8)
    assert swatch.getRgb()[:3] == tuple(table.model.rows[0].colour)  # not tinted when selected
    # A name is typed into the table, and says what it is.
    index = table.model.index(1, 1)
    table.table.selectRow(1)
    table.table.edit(index)
    editor = table.table.findChild(QLineEdit)
    type_into(qtbot, editor, "liver")
    qtbot.keyClick(editor, KEY.Key_Return)
    qtbot.waitUntil(lambda: table.model.rows[1].type.value == "10200004")
    # Another type is picked from the list.
    click(qtbot, table.type)
    picker = table.type.dialog
    type_into(qtbot, picker.search, "kidney")
    assert picker.list.item(0).text() == "Kidney"
    qtbot.keyClick(picker.search, KEY.Key_Return)
    assert table.model.rows[1].type.meaning == "Kidney"
    click(qtbot, table.side)
    type_into(qtbot, table.side.dialog.search, "left")
    qtbot.keyClick(table.side.dialog.search, KEY.Key_Return)
    for key in (KEY.Key_Home, KEY.Key_End):
        qtbot.keyClick(table.algorithm, key)
    table.algorithm.activated.emit(table.algorithm.currentIndex())
    assert "by which algorithm" in dock.problem.text()
    assert table.model.data(table.model.index(1, 3)) == "By a program"
    type_into(qtbot, table.algorithm_name, "TotalSegmentator")
    assert dock.problem.isHidden()
    type_into(qtbot, table.tracking, "kidney-1")
    (way,) = dock.plans.ways()
    one = meanings_from(way.answers["segments"], known)[1]
    assert (one.label, one.type.meaning, one.type_modifier.meaning) == ("liver", "Kidney", "Left")
    assert (one.algorithm_type, one.algorithm_name) == ("AUTOMATIC", "TotalSegmentator")
    assert one.tracking_id == "kidney-1"
    # What was said outlives a stroke of the brush.
    layer.data = layer.data.copy()
    dock.page.layers.settle()
    qtbot.waitUntil(lambda: not dock.plans.is_busy, timeout=20_000)
    assert table.model.rows[1].tracking_id == "kidney-1"


def test_how_segments_were_made_is_said_in_the_same_words(qtbot, viewer, dock, exporter):
    known = meanings_of(plain_source(dock.page.layers.current(), None), [1, 2])
    choices = (("MANUAL", "By hand"), ("AUTOMATIC", "By a program"))
    exporter.needs = (
        Need("segments", "Segments", "segments", [one.to_json() for one in known]),
        Need("algorithm_type", "All segments were made", "choice", "MANUAL", choices),
        Need("algorithm_name", "By which program", "text", ""),
    )
    layer = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="Drawn")
    qtbot.waitUntil(lambda: dock.plans.plan(layer) is not None, timeout=20_000)
    table = dock.page.segments
    made = lambda: [table.model.data(table.model.index(row, 3)) for row in (0, 1)]  # noqa: E731
    assert made() == ["By hand", "By hand"]
    assert table.algorithm.itemText(0) == "As all: by hand"
    assert not table.algorithm_name.isEnabled()
    # What holds for all is seen at each of them.
    qtbot.keyClick(dock.page.options.fields["algorithm_type"], KEY.Key_End)
    assert made() == ["By a program"] * 2
    assert table.algorithm.currentText() == "As all: by a program"
    # A segment that says that a program made it needs no name where all have one.
    table.table.selectRow(1)
    qtbot.keyClick(table.algorithm, KEY.Key_End)
    table.algorithm.activated.emit(table.algorithm.currentIndex())
    assert "by which algorithm" in dock.problem.text()
    type_into(qtbot, dock.page.options.fields["algorithm_name"], "nnU-Net")
    assert dock.problem.isHidden()


def test_a_long_name_of_a_layer_is_cut_in_the_list(qtbot, viewer, dock):
    viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="very long name " * 20)
    layers = dock.page.layers
    layers.setFixedWidth(200)
    row = layers.visualItemRect(layers.item(0))
    assert row.width() <= layers.viewport().width()
    assert row.height() >= layers.fontMetrics().height()


def test_drawn_labels_refer_to_the_image_below(qtbot, viewer, dock, phantom):
    layer = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="Drawn")
    qtbot.waitUntil(lambda: dock.plans.plan(layer) is not None, timeout=20_000)
    base = viewer.layers[0]
    assert dock.page.made_on.currentData() is base
    source = dock.plans.plan(layer).source
    assert set(source.references) == set(base.metadata["dicomdb"]["instance_uids"])
    assert source.study_uid == base.metadata["dicomdb"]["study_uid"]
    qtbot.keyClick(dock.page.made_on, KEY.Key_Down)
    dock.page.made_on.activated.emit(1)
    qtbot.waitUntil(lambda: not dock.plans.is_busy, timeout=20_000)
    assert dock.plans.plan(layer).source.references == ()


def test_from_the_menu_of_layers(qtbot, make_napari_viewer, database, exporter):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((2, 3, 4)), name="One")
    viewer.add_image(np.zeros((2, 3, 4)), name="Two")
    viewer.layers.selection = {viewer.layers["One"]}
    open_by_menu(viewer, "Layers", "Data", "DICOM export")
    dock = find_dock(viewer, "DICOM export")
    assert [layer.name for layer in dock.page.layers.checked()] == ["One"]
    # What is selected in napari's list from now on is what will be written.
    viewer.layers.selection = {viewer.layers["Two"]}
    assert [layer.name for layer in dock.page.layers.checked()] == ["Two"]
    # However it was opened, there is one.
    assert show_export(viewer) is dock
    assert len(viewer.window.dock_widgets) == 1
    qtbot.waitUntil(lambda: not dock.plans.is_busy, timeout=20_000)


def test_a_sheared_image_is_resampled_only_when_told(window, qtbot, viewer, database, phantom):
    loadable = next(x for x in database.examine(phantom["axial-ct"].series_uid) if x.selected)
    data, kwargs, _ = loadable.to_layers(loadable.load())[0]
    image = viewer.add_image(data, **kwargs)
    image.shear = [0.0, 0.0, 0.3]  # rows against columns
    _, dock = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM export")
    plans = dock.plans
    qtbot.waitUntil(
        lambda: not plans.is_busy and dock.where.study.study is not None, timeout=20_000
    )
    (plan,) = plans.chosen()
    asked = dock.page.options.fields["geometry"]
    assert not dock.export_button.isEnabled()
    assert "sheared" in dock.problem.text()
    assert [asked.itemData(k) for k in range(asked.count())] == ["resample"]
    qtbot.keyClick(asked, KEY.Key_Down)
    assert dock.problem.isHidden()
    click(qtbot, dock.export_button)
    qtbot.waitUntil(is_idle(dock), timeout=20_000)
    (made,) = [
        s for s in database.series() if s.uid not in {p.series_uid for p in phantom.values()}
    ]
    header = dcmread(database.instances(made.uid)[0].path)
    row, column = np.reshape(np.array(header.ImageOrientationPatient, float), (2, 3))
    assert abs(row @ column) < 1e-6
    assert plan.source.geometry is not None


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        ("patient_name", "Yamada^Tarou=山田^太郎=やまだ^たろう", ""),
        ("patient_name", "Müller^Änne^^Dr.", ""),
        ("patient_name", "a=b=c=d", "at most 3 groups"),
        ("patient_name", "a\\b", "backslash"),
        ("patient_id", "x" * 65, "at most 64"),
        ("patient_birth_date", "1980-02-31", "no such date"),
        ("study_id", "x" * 17, "at most 16"),
    ],
)
def test_the_form_checks_what_is_typed(qtbot, user_folders, field, text, problem):
    runner = TaskRunner("form")
    chooser = StudyChooser(runner)
    qtbot.addWidget(chooser)
    chooser.new.setChecked(True)
    chooser.fields["patient_id"].setText("7")
    line, words = chooser.fields[field], chooser.problems[field]
    type_into(qtbot, line, text)
    if problem:
        assert problem in words.text()
        assert not words.isHidden()
        assert chooser.problem().endswith(words.text())
        line.clear()
        type_into(qtbot, chooser.fields["patient_id"], "7")
    assert words.isHidden()
    assert chooser.problem() == ""
    runner.close()
