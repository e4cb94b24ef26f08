"""Frames of a remote series: fetched when they are looked at, kept within a number of bytes.

What is fetched is kept encoded, as it came; decoded frames have a cache of their own
(`loading.lazy.frame_cache`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.database.private_folders import working_folder
from napari_dicomdb.dicom.streamed import COMING, FetchedFrame, WholeFile, may_wait
from napari_dicomdb.errors import Cancelled, DicomDbError, NetworkError
from napari_dicomdb.loading.frame_cache import FrameCache
from napari_dicomdb.network.dicomweb.client import DicomWebClient
from napari_dicomdb.network.dicomweb.fetching import fetch_instances
from napari_dicomdb.network.dicomweb.file_sink import FileSink
from napari_dicomdb.network.dicomweb.frames import fetch_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.network.node import Node

__all__ = ["FrameStream", "InstanceFrames", "encoded_cache"]

LARGEST_CACHE = 512 << 20
"""Bytes of encoded frames that are kept of all remote series together."""

LARGEST_FILES = 2 << 30
"""Bytes of whole files on disk, of servers that give no frames."""

_AHEAD, _BEHIND = 6, 2
_THREADS = 4
_COOL_DOWN = 3.0  # seconds in which a server that did not answer is not asked again
_AWAY = frozenset({"closed", "timeout", "refused", "unreachable", "busy", "name-not-resolved"})
# A server that gives no frames, or not of this object: whole files do.
_NO_FRAMES = frozenset(
    {
        "bad-request", "not-found", "not-offered", "not-acceptable", "server-error",
        "http-status", "bad-multipart",
    }
)  # fmt: skip
_owners = count()
_cache = FrameCache(LARGEST_CACHE)
_log = logging.getLogger(__name__)


def encoded_cache() -> FrameCache:
    """Return the cache of encoded frames that all streams share; its `limit` may be changed."""
    return _cache


class _Ending:
    """Lets a stream's connections end when nobody looks at it any more."""

    def __init__(self) -> None:
        self.ended = False

    def waiting(self) -> None:
        if self.ended or not threading.main_thread().is_alive():
            raise Cancelled("the series is not looked at any more")


class FrameStream:
    """Fetches the frames of one series, from any thread, and those next to them.

    Parameters
    ----------
    node : Node
        Of kind "dicomweb".
    study_uid, series_uid : str

    Attributes
    ----------
    folder : Path
        For headers and whole files; deleted when the stream is.
    fetched : int
        How many frames came over the network until now.
    fetches_ahead : bool
        Whether the neighbours of a frame that is looked at are fetched, too.
    always_waits : bool
        False: a thread that may not wait (`dicom.streamed.may_wait`) gets an error with
        reason "coming" for what is not here, and is told when it has arrived.
    on_arrived : list of callable
        Called, from any thread, when something has arrived or could not be had.
    """

    def __init__(self, node: Node, study_uid: str, series_uid: str) -> None:
        self.node = node
        folders = contextlib.ExitStack()
        self.folder = folders.enter_context(working_folder())
        self.fetched = 0
        self.fetches_ahead = True
        self.always_waits = True
        self.on_arrived: list[Callable[[], None]] = []
        self._study, self._series = study_uid, series_uid
        self._ending = _Ending()
        self._owner = -1 - next(_owners)
        self._order: list[tuple[str, int]] = []
        self._place: dict[tuple[str, int], int] = {}
        self._syntaxes: dict[int, str] = {}
        self._files: OrderedDict[str, WholeFile] = OrderedDict()
        self._whole: set[str] = set()
        self._lock = threading.Lock()
        self._away: tuple[float, NetworkError] | None = None
        self._last = 0
        self._coming: set[int] = set()  # places that are being fetched ahead
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="dicomdb-stream")
        self._client = DicomWebClient(node, waiting=self._ending.waiting, pauses=(0.1,))
        self._finalizer = weakref.finalize(
            self, _end, folders, self._client, self._pool, self._ending, self._owner
        )

    def close(self) -> None:
        """End it: connections, threads, files. Frames cannot be read any more."""
        self._finalizer()

    def set_order(self, frames: Sequence[tuple[str, int]]) -> None:
        """Say which frames lie next to each other.

        Parameters
        ----------
        frames : sequence of (SOPInstanceUID, frame from 0)
        """
        self._order = list(frames)
        self._place = {frame: place for place, frame in enumerate(self._order)}

    def use_whole_file(self, uid: str, found: WholeFile | None = None) -> None:
        """Read an instance from its whole file, here already or fetched when it is needed."""
        self._whole.add(uid)
        if found is not None:
            self._files[uid] = found

    def fetch(self, uid: str, frame: int) -> FetchedFrame | WholeFile:
        """Return a frame, from the cache or the server; then fetch its neighbours.

        Raises
        ------
        NetworkError
            If the server does not give it now.
        """
        place = self._place.get((uid, frame))
        forwards = place is None or place >= self._last
        self._last = self._last if place is None else place
        if place is not None and not (self.always_waits or may_wait() or self.has(place)):
            self._require_server()
            if place not in self._coming:
                self._later(place)
            self._prefetch(place, 1 if forwards else -1)
            raise NetworkError("the image is on its way", reason=COMING)
        found = self._fetched(uid, frame)
        if place is not None:
            self._prefetch(place, 1 if forwards else -1)
        return found

    def has(self, place: int) -> bool:
        """Whether the frame at a place of the order is here."""
        uid = self._order[place][0]
        return uid in self._files if uid in self._whole else (self._owner, place) in _cache

    def _fetched(self, uid: str, frame: int) -> FetchedFrame | WholeFile:
        if uid in self._whole:
            return self._file(uid)
        place = self._place[uid, frame]
        key = (self._owner, place)
        try:
            content = _cache.get(key, partial(self._ask, uid, frame, place))
        except NetworkError as error:
            if error.reason not in _NO_FRAMES:
                raise
            _log.info("%s gives no frames of %s (%s)", self.node.name, uid, error.reason)
            self._whole.add(uid)
            return self._file(uid)
        return FetchedFrame(content.tobytes(), self._syntaxes[place])

    def _ask(self, uid: str, frame: int, place: int) -> NDArray[np.uint8]:
        self._require_server()
        try:
            came = fetch_frame(self._client, self._study, self._series, uid, frame + 1)
        except NetworkError as error:
            self._note(error)
            raise
        self._away = None
        self._syntaxes[place] = came.transfer_syntax_uid
        self.fetched += 1
        return np.frombuffer(came.content, np.uint8)

    def _require_server(self) -> None:
        away = self._away
        if away is not None and time.monotonic() < away[0]:
            raise NetworkError(str(away[1]), reason=away[1].reason)

    def _note(self, error: NetworkError) -> None:
        if error.reason in _AWAY:
            self._away = (time.monotonic() + _COOL_DOWN, error)

    def _file(self, uid: str) -> WholeFile:
        """Return the whole file of an instance; one thread fetches at a time."""
        with self._lock:
            found = self._files.get(uid)
            if found is not None and found.path.exists():
                self._files.move_to_end(uid)
                return found
            self._require_server()
            sinks: list[FileSink] = []

            def store(sop_class: str, instance: str, syntax: str) -> FileSink:
                sinks.append(FileSink(self.folder, (sop_class, instance, syntax)))
                return sinks[-1]

            try:
                report = fetch_instances(
                    self.node, self._study, self._series, uid, store=store, pauses=(),
                    client=self._client,
                )  # fmt: skip
            except NetworkError as error:
                self._note(error)
                raise
            if report.failed or not sinks or sinks[-1].header is None:
                why = report.failed[0][2] if report.failed else "nothing came"
                raise NetworkError(f"the server did not give the image: {why}", reason="not-sent")
            self.fetched += 1
            made = WholeFile(sinks[-1].path, sinks[-1].describe())
            self._files[uid] = made
            self._bound_files()
            return made

    def _bound_files(self) -> None:
        size = sum(found.path.stat().st_size for found in self._files.values())
        while size > LARGEST_FILES and len(self._files) > 1:
            _, old = self._files.popitem(last=False)
            size -= old.path.stat().st_size
            old.path.unlink()

    def _prefetch(self, place: int, step: int) -> None:
        """Fetch what lies ahead, and a little of what lies behind, if it is not here."""
        if self._away is not None or not self.fetches_ahead:
            return
        ahead = [place + step * n for n in range(1, _AHEAD + 1)]
        behind = [place - step * n for n in range(1, _BEHIND + 1)]
        for near in (*ahead, *behind):
            if not 0 <= near < len(self._order) or near in self._coming:
                continue
            if not self.has(near):
                self._later(near)

    def _later(self, place: int) -> None:
        self._coming.add(place)
        try:
            self._pool.submit(_fetch_quietly, weakref.ref(self), place)
        except RuntimeError:  # the stream ends
            self._coming.discard(place)

    def fetch_ahead(self, place: int) -> None:
        """Fetch the frame at a place of the order; what fails is said when it is looked at."""
        try:
            self._fetched(*self._order[place])
        except DicomDbError as error:
            _log.debug("not fetched ahead: %s", error.reason)
        finally:
            self._coming.discard(place)
        for tell in list(self.on_arrived):
            tell()


class InstanceFrames:
    """The frames of one instance of a stream; what a `StreamedPath` refers to.

    Parameters
    ----------
    stream : FrameStream
    uid : str
        SOPInstanceUID.
    """

    def __init__(self, stream: FrameStream, uid: str) -> None:
        self.stream, self.uid = stream, uid

    def fetch(self, frame: int) -> FetchedFrame | WholeFile:
        """Return frame `frame` (from 0); see `FrameStream.fetch`."""
        return self.stream.fetch(self.uid, frame)


def _fetch_quietly(stream: weakref.ReferenceType[FrameStream], place: int) -> None:
    alive = stream()
    if alive is not None:
        alive.fetch_ahead(place)


def _end(
    folders: contextlib.ExitStack,
    client: DicomWebClient,
    pool: ThreadPoolExecutor,
    ending: _Ending,
    owner: int,
) -> None:
    ending.ended = True
    pool.shutdown(wait=False, cancel_futures=True)
    client.close()
    _cache.forget(owner)
    folders.close()
