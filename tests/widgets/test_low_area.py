"""A form keeps its height: it scrolls, and is never squeezed."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFormLayout, QLineEdit, QSizePolicy, QTextEdit, QVBoxLayout, QWidget

from napari_dicomdb.widgets.low_area import LowArea


@pytest.fixture
def make(qtbot):
    """Show a form of so many lines above something that wants 200 pixels."""

    kept = []  # pytest-qt keeps weak references

    def made(lines, height):
        form = QWidget()
        layout = QFormLayout(form)
        for number in range(lines):
            layout.addRow(f"Line {number}", QLineEdit())
        whole, rest = QWidget(), QTextEdit()
        rest.setMinimumHeight(200)
        rest.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        column = QVBoxLayout(whole)
        area = LowArea(form)
        column.addWidget(area)
        column.addWidget(rest, 1)
        kept.append(whole)
        qtbot.addWidget(whole)
        whole.resize(400, height)
        with qtbot.waitExposed(whole):
            whole.show()
        return area, form

    return made


def test_no_higher_than_the_form(make):
    area, form = make(4, 900)
    assert area.height() == area.sizeHint().height() < 400
    assert form.height() == area.viewport().height()
    assert area.verticalScrollBar().maximum() == 0


def test_scrolls_where_there_is_less(make):
    area, form = make(12, 330)
    assert form.height() >= form.sizeHint().height() > area.height()
    assert area.verticalScrollBar().maximum() == form.height() - area.viewport().height()


def test_grows_with_the_form(qtbot, make):
    area, form = make(2, 900)
    before = area.height()
    form.layout().addRow("One more", QLineEdit())
    qtbot.waitUntil(lambda: area.height() > before)
    assert area.verticalScrollBar().maximum() == 0
