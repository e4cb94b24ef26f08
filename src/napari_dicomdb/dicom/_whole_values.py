"""Values that cannot be read by offset: of deflated files, and palettes; read whole and kept."""

from __future__ import annotations

import os
import threading
import warnings
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.codecs import note
from napari_dicomdb.dicom.photometric import Palette, palette_from_dataset
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import PixelError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["palette_of", "pixel_value"]

Problems = list[tuple[str, str]]

# What cannot be read by offset (deflated files, palettes) is read whole by pydicom and
# kept for the other frames of the same file.
_kept: OrderedDict[tuple[str, int, int, str], tuple[int, bytes]] = OrderedDict()
_palettes: OrderedDict[tuple[str, int, int], Palette] = OrderedDict()
_lock = threading.Lock()
_reading = threading.Lock()
_MOST_KEPT = 256 * 1024 * 1024


def pixel_value(
    path: str | os.PathLike[str], keyword: str, problems: Problems
) -> tuple[int, bytes]:
    """Offset in the file (0 when deflated) and bytes of the pixel data element."""
    facts = os.stat(path)
    key = (os.fspath(path), facts.st_size, facts.st_mtime_ns, keyword)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    dataset = _dataset(path, problems)
    if keyword not in dataset:
        raise PixelError(f"{path}: no {keyword} in it", reason="no-pixels")
    element = dataset[keyword]
    found = (int(element.file_tell or 0), bytes(element.value or b""))
    with _lock:
        _kept[key] = found
        while len(_kept) > 1 and sum(len(value) for _, value in _kept.values()) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found


def palette_of(path: str | os.PathLike[str], problems: Problems) -> Palette:
    facts = os.stat(path)
    key = (os.fspath(path), facts.st_size, facts.st_mtime_ns)
    with _lock:
        if key in _palettes:
            return _palettes[key]
    palette = palette_from_dataset(_dataset(path, problems, stop_before_pixels=True))
    with _lock:
        _palettes[key] = palette
        while len(_palettes) > 64:
            _palettes.popitem(last=False)
    return palette


def _dataset(path: str | os.PathLike[str], problems: Problems, **options: Any) -> Dataset:
    from pydicom import dcmread

    try:
        # catch_warnings is global to the process: one thread at a time.
        with _reading, warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            dataset = dcmread(path, force=True, **options)
    except unreadable() as error:
        raise PixelError(f"{path}: cannot be read: {error}") from error
    for warning in said:
        note(problems, "pydicom-warning", str(warning.message))
    return dataset
