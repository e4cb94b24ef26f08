"""What somebody asked to import, and doing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import slicer

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.database.report import ImportReport

__all__ = ["ImportRequest", "as_paths", "do_import"]


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What somebody asked to import."""

    paths: tuple[Path, ...]
    copy: bool = False
    workers: int | None = None
    dry_run: bool = False
    slicer_directory: Path | None = None  # take this over, rather than `paths`


def do_import(database: Database, request: ImportRequest, **told: Any) -> ImportReport:
    """Import what was asked for; of 3D Slicer's databases as `dicomdb db take-over` does."""
    if request.slicer_directory is not None:
        source = request.slicer_directory
        return slicer.take_over_into(database, source, copy=request.copy, **told)
    return database.import_paths(
        list(request.paths),
        copy=request.copy,
        workers=request.workers,
        dry_run=request.dry_run,
        **told,
    )


def as_paths(paths: Sequence[Any]) -> tuple[Path, ...]:
    """Return `paths` as `Path` objects."""
    return tuple(Path(path) for path in paths)
