"""Pictures of what a viewer shows: PNG, and along a slider as PNG files or MP4."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError, MissingLibraryError
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_dicomdb.progress import Progress

__all__ = ["picture_of", "pictures_along", "save_movie", "save_picture", "save_pictures"]


def picture_of(viewer: Any, *, scale: float | None = None) -> NDArray[np.uint8] | None:
    """Return what the canvas shows as (rows, columns, 3); None where there is no canvas.

    Parameters
    ----------
    viewer : napari viewer
    scale : float, optional
        Larger than on the screen by this factor.
    """
    if getattr(viewer, "window", None) is None:
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


def save_pictures(
    viewer: Any,
    folder: str | Path,
    axis: int,
    *,
    step: int = 1,
    scale: float | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write one PNG for each step of a slider into a new folder, all or none.

    Raises
    ------
    ExportError
        "file-exists": the folder is there; "bad-option"; it cannot be written.
    """
    from PIL import Image

    tell, place = progress or no_progress, Path(folder)
    if place.exists():
        raise ExportError(f"{place} exists: choose another folder", reason="file-exists")
    total = _count(viewer, axis, step)
    names: list[str] = []
    try:
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".pictures-") as stage:
            inner = Path(stage) / "pictures"
            inner.mkdir()
            for k, picture in pictures_along(viewer, axis, step=step, scale=scale):
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
    from fractions import Fraction

    if not 0.1 <= frame_rate <= 120:
        raise ExportError("the frame rate is between 0.1 and 120 a second", reason="bad-option")
    tell, total = progress or no_progress, _count(viewer, axis, step)
    with _whole(Path(path)) as staged, av.open(str(staged), "w", format="mp4") as file:
        stream = None
        for done, (_, picture) in enumerate(pictures_along(viewer, axis, step=step, scale=scale)):
            tell(done, total, "Writing the movie")
            # Colours at half resolution want even numbers of rows and columns.
            even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
            if stream is None:
                rate = Fraction(frame_rate).limit_denominator(1000)
                stream = file.add_stream("libx264", rate=rate)
                stream.height, stream.width = even.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.options = {"crf": "18"}
            even = np.ascontiguousarray(even[: stream.height, : stream.width])
            for packet in stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")):
                file.mux(packet)
        for packet in stream.encode() if stream is not None else ():
            file.mux(packet)
    return Path(path)


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
