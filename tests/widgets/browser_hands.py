"""What a person does to the browser with the mouse; loaded by conftest.py."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtWidgets import QApplication, QMenu

KEY = Qt.Key
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, CONTROL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


def series_index(browser, phantom, name):
    model = browser.lists.series_model
    return model.index(model.row_of(phantom[name].series_uid), 0)


def click_row(qtbot, view, index, modifiers=NONE, button=LEFT):
    view.scrollTo(index)
    qtbot.mouseClick(view.viewport(), button, modifiers, view.visualRect(index).center())


def pick(qtbot, widget, place, label):
    """Open the menu at a place by the right button and click an entry of it."""
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, widget.mapToGlobal(place))
    QApplication.sendEvent(widget, event)
    click_entry(qtbot, QApplication.activePopupWidget(), label)


def click_entry(qtbot, menu, label):
    entries = {a.text().split("\t")[0]: a for a in menu.actions() if not a.isSeparator()}
    assert label in entries, f"offered: {', '.join(entries)}"
    assert entries[label].isEnabled()
    if next(iter(entries)) == label:
        # It lies under the mouse that opened the menu: Qt takes no click there.
        menu.setActiveAction(entries[label])
        qtbot.keyClick(menu, KEY.Key_Return)
    else:
        qtbot.mouseClick(menu, LEFT, NONE, menu.actionGeometry(entries[label]).center())


def pick_row(qtbot, view, index, label):
    view.scrollTo(index)
    pick(qtbot, view.viewport(), view.visualRect(index).center(), label)


def pick_card(qtbot, cards, spot, label):
    cards.area.bring_into_sight(spot)
    pick(qtbot, cards.area.viewport(), cards.area.rect_of(spot).center(), label)


def open_and_pick(qtbot, button, label):
    """Click a button, then an entry of the menu that it opens."""

    def choose():
        menu = QApplication.activePopupWidget()
        if isinstance(menu, QMenu):
            click_entry(qtbot, menu, label)
        else:
            QTimer.singleShot(20, choose)

    QTimer.singleShot(0, choose)
    qtbot.mouseClick(button, LEFT)


def layers_of(browser):
    return [layer.metadata["dicomdb"]["series_uid"] for layer in browser._viewer.layers]


def has_layers(browser, number):
    return lambda: len(browser._viewer.layers) == number


def clipboard():
    return QApplication.clipboard().text()


def open_by_menu(viewer, *titles):
    """Choose an entry of the menu bar of `viewer` by the beginnings of its titles."""
    menu = viewer.window._qt_window.menuBar()
    for title in titles:
        if hasattr(menu, "aboutToShow"):
            menu.aboutToShow.emit()
        (action,) = [a for a in menu.actions() if a.text().replace("&", "").startswith(title)]
        menu = action.menu() or menu
    action.trigger()
