"""Export and anonymisation through the menus of a real browser."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from browser_hands import pick_row
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QMenu

from napari_dicomdb.viewer.browse import find_dock
from napari_dicomdb.widgets.deidentify_dialog import DeidentifyDialog
from napari_dicomdb.widgets.export_dialog import ExportDialog

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def choose(browser, qtbot):
    """Open the context menu of what is selected, and click an entry; give the dialog."""

    def chosen(label):
        browser.menus._show(browser.mapToGlobal(browser.rect().center()))
        menu = next(m for m in browser.findChildren(QMenu) if m.isVisible())
        (action,) = [a for a in menu.actions() if a.text().partition("\t")[0] == label]
        assert action.isEnabled()
        qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())
        return browser.menus.exports.dialog

    browser.window().show()
    return chosen


def _select(browser, qtbot, index):
    view = browser.lists.series
    qtbot.mouseClick(view.viewport(), LEFT, pos=view.visualRect(index).center())
    qtbot.waitUntil(lambda: len(browser.views.selected_records()) == 1)


def test_a_series_is_exported(browser, choose, qtbot, phantom, tmp_path):
    row = browser.lists.series_model.row_of(phantom["axial-ct"].series_uid)
    _select(browser, qtbot, browser.lists.series_model.index(row, 1))
    dialog = choose("Export…")
    assert isinstance(dialog, ExportDialog)
    assert dialog.isVisible()
    assert "1 series with 8 files" in dialog.heading.text()
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    with qtbot.waitSignal(dialog.exported, timeout=20_000):
        qtbot.mouseClick(dialog.export_button, LEFT)
    qtbot.waitUntil(lambda: dialog.cancel_button.text() == "Close")
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 8
    qtbot.mouseClick(dialog.cancel_button, LEFT)


def test_a_series_is_anonymised_and_comes_back(browser, choose, qtbot, phantom, tmp_path):
    row = browser.lists.series_model.row_of(phantom["axial-ct"].series_uid)
    _select(browser, qtbot, browser.lists.series_model.index(row, 1))
    dialog = choose("Anonymise…")
    assert isinstance(dialog, DeidentifyDialog)
    assert "Anonymise 1 series with 8 files" in dialog.heading.text()
    qtbot.waitUntil(lambda: dialog.form.table.rowCount() > 5, timeout=20_000)
    qtbot.keyClicks(dialog.target, str(tmp_path / "out"))
    dialog.add_to.setFocus()
    qtbot.keyClick(dialog.add_to, Qt.Key.Key_Space)
    with qtbot.waitSignal(dialog.exported, timeout=20_000):
        qtbot.mouseClick(dialog.export_button, LEFT)
    qtbot.waitUntil(lambda: dialog.cancel_button.text() == "Close")
    copies = [pydicom.dcmread(p) for p in (tmp_path / "out").rglob("*.dcm")]
    assert len(copies) == 8
    assert {c.PatientIdentityRemoved for c in copies} == {"YES"}
    qtbot.waitUntil(lambda: len(browser.database.patients()) == 2)
    qtbot.mouseClick(dialog.cancel_button, LEFT)


LEVELS = {
    "patients": ("patient_model", "1 patient", "Write layers to a new study…"),
    "studies": ("study_model", "1 study", "Write layers to this study…"),
    "series": ("series_model", "1 series", "Write layers to this study…"),
}


@pytest.mark.parametrize("level", LEVELS)
def test_the_menu_of_each_level(browser, qtbot, level):
    """By the right button on a row: copies, anonymised copies, layers."""
    model, named, writing = LEVELS[level]
    view, index = getattr(browser.lists, level), getattr(browser.lists, model).index(0, 0)
    browser.window().show()
    for label, kind in (("Export…", ExportDialog), ("Anonymise…", DeidentifyDialog)):
        pick_row(qtbot, view, index, label)
        dialog = browser.menus.exports.dialog
        assert isinstance(dialog, kind)
        assert named in dialog.heading.text()
        dialog.reject()
    with pytest.raises(AssertionError):
        pick_row(qtbot, view, index, writing)  # nothing to write yet
    QApplication.activePopupWidget().close()
    viewer = browser._viewer
    viewer.add_image(np.zeros((4, 8, 8), np.uint8), name="result")
    pick_row(qtbot, view, index, writing)
    dock = find_dock(viewer, "DICOM export")
    study = dock.where.study
    (patient,) = browser.database.patients()
    if level == "patients":
        assert study.new.isChecked()
        assert study.fields["patient_name"].text() == patient.name
        assert study.fields["patient_id"].text() == patient.patient_id
        assert study.sex.currentData() == patient.sex
        assert study.problem() == ""
    else:
        qtbot.waitUntil(lambda: study.study is not None, timeout=20_000)
        assert study.study.uid == browser.database.studies()[0].uid
    qtbot.waitUntil(lambda: not dock.plans.is_busy, timeout=20_000)
    assert [layer.name for layer in dock.page.layers.checked()] == ["result"]
