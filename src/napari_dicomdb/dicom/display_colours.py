"""Colours that DICOM recommends for display: CIELab as stored, to sRGB and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["CYCLE", "cielab_to_rgb", "rgb_to_cielab"]

CYCLE: tuple[tuple[int, int, int], ...] = (
    (230, 85, 75), (80, 175, 95), (75, 130, 230), (240, 190, 60), (175, 95, 205),
    (60, 190, 200), (240, 140, 70), (200, 110, 150), (150, 185, 70), (150, 130, 235),
)  # fmt: skip
"""For what has no colour of its own, by number."""

# sRGB (IEC 61966-2-1), white point D65. ICC's connection space has D50, but dcmqi, Slicer
# and highdicom take D65: reference/seg.md SEG-9. These are their digits, too: what is written
# is what they write.
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.95047, 1.0, 1.08883])
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def cielab_to_rgb(stored: ArrayLike) -> tuple[int, int, int]:
    """Return red, green and blue (0 to 255, sRGB) of RecommendedDisplayCIELabValue.

    Parameters
    ----------
    stored : (3,) array_like of int
        0 to 65535 each; L* is scaled from 0 to 100, a* and b* from -128 to 127.

    Raises
    ------
    ValueError
        If it is not three numbers.

    Notes
    -----
    PS3.3 Section C.10.7.1.1. What sRGB cannot show is clipped.

    Examples
    --------
    >>> cielab_to_rgb([41661, 41167, 40792])
    (221, 130, 101)
    """
    values = np.asarray(stored, dtype=np.float64)
    if values.shape != (3,):
        raise ValueError(f"a CIELab colour has 3 values, not {values.size}")
    lightness = values[0] * 100 / 65535
    a, b = values[1:] * 255 / 65535 - 128
    fy = (lightness + 16) / 116
    f = np.array([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA) * _WHITE
    linear = np.clip(np.linalg.solve(_TO_XYZ, xyz), 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(np.clip(encoded, 0, 1) * 255).astype(int).tolist()
    return red, green, blue


def rgb_to_cielab(rgb: ArrayLike) -> tuple[int, int, int]:
    """Return RecommendedDisplayCIELabValue of a colour; see `cielab_to_rgb`.

    Examples
    --------
    >>> rgb_to_cielab([255, 0, 0])
    (34886, 53484, 50172)
    """
    encoded = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    ratio = _TO_XYZ @ linear / _WHITE
    f = np.where(ratio > _EPSILON, np.cbrt(ratio), (_KAPPA * ratio + 16) / 116)
    lightness, a, b = 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
    stored = np.array([lightness * 65535 / 100, (a + 128) * 65535 / 255, (b + 128) * 65535 / 255])
    first, second, third = np.rint(np.clip(stored, 0, 65535)).astype(int).tolist()
    return first, second, third
