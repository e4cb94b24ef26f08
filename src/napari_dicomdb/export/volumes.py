"""Series written as NIfTI, NRRD or Zarr, each with a JSON file that tells where it is from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import DicomDbError, ExportError, MissingLibraryError
from napari_dicomdb.export.files import ExportReport
from napari_dicomdb.export.naming import safe_name
from napari_dicomdb.export.staging import (
    absolute,
    cannot_write,
    make_folders,
    move_in,
    removed,
    staging_folder,
)
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from pathlib import Path

    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.volume import Volume

__all__ = ["VOLUME_ENDINGS", "export_volumes", "sidecar"]

VOLUME_ENDINGS = {
    ".nii.gz": "to_nifti",
    ".nii": "to_nifti",
    ".nrrd": "to_nrrd",
    ".zarr": "to_zarr",
}
"""Endings of what can be written, and the `Volume` method that does it."""


def export_volumes(
    chosen: Iterable[tuple[str, Iterable[Loadable]]],
    total: int,
    target: str | os.PathLike[str],
    *,
    ending: str = ".nii.gz",
    progress: Progress = no_progress,
) -> ExportReport:
    """Load and write each loadable; nothing that exists is written over.

    Parameters
    ----------
    chosen : iterable of (folder, loadables)
        Folder within `target` (POSIX, as `files.series_folders` names it) and what
        to write there. Loadables without an image are reported, not written.
    total : int
        How many `chosen` has, for the progress.
    target : path-like
        A folder, made when absent.
    ending : str
        One of `VOLUME_ENDINGS`.
    progress : Progress
        Called with the number of series done; may raise `Cancelled`, which keeps
        the volumes that are complete.

    Raises
    ------
    ExportError
        If the target cannot be written or its disk is full.
    MissingLibraryError
        If the library for this format is not installed.
    """
    place = absolute(target)
    if place.exists() and not place.is_dir():
        raise ExportError(f"{place} is a file: choose a folder", reason="file-exists")
    report = ExportReport(str(place))
    with staging_folder(place) as stage:
        for done, (folder, loadables) in enumerate(chosen):
            progress(done, total, f"Writing {ending.lstrip('.')}")
            for loadable in loadables:
                _export_one(loadable, place / folder, stage, ending, report, progress)
        progress(total, total, "Done")
    return report


def _export_one(
    loadable: Loadable,
    folder: Path,
    stage: Path,
    ending: str,
    report: ExportReport,
    progress: Progress,
) -> None:
    if loadable.kind == "content":
        text = "it holds no image that could be written"
        report.rejected.append((loadable.name, "no-pixels", text))
        return

    def told(done: int, total: int | None, text: str) -> None:
        progress(0, None, loadable.name)  # the outer count is of series; this one may cancel

    try:
        volume = loadable.load(progress=told, lazy=False)
    except MissingLibraryError:
        raise
    except DicomDbError as error:
        if error.reason == "cancelled":
            raise
        report.rejected.append((loadable.name, error.reason, str(error)))
        return
    made: list[Path] = []
    done: list[Path] = []
    staged = stage / "one"
    try:
        staged.mkdir()
        getattr(volume, VOLUME_ENDINGS[ending])(staged / f"volume{ending}")
        (staged / "volume.json").write_text(
            json.dumps(sidecar(loadable, volume), indent=2, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )
        size = _size(staged)
        make_folders(folder, made)
        name = _free_name(folder, safe_name(loadable.name, "volume"), ending)
        # The volume last: where it is, all is. Writers add files of their own: .bval and
        # .bvec of a diffusion series.
        for path in sorted(staged.iterdir(), key=lambda one: one.name == f"volume{ending}"):
            final = folder / f"{name}{path.name[len('volume') :]}"
            move_in(path, final)
            done.append(final)
    except (DicomDbError, OSError, ValueError, TypeError, OverflowError) as error:
        for path in done:
            removed(path)
        for path in reversed(made):
            path.rmdir()
        if isinstance(error, MissingLibraryError):
            raise
        if isinstance(error, DicomDbError):
            report.rejected.append((loadable.name, error.reason, str(error)))
            return
        if isinstance(error, OSError):
            raise cannot_write(folder, error) from error
        # The library's own word: not its message, which may hold a name.
        text = f"it cannot be written as {ending.lstrip('.')} ({type(error).__name__})"
        report.rejected.append((loadable.name, "not-written", text))
        return
    finally:
        removed(staged)
    report.size += size
    report.written += 1


def sidecar(loadable: Loadable, volume: Volume) -> dict[str, Any]:
    """Return where a volume is from, and what its format may not say.

    UIDs, axes with their coordinates and units, the exact affine to LPS
    millimetres and the findings; no value that tells who the patient is.
    """
    geometry = volume.geometry
    return {
        "name": loadable.name,
        "loader": loadable.loader.name,
        "series_uids": sorted({i.series_uid for i in loadable.instances}),
        "sop_instance_uids": [i.uid for i in loadable.instances],
        "dims": list(volume.dims),
        "shape": list(volume.shape),
        "coords": {
            name: {"values": [_plain(v) for v in coord.values], "unit": coord.unit}
            for name, coord in volume.coords.items()
        },
        "units": volume.units,
        "affine_lps": geometry.affine.tolist(),
        "spacing": list(geometry.spacing),
        "is_regular": geometry.is_regular,
        "frame_of_reference_uid": geometry.frame_of_reference_uid,
        "findings": [finding.to_json() for finding in volume.findings],
    }


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _free_name(folder: Path, name: str, ending: str) -> str:
    candidate, number = name, 1
    while any((folder / f"{candidate}{end}").exists() for end in (ending, ".json")):
        number += 1
        candidate = f"{name} ({number})"
    return candidate


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
