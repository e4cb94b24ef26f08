"""Pictures of what a viewer shows: PNG, and along a slider as PNG files or MP4."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError, MissingLibraryError
from napari_dicomdb.export.staging import staging_folder
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_dicomdb.progress import Progress

__all__ = [
    "TURN",
    "picture_of",
    "pictures_along",
    "pictures_around",
    "save_movie",
    "save_picture",
    "save_pictures",
]

TURN = -1
"""In place of an axis: once around, of a view in 3D."""

_TURN_STEPS = 120


def picture_of(viewer: Any, *, scale: float | None = None) -> NDArray[np.uint8] | None:
    """Return what the canvas shows as (rows, columns, 3); None where there is no canvas.

    Parameters
    ----------
    viewer : napari viewer
    scale : float, optional
        Larger than on the screen by this factor.
    """
    # Dock widgets are handed a proxy, which hides what napari does not call public.
    viewer = getattr(viewer, "__wrapped__", viewer)
    window = getattr(viewer, "window", None)
    if window is None or window._qt_viewer.canvas.native.size().isEmpty():
        # There is none, or docks leave no room for it: napari stumbles over that.
        return None
    shown = viewer.screenshot(canvas_only=True, flash=False, scale=scale)
    return np.ascontiguousarray(shown[..., :3])


def save_picture(viewer: Any, path: str | Path, *, scale: float | None = None) -> Path:
    """Write what the canvas shows as PNG; an existing file is replaced.

    Raises
    ------
    ExportError
        It cannot be written there, or there is no canvas.
    """
    from PIL import Image

    picture = _shown(viewer, scale)
    with _whole(Path(path)) as staged:
        Image.fromarray(picture).save(staged, "PNG")
    return Path(path)


def pictures_along(
    viewer: Any, axis: int, *, step: int = 1, scale: float | None = None
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the number of each step of a slider, and what is shown there.

    The slider is where it was afterwards, also when stopped midway.
    """
    dims = viewer.dims
    if not 0 <= axis < dims.ndim or step < 1:
        raise ExportError(f"there is no axis {axis} to go along", reason="bad-option")
    if axis in dims.displayed:
        raise ExportError(
            f"the axis {dims.axis_labels[axis]} is displayed, it has no slider: choose another",
            reason="bad-option",
        )
    before = dims.point
    try:
        for k in range(0, dims.nsteps[axis], step):
            dims.set_current_step(axis, k)
            yield k, _shown(viewer, scale)
    finally:
        dims.point = before


def pictures_around(
    viewer: Any, *, count: int = _TURN_STEPS, scale: float | None = None
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield pictures of the view in 3D, turned about what is up in it, once around.

    The camera is where it was afterwards, also when stopped midway.
    """
    if viewer.dims.ndisplay != 3 or count < 1:
        raise ExportError(
            "only a view in 3D can be turned: switch to it first", reason="bad-option"
        )
    camera = viewer.scene.camera
    before = camera.angles
    ahead, up = np.array(camera.view_direction), np.array(camera.up_direction)
    across = np.cross(up, ahead)
    try:
        for k in range(count):
            angle = 2 * np.pi * k / count
            if k:
                turned = np.cos(angle) * ahead + np.sin(angle) * across
                camera.set_view_direction(tuple(turned), tuple(up))
            yield k, _shown(viewer, scale)
    finally:
        camera.angles = before


def _pictures(
    viewer: Any, axis: int, step: int, scale: float | None
) -> tuple[int, Iterator[tuple[int, NDArray[np.uint8]]]]:
    if axis == TURN:
        count = max(1, _TURN_STEPS // max(1, step))
        return count, pictures_around(viewer, count=count, scale=scale)
    return _count(viewer, axis, step), pictures_along(viewer, axis, step=step, scale=scale)


def save_pictures(
    viewer: Any,
    folder: str | Path,
    axis: int,
    *,
    step: int = 1,
    scale: float | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write one PNG for each step of a slider (or of a `TURN`) into a new folder, all or none.

    Raises
    ------
    ExportError
        "file-exists": the folder is there; "bad-option"; it cannot be written.
    """
    from PIL import Image

    tell, place = progress or no_progress, Path(folder)
    if place.exists():
        raise ExportError(f"{place} exists: choose another folder", reason="file-exists")
    total, pictures = _pictures(viewer, axis, step, scale)
    names: list[str] = []
    try:
        with staging_folder(place) as stage:
            inner = stage / "pictures"
            inner.mkdir()
            for k, picture in pictures:
                tell(len(names), total, "Writing pictures")
                names.append(f"{k:05d}.png")
                Image.fromarray(picture).save(inner / names[-1], "PNG")
            os.replace(inner, place)
    except OSError as error:
        raise _refused(place, error) from error
    return [place / name for name in names]


def save_movie(
    viewer: Any,
    path: str | Path,
    axis: int,
    *,
    frame_rate: float = 10.0,
    step: int = 1,
    scale: float | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write an MP4 (H.264) of the view along a slider; an existing file is replaced.

    Pictures are taken on the calling thread, that of the window, and packed on another.

    Parameters
    ----------
    viewer : napari viewer
    path : path-like
    axis : int
        Of the slider; `TURN` for once around a view in 3D.
    frame_rate : float
        Pictures a second.
    step : int
        Take every so-manieth step.
    scale : float, optional
        Larger than on the screen by this factor.
    progress : Progress, optional
        Called before each picture is packed; may raise `Cancelled`.

    Raises
    ------
    MissingLibraryError
        PyAV is not installed.
    ExportError
        "bad-option"; it cannot be written.
    """
    try:
        import av
    except ImportError as error:
        raise MissingLibraryError(
            "writing MP4 needs PyAV: pip install 'napari-dicomdb[video]'"
        ) from error
    if not 0.1 <= frame_rate <= 120:
        raise ExportError("the frame rate is between 0.1 and 120 a second", reason="bad-option")
    tell = progress or no_progress
    total, pictures = _pictures(viewer, axis, step, scale)
    with _whole(Path(path)) as staged, av.open(str(staged), "w", format="mp4") as file:
        movie = _Movie(file, Fraction(frame_rate).limit_denominator(1000))
        with ThreadPoolExecutor(1, thread_name_prefix="dicomdb-movie") as packer:
            packing: Future[None] | None = None
            for done, (_, picture) in enumerate(pictures):
                tell(done, total, "Writing the movie")
                if packing is not None:
                    packing.result()  # no more than one waits
                packing = packer.submit(movie.add, picture)
            if packing is not None:
                packing.result()
            packer.submit(movie.finish).result()
    return Path(path)


class _Movie:
    """A stream of H.264 whose size is that of its first picture."""

    def __init__(self, file: Any, rate: Fraction) -> None:
        self._file, self._rate = file, rate
        self._stream: Any = None

    def add(self, picture: NDArray[np.uint8]) -> None:
        from av import VideoFrame

        # Colours at half resolution want even numbers of rows and columns.
        even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
        if self._stream is None:
            self._stream = self._file.add_stream("libx264", rate=self._rate)
            self._stream.height, self._stream.width = even.shape[:2]
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"crf": "18"}
        even = np.ascontiguousarray(even[: self._stream.height, : self._stream.width])
        for packet in self._stream.encode(VideoFrame.from_ndarray(even, format="rgb24")):
            self._file.mux(packet)

    def finish(self) -> None:
        for packet in self._stream.encode() if self._stream is not None else ():
            self._file.mux(packet)


def _shown(viewer: Any, scale: float | None) -> NDArray[np.uint8]:
    picture = picture_of(viewer, scale=scale)
    if picture is None:
        raise ExportError("there is no canvas to take a picture of", reason="no-canvas")
    return picture


def _count(viewer: Any, axis: int, step: int) -> int:
    if not 0 <= axis < viewer.dims.ndim or step < 1:
        raise ExportError(f"there is no axis {axis} to go along", reason="bad-option")
    return len(range(0, viewer.dims.nsteps[axis], step))


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a place to write to that becomes `path` when all went well."""
    staged: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".picture-", suffix=".part")
        os.close(handle)
        staged = Path(name)
        yield staged
        with open(staged, "rb") as file:
            os.fsync(file.fileno())
        os.replace(staged, path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        if staged is not None:
            staged.unlink(missing_ok=True)


def _refused(place: Path, error: OSError) -> OSError:
    if isinstance(error, (ExportError, MissingLibraryError)):
        return error
    return ExportError(f"{place} cannot be written: {error.strerror or error}")
