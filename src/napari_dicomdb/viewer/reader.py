"""npe2 reader: DICOM files, lists of them, folders; also without an extension.

What happens to a path:

- one file: that instance; its whole series, from the files beside it, when the
  user has said so;
- a list of files: every series among them, its default loadables;
- a folder that holds one series: its default loadables;
- a folder with several, or with too many files to look at while napari waits,
  or a DICOMDIR: goes to the browser, which imports it in the background into the
  database that is open there, by reference unless copying was chosen;
- without a viewer (``npe2.read``): the default loadables of everything;
- what holds no image (a report, a structure set): its content is shown in a dock
  beside the browser; it makes no layers.

What is opened directly is indexed in memory only: looking at a file leaves no
trace in the database.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import HeaderError, LoadError, NotDicomError
from napari_dicomdb.loading.content import CONTENT
from napari_dicomdb.loading.loaders.scene import SCENE
from napari_dicomdb.viewer.direct import current_viewer, default_loadables, layers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["get_reader", "is_dicom", "read"]

#: Files of a folder whose headers are read before it goes to the browser instead.
FILES_LOOKED_AT = 1000
#: Files of a folder that are sniffed for DICOM before the folder is refused.
FILES_SNIFFED = 200

_PREFIX_AT = 128
#: What a reader returns that has handled the paths but makes no layers.
_HANDLED: list[Any] = [(None,)]


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """Return `read` when `path` holds DICOM, else None.

    Parameters
    ----------
    path : str or sequence of str
        Files or folders. Every file must look like DICOM; a folder must hold
        one such file at least.
    """
    paths = _as_paths(path)
    if paths and all(_holds_dicom(one) for one in paths):
        return read
    return None


def read(path: str | Sequence[str]) -> list[Any]:
    """Return the layers of `path`, or hand it to the browser.

    Raises
    ------
    LoadError
        When there is nothing in it to show; the message says why.
    """
    paths = _as_paths(path)
    viewer = current_viewer()
    if viewer is not None and _for_browser(paths):
        from napari_dicomdb.viewer.browse import browse

        browse(viewer, paths)
        return _HANDLED
    loadables = default_loadables(paths, whole_series=viewer is not None and _whole_series())
    if not loadables:
        raise LoadError(
            f"{', '.join(map(str, paths))}: nothing in it can be shown as an image "
            "(the DICOM browser shows what it holds)",
            reason="no-loader",
        )
    contents = [one for one in loadables if one.kind == CONTENT]
    images = [one for one in loadables if one.kind != CONTENT]
    if viewer is not None and any(one.kind == SCENE for one in images):
        from napari_dicomdb.viewer.scene_files import show_scenes

        show_scenes(viewer, [one.instances[0].path for one in images if one.kind == SCENE])
        images = [one for one in images if one.kind != SCENE]
    if contents and viewer is not None:
        from napari_dicomdb.viewer.browse import show_content

        show_content(viewer, contents)
    return layers_of(images, viewer) if images else _HANDLED


def is_dicom(path: str | os.PathLike[str]) -> bool:
    """Tell by its first bytes whether a file is DICOM; False when it cannot be read.

    The DICM prefix after 128 bytes (PS3.10 Section 7.1), or a data set that
    starts at once, with an element of group 0002 or 0008 as old files do.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_PREFIX_AT + 4)
    except OSError:
        return False
    return head[_PREFIX_AT:] == b"DICM" or _starts_data_set(head)


def _starts_data_set(head: bytes) -> bool:
    if len(head) < 8 or head[:2] not in (b"\x02\x00", b"\x08\x00"):
        return False
    element = int.from_bytes(head[2:4], "little")
    value_representation, length = head[4:6], int.from_bytes(head[4:8], "little")
    explicit = value_representation.isalpha() and value_representation.isupper()
    # Implicit VR has the length in its place: the first values are short.
    return element <= 0x0070 and (explicit or length <= 1024)


def _as_paths(path: str | Sequence[str]) -> list[Path]:
    return [Path(path)] if isinstance(path, (str, os.PathLike)) else [Path(p) for p in path]


def _holds_dicom(path: Path) -> bool:
    if path.is_dir():
        return any(is_dicom(file) for file in itertools.islice(_files(path), FILES_SNIFFED))
    return is_dicom(path)


def _files(folder: Path) -> Iterator[Path]:
    """Walk the files of a folder: those of each folder by name, folders in order."""
    for directory, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(directory) / name


def _whole_series() -> bool:
    from napari_dicomdb.viewer.preferences import opens_series_of_file

    return opens_series_of_file()


def _for_browser(paths: Sequence[Path]) -> bool:
    """Whether to browse `paths` rather than to open them."""
    if any(p.name.upper() == "DICOMDIR" for p in paths):
        return True
    folders = [p for p in paths if p.is_dir()]
    return bool(folders) and not _is_one_series(folders)


def _is_one_series(folders: Sequence[Path]) -> bool:
    from napari_dicomdb.dicom.header import scan_file

    files = list(itertools.islice(itertools.chain(*map(_files, folders)), FILES_LOOKED_AT + 1))
    if len(files) > FILES_LOOKED_AT or any(f.name.upper() == "DICOMDIR" for f in files):
        return False
    # One file of each folder first: series often lie apart.
    firsts = {file.parent: file for file in reversed(files)}
    ordered = [*firsts.values(), *(f for f in files if firsts[f.parent] != f)]
    found: set[str] = set()
    for file in ordered:
        try:
            header = scan_file(file)
        except (NotDicomError, HeaderError, OSError):
            # Neither a second series nor a reason to refuse the folder.
            continue
        found.add(str(header.values.get("SeriesInstanceUID", "")))
        if len(found) > 1:
            return False
    return len(found) == 1
