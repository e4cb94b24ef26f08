"""Drawn icons."""

from __future__ import annotations

from typing import get_args

import pytest
from qtpy.QtGui import QColor

from napari_dicomdb.widgets._icons import IconName, icon, pixmap
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS


@pytest.mark.parametrize("name", get_args(IconName))
def test_each_draws_something_in_its_colour(qtbot, name):
    wanted = QColor(SEVERITY_COLOURS.get(name, "#12ab34"))
    image = pixmap(name, QColor("#12ab34"), 16, ratio=4).toImage()
    colours = {
        image.pixelColor(x, y).name()
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    }
    assert wanted.name() in colours
    assert image.pixelColor(0, 0).alpha() == 0
    assert not icon(name, QColor("white")).isNull()
