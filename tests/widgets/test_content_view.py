"""The content window: searching, copying, turning pages, following references."""

from __future__ import annotations

import shutil

import pytest
from pydicom.data import get_testdata_file
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from napari_dicomdb import examine
from napari_dicomdb.dicom.content import ContentNode, ContentTree
from napari_dicomdb.widgets.content_pages import pages_of_loadables
from napari_dicomdb.widgets.content_view import ContentView

REPORT = get_testdata_file("test-SR.dcm")


class Found:
    """A series in a database."""

    modality = "CT"
    description = "Thorax"
    protocol = body_part = ""


@pytest.fixture
def known():
    """UIDs in the database."""
    return {}


@pytest.fixture
def view(qtbot, palette, known):
    made = ContentView(lambda uids: {u: known[u] for u in uids if u in known}, palette)
    qtbot.addWidget(made)
    made.resize(500, 600)
    made.show()
    return made


@pytest.fixture
def report(view, qtbot):
    pages = pages_of_loadables(examine(REPORT))
    with qtbot.waitSignal(view.shown):
        view.show_pages(pages)
    return view


def rows(model, parent=QModelIndex()):  # noqa: B008
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        yield index
        yield from rows(model, index)


def copied():
    return QGuiApplication.clipboard().text()


def test_all_is_shown_as_the_tree_says_it(report):
    said = [(n.label, n.value or n.reference) for t in report.content.nodes for n in t.walk()]
    shown = [(i.data(), i.siblingAtColumn(1).data()) for i in rows(report.filtered)]
    assert shown == said
    assert len(shown) == 34
    assert report.title.text() == "Comprehensive SR: Demonstration of SR Features"
    assert all(
        report.tree.isExpanded(i.parent()) for i in rows(report.filtered) if i.parent().isValid()
    )
    assert not report._pager.isVisible()
    assert not report.save_button.isVisible()


def test_search_keeps_what_lies_above(report):
    everything = [i.data() for i in rows(report.filtered)]
    report.search.setText("diameter")
    hits = list(rows(report.filtered))
    assert 0 < len(hits) < len(everything)
    found = [i for i in hits if "diameter" in f"{i.data()} {i.siblingAtColumn(1).data()}".lower()]
    assert found
    for index in found:
        above = index.parent()
        while above.isValid():
            assert report.tree.isExpanded(above)
            above = above.parent()
    report.search.clear()
    assert [i.data() for i in rows(report.filtered)] == everything


def test_copying(qtbot, report):
    with_value = next(
        i for i in rows(report.filtered) if report.model.node(report.filtered.mapToSource(i)).value
    )
    node = report.model.node(report.filtered.mapToSource(with_value))
    report.tree.setCurrentIndex(with_value)
    qtbot.keyClick(report.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert copied() == f"{node.label}: {node.value}"
    entries = {a.text().split("\t")[0]: a for a in report.menu(with_value).actions()}
    entries["Copy value"].trigger()
    assert copied() == node.value
    entries["Copy all as text"].trigger()
    assert copied().splitlines() == list(report.content.lines())


def test_pages_are_read_when_they_are_turned_to(qtbot, view):
    pages = pages_of_loadables(examine(REPORT, get_testdata_file("reportsi.dcm")))
    with qtbot.waitSignal(view.shown):
        view.show_pages(pages)
    first = view.title.text()
    assert view._pager.isVisible()
    assert view.spin.text() == "1 of 2"
    with qtbot.waitSignal(view.shown):
        view.slider.setValue(2)
    assert view.spin.value() == 2
    assert view.title.text() != first


def test_references_lead_to_series(qtbot, view, known):
    there, elsewhere = ContentNode("Image", "", (), "1.2.3"), ContentNode("Plan", "", (), "1.2.4")
    known["1.2.3"] = Found()
    tree = ContentTree("Report", "1.1", "1.9", (ContentNode("Uses", "", (there, elsewhere)),))
    page = pages_of_loadables(examine(REPORT))[0]
    view.show_pages([page], tree)
    (uses,) = [i for i in rows(view.filtered) if i.data() == "Uses"]
    here, missing = (view.filtered.index(r, 1, uses) for r in (0, 1))
    qtbot.waitUntil(lambda: here.data() == "CT Thorax")
    assert here.data(Qt.ItemDataRole.FontRole).underline()
    assert missing.data() == "1.2.4"
    assert "not in the database" in missing.data(Qt.ItemDataRole.ToolTipRole)
    with qtbot.waitSignal(view.series_requested) as caught:
        qtbot.mouseClick(
            view.tree.viewport(), Qt.MouseButton.LeftButton,
            pos=view.tree.visualRect(here).center(),
        )  # fmt: skip
    assert caught.args == [known["1.2.3"]]
    view.tree.clicked.emit(missing)
    qtbot.waitUntil(lambda: "1.2.4" in view.notice.text())
    assert view.notice.isVisible()


def test_a_file_that_is_gone_is_told(qtbot, view, tmp_path):
    path = tmp_path / "report.dcm"
    shutil.copy(REPORT, path)
    pages = pages_of_loadables(examine(path))
    path.unlink()
    view.show_pages(pages)
    qtbot.waitUntil(lambda: view.notice.isVisible())
    assert "report.dcm" in view.notice.text()
    assert view.model.rowCount() == 0


def test_documents_are_saved(qtbot, view, tmp_path, monkeypatch):
    from pydicom import dcmread
    from pydicom.uid import EncapsulatedPDFStorage

    dataset = dcmread(REPORT)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    del dataset.ContentSequence
    dataset.EncapsulatedDocument = b"%PDF-1.7 odd\0"
    dataset.EncapsulatedDocumentLength = 12
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.save_as(tmp_path / "letter.dcm")
    with qtbot.waitSignal(view.shown):
        view.show_pages(pages_of_loadables(examine(tmp_path / "letter.dcm")))
    assert view.save_button.isVisible()
    asked = []

    def choose(_parent, _title, name, _filter):
        asked.append(name)
        return str(tmp_path / "out"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    qtbot.mouseClick(view.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Saved" in view.notice.text())
    assert asked == ["letter.pdf"]
    assert (tmp_path / "out.pdf").read_bytes() == b"%PDF-1.7 odd"
