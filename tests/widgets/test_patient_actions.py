"""The menu entries about identities, through the browser's own menu."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt


@pytest.fixture
def choose(browser):
    """Trigger the entry of the context menu of records; give the dialog."""

    def chosen(records, label):
        menu = browser.actions_.menu(records)
        (action,) = [a for a in menu.actions() if a.text().partition("\t")[0] == label]
        assert action.isEnabled()
        action.trigger()
        return browser.menus.patients.dialog

    return chosen


def test_patients_and_studies(browser, choose, qtbot):
    (patient,) = browser.database.patients()
    (study,) = browser.database.studies()
    dialog = choose([patient], "Patient identities…")
    with qtbot.waitSignal(dialog.filled):
        assert dialog.isVisible()
    assert dialog.tree.topLevelItem(0).text(1) == patient.patient_id
    assert dialog.checked_studies() == []
    qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()
    again = choose([study], "Split…")
    assert again is dialog
    with qtbot.waitSignal(dialog.filled):
        assert dialog.isVisible()
    assert [s.key for s in dialog.checked_studies()] == [study.key]


def test_several_patients(browser, choose, qtbot, tmp_path):
    (patient,) = browser.database.patients()
    dialog = choose([patient, patient], "Merge patients…")
    with qtbot.waitSignal(dialog.filled):
        pass
    assert not dialog.merge_button.isEnabled()  # it is one and the same
