"""What a file draws over its image: overlay planes, shutters, regions of ultrasound.

A volume carries them in ``meta["annotations"]``, on its own grid; they are read
when they are looked at, and the viewer adds them as layers that are off at first.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.overlays import overlays_of
from napari_dicomdb.dicom.pixels import PixelDescription, read_frame
from napari_dicomdb.dicom.shutters import shutter_mask
from napari_dicomdb.dicom.ultrasound import regions_of
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import PixelError
from napari_dicomdb.loading.lazy import LazyArray
from napari_dicomdb.loading.reading import ReadProblems

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["Annotation", "annotations_of"]

_SHUTTER, _OVERLAYS, _REGIONS = "shutter", "overlays", "ultrasound regions"


@dataclass(frozen=True, eq=False)
class Annotation:
    """Something drawn over an image.

    Parameters
    ----------
    kind : str
        "labels": `data` is an array of small integers like the volume's, without
        colours; "shapes": `data` is a list of polygons.
    name : str
        "overlays", "shutter", "ultrasound regions".
    data : array_like or list of (N, 2) ndarray
        Lazy; 0 is background. Vertices of polygons are (row, column).
    features : mapping of str to list
        Columns of what is told of each label (from 1) or polygon.
    """

    kind: str
    name: str
    data: Any
    features: Mapping[str, list[Any]] = field(default_factory=dict)


def annotations_of(frames: FrameSet, leading: tuple[int, ...]) -> tuple[Annotation, ...]:
    """Return what the files of `frames` draw over them.

    Parameters
    ----------
    frames : FrameSet
        In the order of the volume.
    leading : tuple of int
        Its shape before (row, column).

    Notes
    -----
    Whether there is anything is known from the index: no file is opened where
    there is nothing.
    """
    found: list[Annotation] = []
    if any(frames.tilings) or int(np.prod(leading, dtype=np.int64)) != len(frames):
        return ()  # drawn over sheets of tiles, or not frame by frame
    places = np.arange(len(frames)).reshape(leading)
    for keyword, name in (("OverlayRows", _OVERLAYS), ("ShutterShape", _SHUTTER)):
        with_it = [i for i in frames.instances if i.get(keyword)]
        if with_it:
            marks = LazyArray(_Marks(frames, name), places)
            found.append(Annotation("labels", name, marks, _label_features(name, with_it[0])))
    regions = regions_of(frames.instances[0].values)
    if regions:
        corners = [
            np.array(
                [
                    (r.top - 0.5, r.left - 0.5),
                    (r.top - 0.5, r.right + 0.5),
                    (r.bottom + 0.5, r.right + 0.5),
                    (r.bottom + 0.5, r.left - 0.5),
                ]
            )
            for r in regions
        ]
        features: dict[str, list[Any]] = {
            "label": [r.label for r in regions],
            "row_unit": [r.units[0] for r in regions],
            "column_unit": [r.units[1] for r in regions],
            "row_delta": [r.deltas[0] for r in regions],
            "column_delta": [r.deltas[1] for r in regions],
        }
        found.append(Annotation("shapes", _REGIONS, corners, features))
    return tuple(found)


def _label_features(name: str, record: InstanceRecord) -> dict[str, list[Any]]:
    if name == _SHUTTER:
        return {"index": [1], "label": ["covered by the shutter"]}
    try:
        planes = overlays_of(_header(record.path))
    except OSError:
        planes = ()
    return {
        "index": [plane.number for plane in planes],
        "label": [plane.name for plane in planes],
        "type": ["region of interest" if plane.is_roi else "graphics" for plane in planes],
    }


class _Marks:
    """Reads the overlays or the shutter of frames as labels; a file's header is read once."""

    def __init__(self, frames: FrameSet, name: str) -> None:
        first = frames.instances[0]
        self.frame_shape: tuple[int, ...] = (first.rows, first.columns)
        self.dtype: np.dtype[Any] = np.dtype(np.uint8)
        self.fill = 0.0
        self.problems = ReadProblems()
        self._frames = frames
        self._draw = _draw_overlays if name == _OVERLAYS else _draw_shutter

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Draw what lies over frame `index` (into `out`)."""
        marks = np.zeros(self.frame_shape, np.uint8) if out is None else out
        marks[...] = 0
        self._draw(self._frames.instance(index), int(self._frames.number[index]), marks)
        return marks


def _draw_overlays(record: InstanceRecord, frame: int, marks: NDArray[Any]) -> None:
    if not record.get("OverlayRows"):
        return
    cells = None
    for plane in overlays_of(_header(record.path)):
        if plane.embedded:
            cells = _cells(record, frame) if cells is None else cells
            shown = plane.embedded_bits(cells)
        else:
            shown = plane.bits(frame, *marks.shape)
        marks[shown] = plane.number


def _cells(record: InstanceRecord, frame: int) -> NDArray[Any]:
    """Cells of a frame with all their bits: those beside the stored ones hold overlays."""
    described = PixelDescription.from_record(record)
    width = described.bits_allocated
    whole = replace(described, bits_stored=width, high_bit=width - 1, pixel_representation=0)
    cells = read_frame(record.path, whole, frame, rgb=False)
    if cells.ndim != 2:
        raise PixelError(f"{record.path}: an overlay embedded in colours")
    return cells


def _draw_shutter(record: InstanceRecord, frame: int, marks: NDArray[Any]) -> None:
    if record.get("ShutterShape"):
        covered = shutter_mask(_header(record.path), *marks.shape)
        if covered is not None:
            marks[covered] = 1


_headers: OrderedDict[Path, Dataset] = OrderedDict()
_lock = Lock()
_MOST_HEADERS = 8


def _header(path: Path) -> Dataset:
    """Read the header of a file; the last few are kept, for loops have many frames."""
    from pydicom import dcmread

    with _lock:  # warnings are caught for the whole process: one thread at a time
        if path in _headers:
            _headers.move_to_end(path)
            return _headers[path]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                header = dcmread(path, stop_before_pixels=True, force=True)
        except unreadable() as error:
            raise PixelError(f"{path}: {error}") from error
        _headers[path] = header
        while len(_headers) > _MOST_HEADERS:
            _headers.popitem(last=False)
        return header
