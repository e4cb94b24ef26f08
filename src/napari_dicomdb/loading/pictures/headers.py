"""Reads of an object's header only what a picture needs, within bounds."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import PixelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydicom import Dataset

__all__ = ["items", "read_header", "values_of"]

# catch_warnings is global to the process: one thread at a time.
_reading = threading.Lock()


def read_header(path: Path, until: Callable[[Any], bool]) -> Dataset:
    """Read top-level elements up to the first whose tag `until` accepts.

    Raises
    ------
    PixelError
        "bad-header", if it cannot be read.
    OSError
        If the file cannot.
    """
    from pydicom.filereader import read_partial

    def stop(tag: Any, _vr: str | None, _length: int) -> bool:
        return until(tag)

    try:
        with _reading, warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")
            return read_partial(file, stop_when=stop, force=True)
    except unreadable() as error:
        raise PixelError(f"{path}: cannot be read: {error}", reason="bad-header") from error


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence, [] when it is absent or none."""
    try:
        found = dataset.get(keyword)
    except unreadable(OSError):
        return []
    return list(found) if found is not None and not isinstance(found, (str, bytes)) else []


def values_of(dataset: Dataset, keyword: str) -> list[Any]:
    """Return the values of an element, [] when it is absent or broken."""
    try:
        with _reading, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dataset.get(keyword)
    except unreadable(OSError):
        return []
    if found is None or found == "":
        return []
    return [found] if isinstance(found, (str, bytes, int, float)) else list(found)


def referenced_uids(dataset: Dataset, limit: int = 50) -> Iterator[str]:
    """Yield SOPInstanceUIDs of the images that a header names at its top, a few."""
    for series in items(dataset, "ReferencedSeriesSequence"):
        for one in items(series, "ReferencedInstanceSequence")[:limit]:
            yield from map(str, values_of(one, "ReferencedSOPInstanceUID"))
    for one in items(dataset, "SourceImageSequence")[:limit]:
        yield from map(str, values_of(one, "ReferencedSOPInstanceUID"))
