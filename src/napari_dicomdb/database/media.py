"""What a DICOMDIR lists: files there, files missing, and names that must not be followed."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from napari_dicomdb.database.report import Remark

__all__ = ["is_media", "listed_files"]


def is_media(path: str) -> bool:
    """Tell whether a file is a DICOMDIR (Media Storage Directory)."""
    try:
        return scan_file(path).media
    except (DicomDbError, OSError):
        return False  # whoever scans it next says why


def listed_files(path: str) -> tuple[list[str], list[Remark]]:
    """Return the files that a DICOMDIR lists.

    Parameters
    ----------
    path : str
        A DICOMDIR.

    Returns
    -------
    present : list of str
        Paths of the files that are there, in the order listed.
    missing : list of (path, reason, text)
        Those absent ("dicomdir-file-missing"), or refused because the entry
        points out of the DICOMDIR's folder ("dicomdir-unsafe-path").

    Notes
    -----
    Records are taken in the order of the file, whatever their offsets say:
    PS3.3 Section F.3.2.2 links them by byte offsets that are often wrong, and
    which file belongs to which patient is in the files.
    """
    folder = os.path.dirname(path)
    present: dict[str, None] = {}
    missing: dict[str, Remark] = {}
    names = _Names()
    try:
        listed = list(_file_ids(path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        return [], [(path, "bad-dicomdir", f"its records cannot be read: {error!r:.200}")]
    for components in listed:
        shown = os.sep.join([folder, *components])
        if not components or not all(map(_is_plain_name, components)):
            text = "the entry does not name a file below the DICOMDIR's folder; not followed"
            missing[shown] = ("\\".join(components), "dicomdir-unsafe-path", text)
            continue
        found = names.resolve(folder, components)
        if found is None:
            text = f"listed in {path}, but not there"
            missing[shown] = (shown, "dicomdir-file-missing", text)
        else:
            present[found] = None
    return list(present), list(missing.values())


def _file_ids(path: str) -> Iterator[list[str]]:
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset: Dataset = pydicom.dcmread(path, force=True)
        for record in dataset.get("DirectoryRecordSequence") or []:
            file_id = record.get("ReferencedFileID")
            if not file_id:
                continue
            parts = [file_id] if isinstance(file_id, str) else list(file_id)
            # Some writers give one value with slashes.
            yield [piece for part in parts for piece in str(part).replace("\\", "/").split("/")]


def _is_plain_name(component: str) -> bool:
    return bool(component) and component not in (".", "..") and not set(component) & set("/\\:\0")


class _Names:
    """Finds files whatever the case in which a medium was copied."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, str]] = {}

    def resolve(self, folder: str, components: list[str]) -> str | None:
        """Return the path of a listed file, or None when it is not there."""
        exact = os.path.join(folder, *components)
        if os.path.isfile(exact):
            return exact
        place = folder
        for component in components:
            name = self._entries(place).get(component.lower())
            if name is None:
                return None
            place = os.path.join(place, name)
        return place if os.path.isfile(place) else None

    def _entries(self, folder: str) -> dict[str, str]:
        found = self._folders.get(folder)
        if found is None:
            try:
                listing = sorted(os.listdir(folder), reverse=True)
            except OSError:
                listing = []
            found = {name.lower(): name for name in listing}
            # ISO 9660 names as seen without its extensions: "IMAGE01.;1"
            found |= {
                name.lower().partition(";")[0].rstrip("."): name for name in listing if ";" in name
            }
            self._folders[folder] = found
        return found
