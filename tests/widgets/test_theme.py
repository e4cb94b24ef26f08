"""Colours follow napari's theme."""

from __future__ import annotations

import pytest
from napari.settings import get_settings

from napari_dicomdb.widgets._theme import (
    SEVERITY_COLOURS,
    ThemeWatcher,
    current_palette,
    popup_sheet,
    style_sheet,
)


@pytest.fixture
def appearance():
    settings = get_settings().appearance
    before = settings.theme
    yield settings
    settings.theme = before


def luminance(colour):
    def linear(channel):
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(c) for c in (colour.redF(), colour.greenF(), colour.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("severity", sorted(SEVERITY_COLOURS))
def test_words_in_boxes_can_be_read(theme, severity):
    palette = current_palette(theme)
    # WCAG 2.1, 1.4.3: 4.5 for text of usual size.
    assert contrast(palette.text, palette.tint(severity)) >= 4.5
    assert contrast(palette.text, palette.background) >= 4.5


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_of_second_rank_can_be_read(theme):
    palette = current_palette(theme)
    assert contrast(palette.dim, palette.foreground) >= 3


def test_watcher_tells_until_it_lets_go(qtbot, appearance):
    appearance.theme = "dark"
    watcher, seen = ThemeWatcher(), []
    watcher.changed.connect(lambda palette: seen.append(palette.is_dark))
    appearance.theme = "light"
    assert seen == [False]
    watcher.disconnect_settings()
    appearance.theme = "dark"
    assert seen == [False]


def test_letters_are_as_large_as_set_in_napari(qtbot, appearance):
    watcher = ThemeWatcher()
    usual = watcher.palette.font_size
    appearance.font_size = usual + 5
    assert watcher.palette.font_size == usual + 5
    assert f"font-size: {usual + 5}pt" in style_sheet(watcher.palette)
    appearance.font_size = usual
    assert watcher.palette.font_size == usual
    watcher.disconnect_settings()


def test_style_sheet_has_no_loose_braces():
    for theme in ("dark", "light"):
        sheet = style_sheet(current_palette(theme))
        assert sheet.count("{") == sheet.count("}")
        assert "None" not in sheet


class _Viewer:
    """As much of a viewer as has a theme of its own."""

    def __init__(self) -> None:
        from napari.utils.events import EmitterGroup

        self.theme, self.events = "dark", EmitterGroup(source=self, theme=None)


def test_watcher_follows_the_viewer(qtbot, appearance):
    """napari's shortcut changes the theme of the viewer, not the settings."""
    appearance.theme = "dark"
    viewer = _Viewer()
    watcher, seen = ThemeWatcher(viewer), []
    watcher.changed.connect(lambda palette: seen.append(palette.is_dark))
    viewer.theme = "light"
    viewer.events.theme()
    assert (seen, watcher.palette.is_dark) == ([False], False)
    watcher.disconnect_settings()
    viewer.events.theme()
    assert seen == [False]


def test_popups_have_the_colours_of_the_theme(appearance):
    for theme in ("dark", "light"):
        palette = current_palette(theme)
        sheet = popup_sheet(palette)
        assert palette.foreground.name() in sheet and palette.text.name() in sheet
        assert sheet.count("{") == sheet.count("}")
