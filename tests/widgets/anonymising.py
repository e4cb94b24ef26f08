"""What a person does to have copies anonymised: tick, choose, type, agree."""

from __future__ import annotations

from qtpy.QtCore import QPoint, Qt

LEFT = Qt.MouseButton.LeftButton


def press_tick(qtbot, row):
    """Press "Anonymise first"."""
    qtbot.mouseClick(row.tick, LEFT, pos=QPoint(8, row.tick.height() // 2))


def tick(qtbot, row):
    """Tick "Anonymise first"; return the dialog of its choices when its preview is there."""
    press_tick(qtbot, row)
    dialog = row.dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.form.table.rowCount() > 0, timeout=20_000)
    return dialog


def press(qtbot, dialog, kind):
    """Press "Use these" (Ok) or "Cancel"."""
    qtbot.mouseClick(dialog.ok_button if kind == "Ok" else dialog.cancel_button, LEFT)


def type_mapping(qtbot, form, path, passphrase="", *, project=""):
    """Type a project, the path of a mapping, and the passphrase twice."""
    if project:
        form.project.setFocus()
        qtbot.keyClicks(form.project.lineEdit(), project)
    form.mapping.path.setFocus()
    form.mapping.path.selectAll()
    qtbot.keyClicks(form.mapping.path, str(path))
    for line in (form.mapping.passphrase, form.mapping.again):
        if passphrase:
            line.selectAll()
            qtbot.keyClicks(line, passphrase)
