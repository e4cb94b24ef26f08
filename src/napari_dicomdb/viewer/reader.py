"""npe2 reader: DICOM files, lists of them, folders; also without an extension.

What happens to a path:

- one file: that instance; its whole series, from the files beside it, when the
  user has said so;
- a list of files: every series among them, its default loadables;
- a folder that holds one series: its default loadables;
- a folder with several, or with too many files to look at while napari waits,
  or a DICOMDIR: goes to the browser, which imports it in the background, by
  reference, into the database of the settings;
- without a viewer (``npe2.read``): the default loadables of everything.

What is opened directly is indexed in memory only: looking at a file leaves no
trace in the database.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import HeaderError, LoadError, NotDicomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_dicomdb.loading.loadable import LayerData, Loadable

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
    viewer = _current_viewer()
    if viewer is not None and _for_browser(paths):
        from napari_dicomdb.viewer.browse import browse

        browse(viewer, paths)
        return _HANDLED
    loadables = _default_loadables(paths, whole_series=viewer is not None and _whole_series())
    if not loadables:
        raise LoadError(
            f"{', '.join(map(str, paths))}: nothing in it can be shown as an image "
            "(the DICOM browser shows what it holds)",
            reason="no-loader",
        )
    return _layers(loadables, viewer)


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


def _current_viewer() -> Any:
    # Where napari has not been imported there is no viewer either.
    napari = sys.modules.get("napari")
    return None if napari is None else napari.current_viewer()


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


def _default_loadables(paths: Sequence[Path], *, whole_series: bool) -> list[Loadable]:
    from napari_dicomdb.api import Database

    with Database.in_memory() as database:
        only_file = paths[0] if len(paths) == 1 and paths[0].is_file() else None
        if whole_series and only_file is not None:
            beside = [p for p in sorted(only_file.parent.iterdir()) if p.is_file()]
            database.import_paths(beside)
            opened = database.instances(paths=[only_file])
            selections: list[Any] = sorted({i.series_uid for i in opened})
        else:
            report = database.import_paths(list(paths))
            selections = list(database.series())
            if not selections and report.rejected:
                file, reason, text = report.rejected[0]
                raise LoadError(f"{file}: {text}", reason=reason)
        loadables = []
        for selection in selections:
            ways = database.examine(selection)
            loadables += [way for way in ways if way.selected] or list(ways[:1])
        return loadables


def _layers(loadables: Sequence[Loadable], viewer: Any) -> list[LayerData | Any]:
    """Make the layers of `loadables`, all in one frame.

    For a viewer they are made here, because the range of the contrast slider
    is no part of a ``LayerData`` tuple.
    """
    from napari_dicomdb.viewer.frame import current_frame

    frame = None if viewer is None else current_frame(viewer)
    layers: list[Any] = []
    for loadable in loadables:
        for layer_data in loadable.to_layers(loadable.load(), frame=frame):
            placed = layer_data[1]["metadata"]["dicomdb"]["frame"]
            frame = placed if frame is None else frame
            if viewer is None:
                layers.append(layer_data)
                continue
            from napari_dicomdb.viewer.open import make_layer, note_frame_of_reference

            note_frame_of_reference(viewer, layer_data)
            layers.append(make_layer(layer_data))
    return layers
