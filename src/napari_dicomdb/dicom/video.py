"""Frames of video transfer syntaxes (MPEG-2, MPEG-4 AVC, HEVC) through PyAV, where installed.

A video is one stream over all frames (PS3.5 Section 8.2.5 and following): a frame can
be decoded only after those before it, from the last one that stands alone. Readers
of the last few files are kept with their decoder, so that playing costs one frame a
frame, and jumping costs the frames since a key frame.
"""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.fragments import frame_index, frame_spans
from napari_dicomdb.errors import MissingDecoderError, PixelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_dicomdb.dicom.bits import Array
    from napari_dicomdb.dicom.description import PixelDescription
    from napari_dicomdb.dicom.fragments import Span

__all__ = ["VIDEO_SYNTAXES", "VideoReader", "close_videos", "is_available", "read_video_frame"]

_NUMBERS = range(100, 109)
VIDEO_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in _NUMBERS) | frozenset(
    f"1.2.840.10008.1.2.4.{n}.1" for n in _NUMBERS[:7]
)
"""MPEG2 Main Profile to HEVC Main 10, with their fragmentable twins."""

_REMEDY = "pip install 'napari-dicomdb[video]' (PyAV)"
_BUFFER = 1 << 20
_AHEAD = 48  # frames that are decoded on the way rather than looked up by a seek
_KEPT_BYTES = 96 << 20
_MOST_READERS = 2
_HIGH_DEFINITION = 720  # rows from which colours are those of BT.709, unless the stream says


def is_available() -> bool:
    """Whether PyAV is here."""
    try:
        import av
    except ImportError:
        return False
    return bool(av.__version__)


def read_video_frame(
    path: str | os.PathLike[str], description: PixelDescription, frame: int, offset: int
) -> Array:
    """Decode one frame of a video.

    Parameters
    ----------
    path : path-like
        The DICOM file.
    description : PixelDescription
        Of its pixels; the transfer syntax is one of `VIDEO_SYNTAXES`.
    frame : int
        From 0.
    offset : int
        Of the Basic Offset Table's item.

    Returns
    -------
    (rows, columns, 3) or (rows, columns) ndarray
        RGB, or grey when SamplesPerPixel is 1.

    Raises
    ------
    MissingDecoderError
        If PyAV is not installed.
    PixelError
        If the stream is damaged or has no such frame.
    """
    if not is_available():
        from pydicom.uid import UID

        uid = description.transfer_syntax_uid
        raise MissingDecoderError(f"video {UID(uid).name} ({uid}) needs a library: {_REMEDY}")
    return _reader_of(path, description, offset).frame(frame)


class _Stream(io.RawIOBase):
    """The fragments of one file as one seekable stream; holds no file open between reads."""

    def __init__(self, path: str, spans: Sequence[Span]) -> None:
        self._path = path
        self._spans = spans
        self._starts = np.concatenate([[0], np.cumsum([length for _, length in spans])])
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: int(self._starts[-1])}
        self._place = max(base[whence] + offset, 0)
        return self._place

    def read(self, size: int = -1) -> bytes:
        left = int(self._starts[-1]) - self._place
        size = left if size < 0 else min(size, left)
        parts = []
        with open(self._path, "rb", buffering=0) as file:
            while size > 0:
                number = int(np.searchsorted(self._starts, self._place, side="right")) - 1
                start, length = self._spans[number]
                inside = self._place - int(self._starts[number])
                file.seek(start + inside)
                part = file.read(min(size, length - inside))
                if not part:
                    break
                parts.append(part)
                self._place += len(part)
                size -= len(part)
        return b"".join(parts)


class VideoReader:
    """Decodes the frames of one stream in any order; one thread at a time.

    Parameters
    ----------
    path : str
        For messages.
    stream : binary file
        Seekable; the whole video.
    description : PixelDescription

    Raises
    ------
    PixelError
        If it is no video that FFmpeg knows.
    """

    def __init__(self, path: str, stream: Any, description: PixelDescription) -> None:

        self._path = path
        self._description = description
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Array] = OrderedDict()
        self._times: Array | None = None
        self._keys: list[int] = []
        self._stream = stream
        self._container: Any = None
        self._open()

    def _open(self) -> None:
        """Begin from the first frame; a bare stream knows no other way back."""
        import av

        if self._container is not None:
            self._container.close()
        self._stream.seek(0)
        try:
            self._container = av.open(self._stream, buffer_size=_BUFFER)
            self._video: Any = self._container.streams.video[0]
        except (av.FFmpegError, IndexError) as error:
            raise PixelError(f"{self._path}: the video cannot be read: {error}") from error
        self._video.thread_type = "AUTO"
        self._frames: Iterator[Any] = self._container.decode(self._video)
        self._next = 0

    def close(self) -> None:
        """Give the decoder back; the reader is of no use afterwards."""
        with self._lock:
            self._container.close()
            self._kept.clear()

    def frame(self, number: int) -> Array:
        """Return frame `number`, from 0, in order of presentation."""
        import av

        with self._lock:
            if number not in self._kept:
                try:
                    if not self._next <= number <= self._next + _AHEAD:
                        self._go_to(number)
                    self._decode_until(number)
                except av.FFmpegError as error:
                    self._open()
                    raise PixelError(
                        f"{self._path}: frame {number} of the video is damaged: {error}"
                    ) from error
            return self._kept[number].copy()

    def _decode_until(self, number: int) -> None:
        most = max(2, _KEPT_BYTES // max(self._bytes, 1))
        while number not in self._kept:
            image = next(self._frames, None)
            if image is None:
                have = self._next
                self._open()
                raise PixelError(
                    f"{self._path}: the video has {have} frames, the header says "
                    f"{self._description.frame_count}",
                    reason="truncated-pixels",
                )
            place = self._place_of(image)
            # What lies far before is not converted: it is only decoded on the way.
            if number - place < most:
                self._kept[place] = self._colours(image)
            self._next = place + 1
            while len(self._kept) > most:
                self._kept.popitem(last=False)

    @property
    def _bytes(self) -> int:
        d = self._description
        return d.rows * d.columns * d.samples * (2 if d.bits_allocated > 8 else 1)

    def _colours(self, image: Any) -> Array:
        from av.video.reformatter import Colorspace

        d = self._description
        deep = d.bits_allocated > 8
        grey = d.samples == 1
        wanted = ("gray16le" if grey else "rgb48le") if deep else ("gray" if grey else "rgb24")
        options: dict[str, Any] = {}
        if image.height >= _HIGH_DEFINITION and int(image.colorspace) in (0, 2):
            options["src_colorspace"] = Colorspace.ITU709
        cells: Array = image.reformat(format=wanted, **options).to_ndarray()
        expected = (d.rows, d.columns) if grey else (d.rows, d.columns, 3)
        if cells.shape != expected:
            raise PixelError(
                f"{self._path}: the video is of {cells.shape[0]} × {cells.shape[1]} pixels, the "
                f"header says {d.rows} × {d.columns}"
            )
        if deep:
            cells = cells >> (16 - d.bits_stored)
        return np.ascontiguousarray(cells)

    def _go_to(self, number: int) -> None:
        """Put the decoder before `number`: at the key frame before it, else at the start."""
        times = self._presentation_times()
        if times is not None and number < len(times):
            key = max((k for k in self._keys if k <= number), default=0)
            self._container.seek(int(times[key]), stream=self._video, backward=True)
            self._frames = self._container.decode(self._video)
            first = next(self._frames, None)
            # What FFmpeg cannot find by its time is looked for from the start.
            if first is not None and first.pts in times and self._place_of(first) <= number:
                place = self._place_of(first)
                self._kept[place] = self._colours(first)
                self._next = place + 1
                return
        self._open()

    def _place_of(self, image: Any) -> int:
        """Return the number of a decoded frame: by its time where times are known."""
        if self._times is None or image.pts is None or image.pts not in self._times:
            return self._next
        return int(np.searchsorted(self._times, image.pts))

    def _presentation_times(self) -> Array | None:
        """Return the times of all frames in order, from the packets; None without times."""
        if self._times is None:
            self._open()
            packets = [
                (packet.pts, packet.is_keyframe)
                for packet in self._container.demux(self._video)
                if packet.size
            ]
            known = [pts for pts, _ in packets if pts is not None]
            if len(known) == len(packets) and len(set(known)) == len(known):
                self._times = np.sort(np.array(known, dtype=np.int64))
                keys = [pts for pts, is_key in packets if is_key]
                self._keys = np.searchsorted(self._times, keys).tolist()
            else:
                self._times = np.zeros(0, dtype=np.int64)
        return self._times if len(self._times) else None


_readers: OrderedDict[tuple[str, int, int], VideoReader] = OrderedDict()
_readers_lock = threading.Lock()


def _reader_of(
    path: str | os.PathLike[str], description: PixelDescription, offset: int
) -> VideoReader:
    name = os.fspath(path)
    facts = os.stat(path)
    key = (name, facts.st_size, facts.st_mtime_ns)
    with _readers_lock:
        found = _readers.get(key)
        if found is None:
            with open(path, "rb", buffering=0) as file:
                index = frame_index(file, name, facts.st_size, facts.st_mtime_ns, offset, 1)
                spans = frame_spans(file, index, 0, facts.st_size)
            found = _readers[key] = VideoReader(name, _Stream(name, spans), description)
        _readers.move_to_end(key)
        while len(_readers) > _MOST_READERS:
            _readers.popitem(last=False)
        return found


def close_videos() -> None:
    """Close all decoders (a test, or memory, asks for it)."""
    with _readers_lock:
        while _readers:
            _readers.popitem()[1].close()
