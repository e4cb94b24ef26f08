"""Greys that no contrast limits can make: sigmoid windows and VOI lookup tables, as colormaps.

Needs no napari: a colormap is the dict that napari accepts for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.voi import LookupTable, Window, voi_lut

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PREFIX", "Curve", "curve_of"]

#: Begins the names of our colormaps: by it one is known that must go with its preset.
PREFIX = "VOI "

# vispy keeps a colormap in a texture of 1024 colours.
_MOST_COLOURS = 1024

# Widths to either side of a sigmoid's centre: beyond them grey is within 4e-4 of its end.
_REACH = 2.0


@dataclass(frozen=True, eq=False)
class Curve:
    """Grey between two contrast limits, and that of its ends beyond them.

    Parameters
    ----------
    low, high : float
        Values (after the modality LUT) that the ends of `grey` stand for.
    grey : (N,) ndarray of float32
        From 0 (black) to 1 (white), evenly spaced, at most 1024.
    """

    low: float
    high: float
    grey: NDArray[np.float32]

    def colormap(self, *, inverted: bool = False) -> dict[str, Any]:
        """Return the arguments of a napari colormap.

        Parameters
        ----------
        inverted : bool
            The image is MONOCHROME1 or the like: low values are white.
        """
        grey = 1 - self.grey if inverted else self.grey
        colors = np.ones((len(grey), 4), np.float32)
        colors[:, :3] = grey[:, np.newaxis]
        # Equal curves have equal names, so that napari keeps one of each.
        digest = sha256(grey.tobytes()).hexdigest()[:8]
        return {"colors": colors, "name": f"{PREFIX}{digest}", "interpolation": "linear"}


def curve_of(choice: Window | LookupTable) -> Curve | None:
    """Return the curve of a sigmoid window or a table; None for what is a straight line.

    Notes
    -----
    PS3.3 Sections C.11.2.1.1 (VOI LUT) and C.11.2.1.3.1 (SIGMOID).
    """
    if isinstance(choice, LookupTable):
        low, high = choice.limits()
        if low >= high:
            return None
        inputs = np.arange(int(low), int(high) + 1)
        grey = np.clip(voi_lut(inputs, choice), 0, 1)
        if len(grey) > _MOST_COLOURS:
            grey = np.interp(np.linspace(low, high, _MOST_COLOURS), inputs, grey)
        return Curve(low, high, grey.astype(np.float32))
    if choice.function != "SIGMOID":
        return None
    low = choice.center - _REACH * choice.width
    high = choice.center + _REACH * choice.width
    # All sigmoids are one curve, wider or narrower: one colormap serves all.
    widths = np.linspace(-_REACH, _REACH, _MOST_COLOURS)
    return Curve(low, high, Window(0, 1, function="SIGMOID").apply(widths))
