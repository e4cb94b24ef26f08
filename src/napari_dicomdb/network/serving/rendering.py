"""An image as a picture for people: window, part and size as asked for (PS3.18 Section 8.3.5)."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from starlette.exceptions import HTTPException

from napari_dicomdb.dicom.description import PixelDescription
from napari_dicomdb.dicom.functional_groups import FrameTable
from napari_dicomdb.dicom.modality import padding_range
from napari_dicomdb.dicom.pixels import read_frame
from napari_dicomdb.dicom.spacing import choose_spacing
from napari_dicomdb.dicom.voi import Window, choose_limits, is_sane, windows_of
from napari_dicomdb.errors import PixelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["JPEG", "PICTURE_TYPES", "PNG", "View", "picture_of", "view_of"]

JPEG, PNG = "image/jpeg", "image/png"
PICTURE_TYPES = (JPEG, PNG)
_FORMATS = {JPEG: "JPEG", PNG: "PNG"}
_MOST_PIXELS = 1 << 28
_LARGEST_SIDE = 8192
_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_NUMBER = r"[+-]?\d{1,9}(?:\.\d{1,9})?(?:[eE][+-]?\d{1,2})?"
_WINDOW = re.compile(rf"({_NUMBER}),({_NUMBER})(?:,([A-Za-z_\-]+))?")
_VIEWPORT = re.compile(
    rf"(\d{{1,5}}),(\d{{1,5}})(?:,({_NUMBER})?,({_NUMBER})?(?:,({_NUMBER})?,({_NUMBER})?)?)?"
)


@dataclass(frozen=True, slots=True)
class View:
    """How an image is to be shown.

    Parameters
    ----------
    window : Window or None
        None: the image's own, or one that shows it.
    size : (int, int) or None
        Largest width and height in pixels; None: of the image.
    part : tuple of float or None
        Left, top, width, height in pixels of the image; a negative size turns it round.
        None at a place: from the edge, or up to it.
    quality : int
        Of JPEG, 1 to 100.
    """

    window: Window | None = None
    size: tuple[int, int] | None = None
    part: tuple[float | None, float | None, float | None, float | None] | None = None
    quality: int = 90


def view_of(parameters: Mapping[str, str], size: tuple[int, int] | None = None) -> View:
    """Return the view that a query asks for.

    Parameters
    ----------
    parameters : mapping of str to str
        ``window=center,width,function``, ``viewport=vw,vh,sx,sy,sw,sh``, ``quality=1..100``.
    size : (int, int), optional
        Where none is asked for.

    Raises
    ------
    HTTPException
        400: it cannot be understood.
    """
    window = None
    if text := parameters.get("window", ""):
        found = _WINDOW.fullmatch(text)
        function = _FUNCTIONS.get(((found and found[3]) or "linear").lower().replace("_", "-"))
        if found is None or function is None:
            raise HTTPException(
                400,
                "window is center,width,function with linear, linear-exact "
                "or sigmoid: 40,400,linear",
            )
        window = Window(float(found[1]), float(found[2]), function=function)
        if not is_sane(window):
            raise HTTPException(400, "no window can be so narrow")
    quality = parameters.get("quality", "") or "90"
    if not re.fullmatch(r"\d{1,3}", quality) or not 1 <= int(quality) <= 100:
        raise HTTPException(400, "quality is a number from 1 to 100")
    part = None
    if text := parameters.get("viewport", ""):
        found = _VIEWPORT.fullmatch(text)
        if found is None or not all(0 < int(found[i]) <= _LARGEST_SIDE for i in (1, 2)):
            raise HTTPException(
                400,
                "viewport is width,height or width,height,left,top,width,"
                f"height, up to {_LARGEST_SIDE} pixels",
            )
        size = (int(found[1]), int(found[2]))
        numbers = [None if found[i] is None else float(found[i]) for i in (3, 4, 5, 6)]
        if any(one is not None for one in numbers):
            part = (numbers[0], numbers[1], numbers[2], numbers[3])
    return View(window, size, part, int(quality))


def picture_of(record: InstanceRecord, frame: int, view: View, media_type: str) -> bytes:
    """Return a frame as a JPEG or PNG file.

    Parameters
    ----------
    record : InstanceRecord
    frame : int
        From 0.
    view : View
    media_type : str
        One of `PICTURE_TYPES`.

    Raises
    ------
    PixelError
        If it cannot be decoded, or is too large ("too-large").
    HTTPException
        400: the part that is wanted lies outside of the image.
    OSError
        If the file cannot be read.
    """
    if record.rows * record.columns * max(record.samples, 1) > _MOST_PIXELS:
        raise PixelError("the image has too many pixels for a picture", reason="too-large")
    stored = read_frame(record.path, PixelDescription.from_record(record), frame)
    shown = _colours(stored) if stored.ndim == 3 else _grey(stored, record, frame, view.window)
    shown = _cut(shown, view)
    image = Image.fromarray(shown)
    size = _size(image.size, _aspect(record, frame), view.size)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    target = io.BytesIO()
    options = {"quality": view.quality} if media_type == JPEG else {}
    image.save(target, _FORMATS[media_type], **options)
    return target.getvalue()


def _values_of(record: InstanceRecord, frame: int) -> dict[str, Any]:
    values = dict(record.values)
    if record.frames_json is None:
        return values
    table = FrameTable.from_bytes(record.frames_json)
    if frame >= table.count:
        return values
    for keyword in (
        *("WindowCenter", "WindowWidth", "VOILUTFunction", "RescaleSlope", "RescaleIntercept"),
        "PixelSpacing",
    ):
        own = table.get(keyword, frame)
        if own is not None:
            values[keyword] = "\\".join(map(str, own)) if isinstance(own, list) else own
    return values


def _grey(
    stored: NDArray[Any], record: InstanceRecord, frame: int, window: Window | None
) -> NDArray[np.uint8]:
    values = _values_of(record, frame)
    slope = _number(values.get("RescaleSlope"), 1.0)
    intercept = _number(values.get("RescaleIntercept"), 0.0)
    shown = np.nan_to_num(stored.astype(np.float32) * slope + intercept, posinf=0.0, neginf=0.0)
    offered = windows_of(values)
    choice = window or next((one for one in offered if is_sane(one)), None)
    if choice is not None:
        grey = choice.apply(shown)
    else:
        padding = padding_range(record.values, PixelDescription.from_record(record))
        low, high = choose_limits(
            (),
            shown,
            None if padding is None else padding.rescaled(slope, intercept),
            str(record.get("Modality", "")),
        )
        grey = np.clip((shown - low) / max(high - low, 1e-12), 0.0, 1.0)
    if record.photometric == "MONOCHROME1" or record.get("PresentationLUTShape") == "INVERSE":
        grey = 1.0 - grey
    eight: NDArray[np.uint8] = (grey * 255.0 + 0.5).astype(np.uint8)
    return eight


def _colours(stored: NDArray[Any]) -> NDArray[np.uint8]:
    if stored.dtype == np.uint8:
        return np.ascontiguousarray(stored)
    scaled = stored.astype(np.float32)
    top = float(scaled.max()) or 1.0
    eight: NDArray[np.uint8] = (np.clip(scaled / top, 0.0, 1.0) * 255.0).astype(np.uint8)
    return eight


def _cut(shown: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    if view.part is None:
        return shown
    rows, columns = shown.shape[:2]
    left, top = view.part[0] or 0.0, view.part[1] or 0.0
    width = columns - left if view.part[2] is None else view.part[2]
    height = rows - top if view.part[3] is None else view.part[3]
    across, down = _span(left, abs(width), columns), _span(top, abs(height), rows)
    if across.start >= across.stop or down.start >= down.stop:
        raise HTTPException(400, "this part lies outside of the image")
    part = shown[down, across]
    if height < 0:
        part = part[::-1]
    if width < 0:
        part = part[:, ::-1]
    return np.ascontiguousarray(part)


def _span(start: float, length: float, end: int) -> slice:
    first = max(0, math.floor(start))
    return slice(first, max(first, min(end, math.ceil(start + length))))


def _size(have: tuple[int, int], aspect: float, most: tuple[int, int] | None) -> tuple[int, int]:
    """Return width and height: square pixels, as large as asked for."""
    width, height = float(have[0]), float(have[1])
    if abs(aspect - 1.0) > 1e-3:
        height *= aspect
    if most is None:
        scale = min(1.0, _LARGEST_SIDE / max(width, height))
    else:
        scale = min(most[0] / width, most[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _aspect(record: InstanceRecord, frame: int) -> float:
    """Return the height of a pixel over its width."""
    spacing = choose_spacing(_values_of(record, frame))
    return min(max(spacing.row / spacing.column, 0.05), 20.0)


def _number(value: Any, default: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if math.isfinite(number) else default
