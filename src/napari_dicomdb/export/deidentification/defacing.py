"""Who removes faces: functions of other packages, found by entry points; we have none of ours.

A package names one in the group `DEFACERS_GROUP`:

    [project.entry-points."napari_dicomdb.defacers"]
    my-defacer = "my_package:deface"

It is called for each image with the header and the pixels (frames, rows, columns[,
samples]), and returns pixels of the same shape and type, or None to leave them. When it
has an attribute ``begin_series``, that is called first for each series, with the paths of
all its files: a face is found in the whole head, not in one slice. Only images that it
changed claim the option Clean Recognizable Visual Features (113102).
"""

from __future__ import annotations

from functools import cache, partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, NoReturn, cast

from napari_dicomdb.errors import ExportError, PixelError
from napari_dicomdb.plugins import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from pydicom import Dataset

    Defacer = Callable[[Dataset, np.ndarray[Any, Any]], np.ndarray[Any, Any] | None]

__all__ = ["DEFACERS_GROUP", "begin_series", "checked_deface", "defacer_named", "defacer_names"]

DEFACERS_GROUP = "napari_dicomdb.defacers"


def defacer_names() -> list[str]:
    """Return the names of the defacers that are installed, sorted."""
    return sorted(entry.name for entry in entry_points(group=DEFACERS_GROUP))


@cache
def defacer_named(name: str) -> Defacer:
    """Return the defacer called `name`.

    Raises
    ------
    ExportError
        "no-defacer": there is none, or it cannot be imported.
    """
    for entry in entry_points(group=DEFACERS_GROUP):
        if entry.name != name:
            continue
        found: Any = None
        with guarded(partial(_not_imported, name)):
            found = entry.load()
        if not callable(found):
            raise ExportError(f"the defacer {name!r} is no function", reason="no-defacer")
        return cast("Defacer", found)
    known = ", ".join(defacer_names()) or "none is installed"
    raise ExportError(f"there is no defacer {name!r:.80}: {known}", reason="no-defacer")


def begin_series(deface: Defacer, paths: Sequence[Path]) -> None:
    """Show a defacer the files of a series, if it wants to see them.

    Raises
    ------
    ExportError
        "bad-deface": it failed.
    """
    begin = getattr(deface, "begin_series", None)
    if begin is None:
        return
    with guarded(_failed):
        begin(list(paths))


def checked_deface(deface: Defacer, dataset: Dataset, pixels: Any) -> Any:
    """Return the pixels without a face, None when they stay.

    Raises
    ------
    ExportError, PixelError
        "bad-deface": it failed; it returned something else.
    """
    made: Any = None
    with guarded(_failed):
        made = deface(dataset, pixels)
    if made is None:
        return None
    if getattr(made, "shape", None) != pixels.shape or made.dtype != pixels.dtype:
        raise PixelError("the defacing changed shape or type", reason="bad-deface")
    return made


def _not_imported(name: str, error: Exception) -> NoReturn:
    raise ExportError(
        f"the defacer {name!r} cannot be imported: {error}", reason="no-defacer"
    ) from error


def _failed(error: Exception) -> NoReturn:
    # Its words may be of the header.
    raise ExportError(
        f"the defacing failed: {type(error).__name__}", reason="bad-deface"
    ) from error
