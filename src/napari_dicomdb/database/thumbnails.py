"""The picture of a series: kept, made, or why there is none; many ahead in parallel."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import thumbnail_pictures
from napari_dicomdb.database import thumbnail_store as store
from napari_dicomdb.dicom.keywords import SCAN_VERSION
from napari_dicomdb.errors import DatabaseError, DicomDbError, NotFoundError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from napari_dicomdb.database.browsing import Key
    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord
    from napari_dicomdb.database.thumbnail_pictures import Picture

__all__ = ["NO_IMAGE", "Thumbnail", "ThumbnailReport", "Thumbnails"]

NO_IMAGE = "no-image"
"""Reason of a series that has nothing to show (a report, a plan): not a failure."""

PASSING = frozenset(
    {"file-missing", "missing-decoder", "missing-library", "other-object", "unreadable"}
)
"""Reasons that may be gone next time."""

MOST_TRIES = 8
"""After that many failures in a row for a passing reason it is left to `retry_thumbnails`."""

_FIRST_WAIT = 60.0  # seconds until the second try; four times as long until each further one
_STORED_BETWEEN_CHECKS = 32  # pictures stored until their bound is looked after


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The picture of a series, or why there is none.

    Parameters
    ----------
    png : bytes or None
        A PNG file, its longer side `thumbnail_pictures.LARGEST_SIDE` pixels.
    reason, text : str
        Code and plain words: why there is none, or why it is not up to date.
    note : str
        What is amiss with the picture.
    again : float or None
        When making it may be tried again, seconds since the epoch; None: not by itself.
    path : Path or None
        Where the picture is kept; None: nowhere (the database is read-only).
    """

    png: bytes | None
    reason: str = ""
    text: str = ""
    note: str = ""
    again: float | None = None
    path: Path | None = None


@dataclass
class ThumbnailReport:
    """What `Database.make_thumbnails` did.

    Parameters
    ----------
    made, there, without_image, evicted : int
        Pictures made; that were there already; series with nothing to show (reports,
        plans); pictures deleted to keep the limit.
    failures : list of (str, str, str)
        SeriesInstanceUID, reason code and words.
    """

    made: int = 0
    there: int = 0
    without_image: int = 0
    evicted: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def summary(self) -> str:
        """Return the numbers in one line."""
        parts = [f"{self.made} made", f"{self.there} there already"]
        if self.without_image:
            parts.append(f"{self.without_image} series without an image")
        if self.evicted:
            parts.append(f"{self.evicted} deleted to keep the limit")
        if self.failures:
            parts.append(f"{len(self.failures)} failed")
        return ", ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return all as a dict that `json.dumps` accepts."""
        return {
            "made": self.made,
            "there": self.there,
            "without_image": self.without_image,
            "evicted": self.evicted,
            "failures": [
                {"series": uid, "reason": reason, "text": text}
                for uid, reason, text in self.failures
            ],
        }


class Thumbnails:
    """The part of `Database` that keeps pictures of series."""

    read_only: bool
    _root: Path
    _connections: Connections
    _stored = 0

    if TYPE_CHECKING:
        find_series: Callable[[Key], SeriesRecord]
        series: Callable[..., list[SeriesRecord]]
        instances: Callable[..., list[InstanceRecord]]
        refresh_instance: Callable[[InstanceRecord], InstanceRecord]

    def thumbnail(self, series_uid: Key) -> Path | None:
        """Return the file of the picture of a series, made when it is not there yet.

        None when there is none to make (the reason is remembered, see
        `thumbnail_image`), or when there is none yet and the database was opened
        read-only.

        Raises
        ------
        NotFoundError
            If the database has no such series.
        """
        return self._thumbnail(self.find_series(series_uid), paint=not self.read_only).path

    def thumbnail_image(self, series_uid: Key) -> Thumbnail:
        """Return the picture of a series as bytes, or why there is none.

        Of a read-only database, too: then it is made anew each time it is not there.

        Raises
        ------
        NotFoundError
            If the database has no such series.
        """
        return self._thumbnail(self.find_series(series_uid))

    def make_thumbnails(
        self,
        series: Iterable[Key] | None = None,
        progress: Progress | None = None,
        *,
        workers: int | None = None,
    ) -> ThumbnailReport:
        """Make the pictures of series ahead, in several threads.

        Parameters
        ----------
        series : iterable of record, key or UID, optional
            All series when None.
        progress : Progress, optional
            Called after each picture; may raise `Cancelled`: what is made stays.
        workers : int, optional
            Threads; as many as processors, at most 4, when None.

        Raises
        ------
        NotFoundError
            If the database has no such series.
        DatabaseError
            If the database was opened read-only.
        """
        self._must_be_writable()
        wanted = self._series_keys(series)
        report = ThumbnailReport()
        say, lock = progress or no_progress, threading.Lock()
        say(0, len(wanted), "Drawing pictures")
        threads = workers or min(4, os.cpu_count() or 1)
        stop = threading.Event()

        def make(one: int) -> None:
            if not stop.is_set():
                self._make_into(report, one, lock)

        with ThreadPoolExecutor(threads, thread_name_prefix="dicomdb-thumbnail") as pool:
            try:
                _in_turn(pool, make, wanted, 4 * threads, say)
            finally:
                stop.set()
        report.evicted += self._keep_limit()
        return report

    def _series_keys(self, series: Iterable[Key] | None) -> list[int]:
        # Keys alone: there may be half a million, and a record takes a kilobyte.
        if series is not None:
            return [self.find_series(one).key for one in series]
        with self._connections.borrow() as connection:
            return [row[0] for row in connection.execute("SELECT id FROM series ORDER BY study")]

    def retry_thumbnails(self, series: Iterable[Key] | None = None) -> int:
        """Forget that pictures could not be made, so that they are tried again.

        Parameters
        ----------
        series : iterable of record, key or UID, optional
            All series when None.

        Returns
        -------
        int
            How many failures are forgotten.
        """
        self._must_be_writable()
        keys = None if series is None else [self.find_series(one).key for one in series]
        return store.retry(self._connections, keys)

    def clear_thumbnails(self) -> int:
        """Delete all pictures; return how many there were. They are made anew when needed."""
        self._must_be_writable()
        return store.clear(self._connections, self._root)

    def limit_thumbnails(self, megabytes: float) -> int:
        """Delete the pictures shown longest ago until no more megabytes are kept.

        Returns
        -------
        int
            How many were deleted.
        """
        self._must_be_writable()
        return store.evict(self._connections, self._root, round(megabytes * 1_000_000))

    def _paint_series(self, series: SeriesRecord) -> Picture:
        """Paint a picture; overridden where more is known of what series hold."""
        return thumbnail_pictures.paint(series, self)

    def _must_be_writable(self) -> None:
        if self.read_only:
            raise DatabaseError(
                "the database was opened read-only: open it without read_only to change it",
                reason="read-only",
            )

    def _thumbnail(self, series: SeriesRecord, *, paint: bool = True) -> Thumbnail:
        known = store.known(self._connections, series.key)
        kept = None
        if known is not None and known.name is not None:
            png = store.read(self._root, known.name)
            if png is not None:
                path = self._root / store.FOLDER / known.name
                kept = Thumbnail(png, note=known.note, path=path)
        if known is not None:
            if kept is not None and _is_current(known):
                store.touch(self._connections, series.key, known)
                return kept
            if known.reason and not _is_due(known, time.time()):
                return _failed(known, kept)
        if not paint:
            return kept or Thumbnail(None)
        return self._made(series, kept)

    def _made(self, series: SeriesRecord, kept: Thumbnail | None) -> Thumbnail:
        before = store.revisions(self._connections, series.key)
        if before is None:
            raise NotFoundError(f"the database has no series {series.uid!r:.200} any more")
        try:
            picture = self._paint_series(series)
        except (DicomDbError, MemoryError, OSError) as error:
            return self._not_made(series, before[0], error, kept)
        path = None
        if not self.read_only:
            try:
                path = store.keep_picture(
                    *(self._connections, self._root, series.key, series.uid, picture.png),
                    made_by=_painters(),
                    revision=before[0],
                    around=before[1],
                    note=picture.note,
                    shows=picture.shows,
                )
            except OSError as error:  # also that another process writes all the while
                return Thumbnail(picture.png, "not-kept", str(error), picture.note)
            self._stored += 1
            if self._stored % _STORED_BETWEEN_CHECKS == 0:
                with suppress(OSError):  # somebody writes: the next check will do it
                    self._keep_limit()
        return Thumbnail(picture.png, note=picture.note, path=path)

    def _not_made(
        self,
        series: SeriesRecord,
        revision: int,
        error: DicomDbError | MemoryError | OSError,
        kept: Thumbnail | None,
    ) -> Thumbnail:
        reason = error.reason if isinstance(error, DicomDbError) else "unreadable"
        if isinstance(error, MemoryError):
            reason = "too-large"
        text = f"{reason}: {str(error) or 'there is not enough memory'}"
        if not self.read_only:
            try:
                store.keep_failure(
                    *(self._connections, series.key, text),
                    made_by=_attempt(),
                    revision=revision,
                )
            except OSError as busy:
                return Thumbnail(None, reason, f"{error} ({busy})", again=time.time())
            known = store.known(self._connections, series.key)
            if known is not None:
                return _failed(known, kept)
        again = time.time() + _FIRST_WAIT if reason in PASSING else None
        return Thumbnail(None, reason, str(error), again=again)

    def _make_into(self, report: ThumbnailReport, key: int, lock: threading.Lock) -> None:
        before = store.known(self._connections, key)
        try:
            series = self.find_series(key)
            made = self._thumbnail(series)
        except NotFoundError:  # removed meanwhile
            return
        after = store.known(self._connections, key)
        with lock:
            if made.reason == NO_IMAGE:
                report.without_image += 1
            elif made.reason:
                report.failures.append((series.uid, made.reason, made.text))
            elif before is not None and after is not None and before.made == after.made:
                report.there += 1
            else:
                report.made += 1

    def _keep_limit(self) -> int:
        return store.evict(self._connections, self._root, store.limit_in_bytes())


def _in_turn(
    pool: ThreadPoolExecutor, make: Any, wanted: list[int], ahead: int, say: Progress
) -> None:
    """Make all, with no more than `ahead` waiting, so that it can be stopped at once."""
    waiting: set[Future[None]] = set()
    done = 0
    for one in wanted:
        waiting.add(pool.submit(make, one))
        if len(waiting) >= ahead:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            done += _checked(ended)
            say(done, len(wanted), "Drawing pictures")
    while waiting:
        ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        done += _checked(ended)
        say(done, len(wanted), "Drawing pictures")


def _checked(ended: set[Future[None]]) -> int:
    for one in ended:
        one.result()
    return len(ended)


def _is_current(known: store.Known) -> bool:
    """Whether a picture is drawn as we do, of the series as it is, and as well as can be."""
    if known.made_by != _painters() or known.revision != known.series_revision:
        return False
    return not known.note or known.around == known.study_revision


def _is_due(known: store.Known, now: float) -> bool:
    """Whether making a picture that failed is to be tried again."""
    if known.made_by != _attempt() or known.revision != known.series_revision:
        return True
    again = _next_try(known)
    return again is not None and now >= again


def _next_try(known: store.Known) -> float | None:
    if known.reason.partition(":")[0] not in PASSING or known.tries >= MOST_TRIES:
        return None
    return known.made + _FIRST_WAIT * 4.0 ** max(0, known.tries - 1)


def _failed(known: store.Known, kept: Thumbnail | None) -> Thumbnail:
    reason, _, text = known.reason.partition(": ")
    png, path = (None, None) if kept is None else (kept.png, kept.path)
    return Thumbnail(png, reason, text, known.note, _next_try(known), path)


def _painters() -> str:
    return thumbnail_pictures.PICTURES_VERSION


@cache
def _attempt() -> str:
    """Say what a failure depends on: how pictures are drawn, headers scanned, pixels decoded."""
    from importlib.metadata import PackageNotFoundError, version

    parts = [thumbnail_pictures.PICTURES_VERSION, f"scan {SCAN_VERSION}"]
    for package in ("imagecodecs", "pydicom", "pylibjpeg", "av"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"no {package}")
    return ", ".join(parts)
