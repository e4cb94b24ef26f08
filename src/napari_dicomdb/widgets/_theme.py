"""Colours of napari's theme for what a style sheet cannot reach, and our style sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QColor

if TYPE_CHECKING:
    from napari_dicomdb.dicom.findings import Severity

__all__ = [
    "SEVERITY_COLOURS",
    "Palette",
    "ThemeWatcher",
    "current_palette",
    "popup_sheet",
    "style_sheet",
]

# The only colours of our own: they mean the same in every theme and stand out
# from the grey of both of napari's.
SEVERITY_COLOURS: dict[str, str] = {
    "info": "#4a90d9",
    "warning": "#e0a100",
    "error": "#e04552",
}


@dataclass(frozen=True)
class Palette:
    """Colours of one napari theme."""

    background: QColor
    foreground: QColor
    primary: QColor
    secondary: QColor
    highlight: QColor
    text: QColor
    icon: QColor
    current: QColor
    is_dark: bool
    font_size: int
    theme_id: str

    @property
    def dim(self) -> QColor:
        """Text of second rank."""
        return mix(self.text, self.background, 0.62)

    @property
    def link(self) -> QColor:
        """Text that leads somewhere when it is clicked."""
        return mix(QColor(SEVERITY_COLOURS["info"]), self.text, 0.75)

    def tint(self, severity: Severity | str) -> QColor:
        """Background of a box that shows something of this severity."""
        share = 0.22 if self.is_dark else 0.25
        return mix(QColor(SEVERITY_COLOURS[str(severity)]), self.background, share)


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """Return `share` of `one` and the rest of `other`."""
    rest = 1.0 - share
    return QColor(
        round(one.red() * share + other.red() * rest),
        round(one.green() * share + other.green() * rest),
        round(one.blue() * share + other.blue() * rest),
    )


def current_palette(theme_id: str | None = None) -> Palette:
    """Return the colours of `theme_id`, by default of the theme set in napari."""
    from napari.settings import get_settings
    from napari.utils.theme import get_theme

    appearance = get_settings().appearance
    theme = get_theme(theme_id or appearance.theme)

    def colour(name: str) -> QColor:
        red, green, blue = getattr(theme, name).as_rgb_tuple(alpha=False)
        return QColor(red, green, blue)

    return Palette(
        background=colour("background"),
        foreground=colour("foreground"),
        primary=colour("primary"),
        secondary=colour("secondary"),
        highlight=colour("highlight"),
        text=colour("text"),
        icon=colour("icon"),
        current=colour("current"),
        is_dark=theme.type == "dark",
        # What the user chose; the theme's own is only where that begins.
        font_size=int(appearance.font_size),
        theme_id=theme.id,
    )


def style_sheet(p: Palette) -> str:
    """Return our additions to napari's style sheet: item views, buttons, boxes."""
    small = max(p.font_size - 1, 7)
    selected = mix(p.current, p.background, 0.55 if p.is_dark else 0.8)
    hover = mix(p.highlight, p.foreground, 0.25)
    boxes = "\n".join(
        f'QFrame#noticeBox[severity="{name}"] {{ background-color: {p.tint(name).name()};'
        f" border: 0px; border-left: 4px solid {colour}; border-radius: 3px; }}"
        for name, colour in SEVERITY_COLOURS.items()
    )
    return f"""
QTreeView, QTableView {{
  background-color: {p.foreground.name()}; border: 0px; border-radius: 3px; padding: 0px;
  alternate-background-color: {mix(p.primary, p.foreground, 0.18).name()};
  font-size: {p.font_size}pt; outline: 0;
}}
QTreeView::item, QTableView::item {{ border: 0px; padding: 1px 3px; }}
QTreeView::item:hover, QTableView::item:hover {{ background-color: {hover.name()}; }}
QTreeView::item:selected, QTableView::item:selected {{
  background-color: {selected.name()}; color: {p.text.name()};
}}
QTreeView::branch {{ background: transparent; }}
QTreeView::branch:has-children:closed {{ image: url("theme_{p.theme_id}:/right_arrow.svg"); }}
QTreeView::branch:has-children:open {{ image: url("theme_{p.theme_id}:/down_arrow.svg"); }}
QTreeView::branch {{ padding: 4px 2px; }}
QTreeView::branch:selected {{ background-color: {selected.name()}; }}
QHeaderView {{ background-color: {p.foreground.name()}; border: 0px; padding: 0px; }}
QHeaderView::section {{
  background-color: {p.foreground.name()}; color: {p.dim.name()};
  border: 0px; border-bottom: 1px solid {p.primary.name()};
  padding: 3px 4px; font-size: {small}pt;
}}
QHeaderView::section:hover {{ color: {p.text.name()}; }}
QSplitter::handle:vertical {{ height: 7px; background: transparent; }}
QSplitter::handle:vertical:hover {{ background: {p.primary.name()}; }}
QScrollArea, QScrollArea > QWidget > QWidget#cards {{
  background-color: {p.background.name()}; border: 0px;
}}
QToolButton {{
  background-color: {p.primary.name()}; border-radius: 3px; padding: 4px 6px; border: 0px;
  font-size: {p.font_size}pt;
}}
QToolButton:hover {{ background-color: {p.highlight.name()}; }}
QToolButton:pressed, QToolButton:checked {{ background-color: {p.current.name()}; }}
QToolButton:disabled {{ background-color: {p.foreground.name()}; }}
QToolButton[flat="true"] {{ background-color: transparent; }}
QToolButton[flat="true"]:hover {{ background-color: {p.primary.name()}; }}
QToolButton::menu-indicator {{ image: none; width: 0px; }}
QToolButton::menu-button {{ width: 0px; border: 0px; }}
QPushButton {{ padding: 5px 12px; border-radius: 3px; font-size: {p.font_size}pt; }}
QPushButton#barButton {{ padding: 5px 6px; }}
QPushButton#barButton:disabled {{
  background-color: {p.foreground.name()}; border: 0px;
  color: {mix(p.text, p.background, 0.35).name()};
}}
QPushButton::menu-indicator {{ image: none; width: 0px; }}
QGroupBox {{ border: 0px; margin: 0px; padding: 0px; }}
QRadioButton {{ font-size: {p.font_size}pt; }}
QPushButton#primaryButton {{ background-color: {p.current.name()}; font-weight: bold; }}
QPushButton#primaryButton:hover {{
  background-color: {mix(p.current, p.text, 0.82).name()};
}}
QPushButton#primaryButton:disabled {{
  background-color: {p.foreground.name()}; border: 0px; font-weight: normal;
}}
QPushButton#dangerButton {{
  background-color: {SEVERITY_COLOURS["error"]}; color: white; font-weight: bold;
}}
QPushButton#dangerButton:hover {{
  background-color: {mix(QColor(SEVERITY_COLOURS["error"]), QColor("white"), 0.85).name()};
}}
QLineEdit {{ border-radius: 3px; padding: 3px 5px; font-size: {p.font_size}pt; }}
QComboBox, QSpinBox {{ border-radius: 3px; font-size: {p.font_size}pt; }}
QCheckBox {{ font-size: {p.font_size}pt; }}
QLabel {{ font-size: {p.font_size}pt; padding: 0px; }}
QLabel#dim {{ color: {p.dim.name()}; font-size: {small}pt; }}
QLabel#title {{ font-weight: bold; }}
QLabel#heading {{ font-size: {p.font_size + 3}pt; font-weight: bold; }}
QProgressBar {{
  border: 0px; border-radius: 3px; background-color: {p.foreground.name()};
  max-height: 6px; min-height: 6px; font-size: {small}pt;
}}
QProgressBar::chunk {{ background-color: {p.current.name()}; border-radius: 3px; width: 1px; }}
QFrame#card {{
  background-color: {p.foreground.name()}; border: 1px solid {p.foreground.name()};
  border-radius: 4px;
}}
QFrame#card[chosen="true"] {{ border: 1px solid {p.current.name()}; }}
QFrame#card QWidget, QFrame#noticeBox QWidget {{ background-color: transparent; }}
QFrame#card QCheckBox::indicator {{ background-color: {p.primary.name()}; }}
QFrame#card QCheckBox::indicator:checked {{ background-color: {p.current.name()}; }}
QFrame#noticeBox QPushButton {{ background-color: {p.primary.name()}; padding: 3px 10px; }}
QFrame#noticeBox QPushButton#dangerButton {{ background-color: {SEVERITY_COLOURS["error"]}; }}
QFrame#dropFrame {{
  background-color: {mix(p.current, p.background, 0.35).name()};
  border: 2px dashed {p.current.name()}; border-radius: 6px;
}}
QFrame#dropFrame QLabel {{ background-color: transparent; }}
{boxes}
"""


def popup_sheet(p: Palette) -> str:
    """Return the style of a list that pops up: a window that napari's style does not reach."""
    selected = mix(p.current, p.background, 0.55 if p.is_dark else 0.8)
    return (
        f"QAbstractItemView {{ background-color: {p.foreground.name()}; color: {p.text.name()};"
        f" border: 1px solid {p.primary.name()}; font-size: {p.font_size}pt; outline: 0;"
        f" selection-background-color: {selected.name()};"
        f" selection-color: {p.text.name()}; }}"
        "QAbstractItemView::item { padding: 3px 6px; }"
    )


class ThemeWatcher(QObject):
    """Tells when napari's theme or font size changes; holds the present palette.

    Parameters
    ----------
    viewer : napari viewer, optional
        Its own theme is followed: napari's shortcut changes that one alone.
    parent : QObject, optional
    """

    changed = Signal(object)

    def __init__(self, viewer: Any = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        from napari.settings import get_settings

        self._viewer = viewer
        self.palette = self._current()
        self._events = get_settings().appearance.events
        self._events.theme.connect(self._on_change)
        self._events.font_size.connect(self._on_change)
        if viewer is not None:
            viewer.events.theme.connect(self._on_change)

    def _current(self) -> Palette:
        return current_palette(None if self._viewer is None else self._viewer.theme)

    def _on_change(self, event: object = None) -> None:
        self.palette = self._current()
        self.changed.emit(self.palette)

    def disconnect_settings(self) -> None:
        """Let go of napari's settings, which outlive every dock."""
        if self._viewer is not None:
            self._viewer.events.theme.disconnect(self._on_change)
        self._events.theme.disconnect(self._on_change)
        self._events.font_size.disconnect(self._on_change)
