"""Gradient directions on a sphere and the shells that they belong to, drawn small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_dicomdb.analysis.diffusion import shells_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.analysis.diffusion import Shell
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["DiffusionPlot", "plot_of"]

_HEIGHT, _LEGEND = 118, 150
_MARGIN = 8
_DEGREES_PER_PIXEL = 0.6
_MOST_NAMED = 5
# Told apart by lightness too, for those who see few colours; dark and light themes.
_SHELL_COLOURS = ("#8fb8de", "#e0a100", "#d1495b", "#5fb49c", "#9d79bc", "#c9c5ba")
# Seen a little from the left and above: patient axes are at no one's back.
_FIRST_VIEW = (-25.0, 20.0)


class DiffusionPlot(QWidget):
    """The gradients of a diffusion series; drag to turn the sphere.

    Filled points are gradients, rings their opposites, which weight the same
    way: gaps in the cover of the sphere show.

    Parameters
    ----------
    b_values : sequence of float
        Of each volume, s/mm2.
    directions : sequence of (3,) sequence of float
        Unit vectors in patient coordinates (LPS); zeros without a direction.
    palette : Palette
    """

    def __init__(
        self,
        b_values: Sequence[float],
        directions: Sequence[Sequence[float]],
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._palette = palette
        self.shells = shells_of(b_values)
        self.directions = np.asarray(directions, dtype=float).reshape(-1, 3)
        self._turn, self._lift = _FIRST_VIEW
        self._grip: QPointF | None = None
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        words = "; ".join(self.line_of(shell) for shell in self.shells)
        self.setToolTip(f"Gradient directions: {words}. Drag to turn.")
        self.setAccessibleName(f"Gradient directions: {words}")

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(_HEIGHT + _LEGEND, _HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(_HEIGHT + _LEGEND // 2, _HEIGHT)

    def line_of(self, shell: Shell) -> str:
        """Return what the legend says of a shell: "b 1000: 6 directions"."""
        count = len(shell.indices)
        directed = int(self.directions[list(shell.indices)].any(axis=1).sum())
        if directed:
            found = self.directions[list(shell.indices)]
            found = found[found.any(axis=1)].round(3)
            distinct = len(np.unique(found, axis=0))
            repeated = f" × {directed / distinct:.3g}" if directed > distinct else ""
            plural = "" if distinct == 1 else "s"
            return f"b {shell.b_value:.0f}: {distinct} direction{plural}{repeated}"
        return f"b {shell.b_value:.0f}: {count} volume{'' if count == 1 else 's'}"

    def projected(self, vectors: np.ndarray) -> np.ndarray:
        """Return (N, 3): how far to the right, downwards, towards the viewer vectors point."""
        turn, lift = np.radians([self._turn, self._lift])
        # Looked at from the front: left of the patient is on the right, superior is up.
        left, posterior, superior = vectors.T
        right = np.cos(turn) * left - np.sin(turn) * posterior
        away = np.sin(turn) * left + np.cos(turn) * posterior
        up = np.cos(lift) * superior + np.sin(lift) * away
        near = np.sin(lift) * superior - np.cos(lift) * away
        return np.column_stack([right, -up, near])

    def turn(self, degrees: float, lift: float = 0.0) -> None:
        """Turn the sphere about the body's axis, and lift the viewer."""
        self._turn += degrees
        self._lift = float(np.clip(self._lift + lift, -90, 90))
        self.update()

    # -- painting and dragging --------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = (min(self.height(), _HEIGHT) - 2 * _MARGIN) / 2
        centre = QPointF(_MARGIN + radius, _MARGIN + radius)
        painter.setPen(QPen(self._palette.highlight, 1))
        painter.setBrush(self._palette.primary)
        painter.drawEllipse(centre, radius, radius)
        self._draw_axes(painter, centre, radius)
        self._draw_points(painter, centre, radius)
        self._draw_legend(painter, QRectF(centre.x() + radius + 14, 0, self.width(), 0))
        painter.end()

    def _draw_axes(self, painter: QPainter, centre: QPointF, radius: float) -> None:
        """Draw the ends of the patient's axes that point to the viewer, with their letters."""
        font = painter.font()
        font.setPointSizeF(max(self._palette.font_size - 3, 6))
        painter.setFont(font)
        ends = self.projected(np.vstack([np.eye(3), -np.eye(3)]))
        for letter, (right, down, near) in zip("LPSRAI", ends.tolist(), strict=True):
            if near < -1e-6:
                continue
            place = QPointF(centre.x() + radius * right, centre.y() + radius * down)
            painter.setPen(QPen(self._palette.highlight, 1))
            painter.drawLine(centre, place)
            painter.setPen(self._palette.dim)
            inside = centre + (place - centre) * 0.82
            painter.drawText(
                QRectF(inside.x() - 8, inside.y() - 8, 16, 16),
                int(Qt.AlignmentFlag.AlignCenter),
                letter,
            )

    def _draw_points(self, painter: QPainter, centre: QPointF, radius: float) -> None:
        points = self.projected(self.directions)
        highest = max(shell.b_value for shell in self.shells) or 1.0
        for k in range(len(self.shells) - 1, -1, -1):
            shell = self.shells[k]
            colour = QColor(_SHELL_COLOURS[k % len(_SHELL_COLOURS)])
            # A lower shell lies within: the distance is the strength of the gradient.
            reach = radius * float(np.sqrt(max(shell.b_value, 0) / highest))
            for index in shell.indices:
                if not self.directions[index].any():
                    continue
                right, down, near = points[index] * reach
                for sign in (-1, 1):
                    place = QPointF(centre.x() + sign * right, centre.y() + sign * down)
                    shade = QColor(colour)
                    shade.setAlphaF(1.0 if sign * near >= 0 else 0.35)
                    painter.setPen(QPen(shade, 1.2))
                    painter.setBrush(shade if sign > 0 else Qt.BrushStyle.NoBrush)
                    painter.drawEllipse(place, 2.6, 2.6)

    def _draw_legend(self, painter: QPainter, area: QRectF) -> None:
        font = painter.font()
        font.setPointSizeF(max(self._palette.font_size - 1, 7))
        painter.setFont(font)
        height = painter.fontMetrics().height() + 3
        shown = self.shells[:_MOST_NAMED]
        lines = [self.line_of(shell) for shell in shown]
        if len(self.shells) > len(shown):
            lines.append(f"and {len(self.shells) - len(shown)} more shells")
        top = max((self.height() - height * len(lines)) / 2, 0)
        for k, line in enumerate(lines):
            middle = top + (k + 0.5) * height
            if k < len(shown):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(_SHELL_COLOURS[k % len(_SHELL_COLOURS)]))
                painter.drawEllipse(QPointF(area.left(), middle), 3.2, 3.2)
            painter.setPen(self._palette.text)
            painter.drawText(
                QRectF(area.left() + 9, middle - height / 2, self.width(), height),
                int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter),
                line,
            )

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._grip = event.position()
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        event.accept()  # the card below would be chosen

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if self._grip is not None:
            moved = event.position() - self._grip
            self._grip = event.position()
            self.turn(-_DEGREES_PER_PIXEL * moved.x(), _DEGREES_PER_PIXEL * moved.y())
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._grip = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        event.accept()


def plot_of(loadable: Loadable, palette: Palette) -> DiffusionPlot | None:
    """Return the plot of a diffusion series; None for what has no directions to show."""
    directions = loadable.options.get("directions_lps", ())
    if loadable.kind != "diffusion" or not any(any(vector) for vector in directions):
        return None
    return DiffusionPlot(loadable.options["b_values"], directions, palette)
