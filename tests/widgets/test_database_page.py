"""Why a database does not open, and a button for each remedy."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.errors import DatabaseBusyError, DatabaseError, DatabaseVersionError
from napari_dicomdb.widgets._opening import OpenFailure, OpenRequest
from napari_dicomdb.widgets.database_page import DatabasePage, explain


def failure(tmp_path, error, **how):
    return OpenFailure(OpenRequest(tmp_path / "db", **how), error)


@pytest.mark.parametrize(
    ("error", "heading", "first"),
    [
        (DatabaseBusyError("locked"), "in use", "again"),
        (DatabaseVersionError("newer"), "another version", "again"),
        (DatabaseError("bad", reason="database-damaged"), "damaged", "repair"),
        (DatabaseError("full", reason="disk-full"), "disk is full", "again"),
        (DatabaseError("ro", reason="not-writable"), "cannot be written", "read-only"),
        (DatabaseError("other", reason="not-our-database"), "another program", "other"),
        (OSError("stale file handle"), "cannot be read", "again"),
        (DatabaseError("odd", reason="odd"), "cannot be opened", "again"),
    ],
)
def test_each_reason_has_words_and_remedies(tmp_path, error, heading, first):
    found = explain(failure(tmp_path, error))
    assert heading in found.heading
    assert found.text == str(error)
    assert found.remedies[0] == first
    assert "other" in found.remedies


def test_read_only_is_not_offered_again(tmp_path):
    found = explain(failure(tmp_path, DatabaseBusyError("locked"), read_only=True))
    assert "read-only" not in found.remedies


def test_buttons_by_mouse_and_keyboard(qtbot, tmp_path, palette):
    page = DatabasePage()
    qtbot.addWidget(page)
    page.apply_palette(palette)
    page.show_failure(failure(tmp_path, DatabaseError("x", reason="database-gone")), "Heads")
    page.show()
    shown = [name for name, button in page.buttons.items() if button.isVisible()]
    assert sorted(shown) == ["again", "back", "create", "other"]
    assert page.buttons["back"].text() == "Back to Heads"
    assert page.path.text() == str(tmp_path / "db")
    with qtbot.waitSignal(page.create_requested):
        qtbot.mouseClick(page.buttons["create"], Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(page.again_requested):
        qtbot.keyClick(page.buttons["again"], Qt.Key.Key_Space)
    page.show_failure(failure(tmp_path, DatabaseError("x", reason="not-our-database")))
    assert [name for name, button in page.buttons.items() if button.isVisible()] == ["other"]
    assert page.buttons["other"].objectName() == "primaryButton"
