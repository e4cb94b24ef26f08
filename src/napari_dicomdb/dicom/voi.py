"""Windows and VOI lookup tables: how values become grey (PS3.3 Section C.11.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.modality import LookupTable
from napari_dicomdb.dicom.pet import is_suv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dicomdb.dicom.bits import Array
    from napari_dicomdb.dicom.modality import PaddingRange

__all__ = [
    "CT_PRESETS",
    "SUV_PRESETS",
    "LookupTable",
    "Window",
    "choose_limits",
    "first_choice",
    "is_sane",
    "presets",
    "voi_lut",
    "voi_luts_of",
    "windows_of",
    "windows_of_slices",
]

LINEAR, LINEAR_EXACT, SIGMOID = "LINEAR", "LINEAR_EXACT", "SIGMOID"


@dataclass(frozen=True, slots=True)
class Window:
    """One window, in the units that the modality LUT gives.

    Attributes
    ----------
    center, width : float
        WindowCenter, WindowWidth.
    explanation : str
        WindowCenterWidthExplanation, or the preset's name.
    function : str
        VOILUTFunction: "LINEAR", "LINEAR_EXACT" or "SIGMOID".
    """

    center: float
    width: float
    explanation: str = ""
    function: str = LINEAR

    def limits(self) -> tuple[float, float]:
        """Values shown black and white.

        Of a sigmoid, which reaches neither, those of the line with its slope
        in the middle (LINEAR_EXACT).

        Examples
        --------
        >>> Window(40, 400).limits()
        (-160.0, 239.0)
        """
        if self.function == LINEAR:
            half = (self.width - 1) / 2
            return self.center - 0.5 - half, self.center - 0.5 + half
        return self.center - self.width / 2, self.center + self.width / 2

    def apply(self, values: Array) -> Array:
        """Grey from 0 to 1, float32, of `values` after the modality LUT.

        Notes
        -----
        PS3.3 Sections C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID) and
        C.11.2.1.3.2 (LINEAR_EXACT), y from 0 to 1.
        """
        x = values.astype(np.float32)
        if self.function == SIGMOID:
            with np.errstate(over="ignore"):
                grey = 1 / (1 + np.exp(-4 * (x - self.center) / self.width))
            return np.asarray(grey, np.float32)
        low, high = self.limits()
        if high <= low:
            return np.asarray(x > low, np.float32)
        return np.asarray(np.clip((x - low) / (high - low), 0, 1), np.float32)

    @property
    def label(self) -> str:
        """Words for a menu: the explanation, or width and centre."""
        return self.explanation or f"W {self.width:g} L {self.center:g}"


# reference/pixels.md PX-5, width and centre in HU.
CT_PRESETS: tuple[Window, ...] = (
    Window(40, 400, "CT soft tissue"),
    Window(-600, 1500, "CT lung"),
    Window(350, 2000, "CT bone"),
    Window(40, 80, "CT brain"),
    Window(30, 150, "CT liver"),
    Window(300, 600, "CT angio"),
)

SUV_PRESETS: tuple[Window, ...] = (
    Window(3, 6, "SUV 0 to 6", LINEAR_EXACT),
    Window(2, 4, "SUV 0 to 4", LINEAR_EXACT),
    Window(5, 10, "SUV 0 to 10", LINEAR_EXACT),
)
"""For FDG, for FLT, for avid lesions; the first is the usual one (reference/pixels.md PX-5)."""


def windows_of(values: Mapping[str, Any]) -> tuple[Window, ...]:
    r"""Windows that a header offers, in its order; unusable ones are left out.

    Parameters
    ----------
    values : mapping of keyword to value
        WindowCenter and WindowWidth: number, list, or text with "\\" between
        values; WindowCenterWidthExplanation; VOILUTFunction.

    Returns
    -------
    tuple of Window
    """
    centers = _numbers(values.get("WindowCenter"))
    widths = _numbers(values.get("WindowWidth"))
    texts = _texts(values.get("WindowCenterWidthExplanation"))
    named = (_texts(values.get("VOILUTFunction")) or [""])[0].strip().upper()
    function = named if named in (LINEAR_EXACT, SIGMOID) else LINEAR
    found = []
    for index, (center, width) in enumerate(zip(centers, widths, strict=False)):
        text = texts[index].strip() if index < len(texts) else ""
        window = Window(center, width, text, function)
        if is_sane(window):
            found.append(window)
    return tuple(found)


def is_sane(window: Window) -> bool:
    """Whether a window can be shown: finite, and wide enough for its function."""
    if not (math.isfinite(window.center) and math.isfinite(window.width)):
        return False
    return window.width >= 1 if window.function == LINEAR else window.width > 0


def windows_of_slices(slices: Sequence[tuple[Window, ...]]) -> tuple[Window, ...]:
    """One list for a stack whose slices have their own windows.

    Parameters
    ----------
    slices : sequence of tuple of Window
        In the order of the stack.

    Returns
    -------
    tuple of Window
        Those of the middle slice; when slices differ, explained as such.
    """
    if not slices:
        return ()
    place = len(slices) // 2
    # The nearest to the middle that has any.
    order = sorted(range(len(slices)), key=lambda index: abs(index - place))
    chosen = next((slices[index] for index in order if slices[index]), ())
    if all(other == chosen for other in slices if other):
        return chosen
    return tuple(
        replace(window, explanation=f"{window.label} (middle slice)") for window in chosen
    )


def presets(windows: Sequence[Window], modality: str, units: str = "") -> tuple[Window, ...]:
    """Windows to offer: the file's, then for CT in HU and PET in SUV the usual ones.

    Parameters
    ----------
    windows : sequence of Window
        From the file.
    modality : str
        Modality.
    units : str
        Of the values; a CT in other units than HU gets no presets.
    """
    mine = tuple(windows)
    if modality == "PT" and is_suv(units):
        return mine + SUV_PRESETS
    if modality != "CT" or units not in ("", "HU"):
        return mine
    return mine + CT_PRESETS


def choose_limits(
    windows: Sequence[Window],
    sample: Array | None,
    padding: PaddingRange | tuple[float, float] | None = None,
    modality: str = "",
) -> tuple[float, float]:
    """Contrast limits to begin with.

    Parameters
    ----------
    windows : sequence of Window
        Of the file, first choice first.
    sample : ndarray or None
        Some of the values (after the modality LUT), such as the middle slice.
    padding : PaddingRange or (low, high), optional
        Values of `sample` (after the modality LUT) that are no image, both
        ends included.
    modality : str
        Modality: a CT without a usable window and without a sample gets soft tissue.

    Returns
    -------
    low, high : float
        low < high. The first sane window that shows some of the sample's
        values, else percentiles 0.5 and 99.5 without padding.
    """
    chosen = first_choice(windows, (), sample, padding)
    if isinstance(chosen, Window):
        return chosen.limits()
    values = _without_padding(sample, padding)
    if values is None or values.size == 0:
        return CT_PRESETS[0].limits() if modality == "CT" else (0.0, 1.0)
    low, high = (float(limit) for limit in np.percentile(values, (0.5, 99.5)))
    if low >= high:
        low, high = float(values.min()), float(values.max())
    if low >= high:
        return low, low + 1.0
    return low, high


def first_choice(
    windows: Sequence[Window],
    luts: Sequence[LookupTable],
    sample: Array | None,
    padding: PaddingRange | tuple[float, float] | None = None,
) -> Window | LookupTable | None:
    """Choose what to show an image with at first; the standard leaves it to the viewer.

    Parameters
    ----------
    windows, luts : sequence
        Of the file, in its order.
    sample, padding
        As for `choose_limits`.

    Returns
    -------
    Window or LookupTable or None
        The first sane window that shows some of the sample's values, else the
        first table that does.

    Notes
    -----
    PS3.3 Section C.11.2.1: of several views, any may be chosen.
    """
    values = _without_padding(sample, padding)
    least, most = -math.inf, math.inf
    if values is not None and values.size:
        least, most = float(values.min()), float(values.max())
    choices: tuple[Window | LookupTable, ...] = (*(w for w in windows if is_sane(w)), *luts)
    for choice in choices:
        low, high = choice.limits()
        # A window beside all values shows one flat grey: a stale or foreign one.
        if low < high and low < most and high > least:
            return choice
    return None


def _without_padding(
    sample: Array | None, padding: PaddingRange | tuple[float, float] | None
) -> Array | None:
    if sample is None:
        return None
    values = sample.ravel()
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if padding is not None:
        low, high = padding if isinstance(padding, tuple) else (padding.low, padding.high)
        values = values[(values < low) | (values > high)]
    return values


def voi_luts_of(dataset: Any) -> tuple[LookupTable, ...]:
    """Read the tables of VOILUTSequence, in their order; broken ones are left out.

    Parameters
    ----------
    dataset : pydicom.Dataset
        Of the image.

    Notes
    -----
    PS3.3 Section C.11.2.1.1: inputs are signed when the modality LUT gives
    negative values.
    """
    signed = dataset.get("PixelRepresentation", 0) == 1
    intercept = dataset.get("RescaleIntercept")
    signed = signed or (intercept is not None and float(intercept) < 0)
    tables = []
    for item in dataset.get("VOILUTSequence") or ():
        if item.get("LUTDescriptor") is not None and item.get("LUTData") is not None:
            tables.append(LookupTable.from_item(item, signed=signed))
    return tuple(tables)


def voi_lut(values: Array, choice: Window | LookupTable, *, invert: bool = False) -> Array:
    """Grey from 0 (black) to 1 (white), float32.

    Parameters
    ----------
    values : ndarray
        After the modality LUT; whole numbers for a lookup table.
    choice : Window or LookupTable
        What to apply.
    invert : bool
        The image is MONOCHROME1: low values are white.
    """
    if isinstance(choice, Window):
        grey = choice.apply(values)
    else:
        top = max(int(choice.entries.max()), 1) if choice.bits == 0 else (1 << choice.bits) - 1
        grey = (choice.apply(values) / np.float32(top)).astype(np.float32)
    return 1 - grey if invert else grey


def _numbers(value: Any) -> list[float]:
    found = []
    for item in _items(value):
        try:
            found.append(float(item))
        except (TypeError, ValueError):
            found.append(math.nan)  # keeps its place; is_sane drops it
    return found


def _texts(value: Any) -> list[str]:
    return [str(item) for item in _items(value)]


def _items(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return value.split("\\")
    try:
        return list(value)
    except TypeError:
        return [value]
