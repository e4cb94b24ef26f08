"""One object on its way into a database: staged, looked through, whole or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from typing import TYPE_CHECKING, Self

from napari_dicomdb.database.received import PARTIAL, WHOLE, Received, sync_folder
from napari_dicomdb.database.rows import missing_uids
from napari_dicomdb.dicom.file_meta import encode_file_meta
from napari_dicomdb.dicom.header import Header, Templates, scan_file
from napari_dicomdb.errors import DatabaseError, DicomDbError, HeaderError, NotDicomError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dicomdb.database.receiving import Inbox

__all__ = ["Arrival", "disk_told"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_BUFFER = 256 * 1024
_LEAST_ROOM = 8 << 20
"""Bytes that must be free to begin with another object: the index needs room, too."""
_thread = threading.local()


@contextlib.contextmanager
def disk_told(where: Path | None) -> Iterator[None]:
    """Say in words of ours what the system says of the disk of a database.

    Raises
    ------
    DatabaseError
        "disk-full", "not-writable".
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, DicomDbError):
            raise
        full = error.errno in _FULL
        raise DatabaseError(
            f"{where}: {'the disk is full' if full else error.strerror or error}",
            reason="disk-full" if full else "not-writable",
        ) from error


class Arrival:
    """One object on its way in; from `Inbox.open`. Give it up with `discard`.

    Attributes
    ----------
    size : int
        Bytes of its data set until now.
    header : Header or None
        What it says of itself, when it is committed.
    expected : dict of str to str
        By keyword: what else it must say, such as the StudyInstanceUID asked for.
    """

    def __init__(self, inbox: Inbox, path: Path, uids: tuple[str, str, str], source: str) -> None:
        self.sop_class_uid, self.sop_instance_uid, self.transfer_syntax_uid = uids
        self.size = 0
        self.header: Header | None = None
        self.expected: dict[str, str] = {}
        self._inbox = inbox
        self._partial = path.with_suffix(PARTIAL)
        self._whole = path.with_suffix(WHOLE)
        self._is_open = False
        with self._told():
            if shutil.disk_usage(path.parent).free < _LEAST_ROOM:
                raise OSError(errno.ENOSPC, "no space left")
            self._file = open(self._partial, "xb", buffering=_BUFFER)  # noqa: SIM115 - kept
            self._is_open = True
            self._file.write(encode_file_meta(*uids, source))

    def __enter__(self) -> Self:
        """Return the arrival itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Discard it unless it was committed."""
        self.discard()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append to the data set.

        Raises
        ------
        DatabaseError
            "disk-full" or another reason; it is discarded then.
        """
        with self._told():
            self._file.write(data)
        self.size += len(data)

    def commit(self) -> Path:
        """Look through the object and keep it.

        Returns
        -------
        Path
            Where it lies until it is indexed.

        Raises
        ------
        HeaderError
            If it cannot be filed ("missing-uid", "bad-header", ...), is not the object
            that was announced ("uid-mismatch"), or ends too soon ("truncated").
        NotDicomError
            If it is no data set.
        DatabaseError
            "disk-full" or another reason.
        """
        try:
            with self._told():
                self._file.flush()
                if self._inbox._sync:
                    os.fsync(self._file.fileno())
                self._file.close()
                self.header = self._examined()
                os.replace(self._partial, self._whole)
                if self._inbox._sync:
                    sync_folder(self._whole.parent)
        except BaseException:
            self.discard()
            raise
        self._is_open = False
        self._inbox._take(Received(str(self._whole), self.header))
        return self._whole

    def discard(self) -> None:
        """Leave nothing of it; does nothing once it is committed."""
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(OSError):  # what a full disk did not take is not wanted
                self._file.close()
            with contextlib.suppress(FileNotFoundError):
                self._partial.unlink()

    def _examined(self) -> Header:
        if not hasattr(_thread, "templates"):
            _thread.templates = Templates()
        try:
            header = scan_file(self._partial, templates=_thread.templates)
        except (HeaderError, NotDicomError) as error:
            # Where it lies for now says nothing to anybody.
            text = str(error).removeprefix(f"{self._partial}: ")
            raise type(error)(text, reason=error.reason) from error
        if header.media:
            raise HeaderError("a DICOMDIR is no object to be kept", reason="media")
        if missing := missing_uids(header.values):
            raise HeaderError(f"the object has no {', '.join(missing)}", reason="missing-uid")
        for keyword, announced in (
            ("SOPInstanceUID", self.sop_instance_uid),
            ("SOPClassUID", self.sop_class_uid),
            *self.expected.items(),
        ):
            if header.values.get(keyword) != announced:
                raise HeaderError(
                    f"the object has another {keyword} than was announced", reason="uid-mismatch"
                )
        lacking = next((text for code, text in header.problems if "truncated" in code), None)
        if lacking is not None:
            raise HeaderError(f"the object is not whole: {lacking}", reason="truncated")
        return header

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Discard it, and say in words of ours what the system says."""
        try:
            yield
        except OSError as error:
            self.discard()
            if isinstance(error, DicomDbError):
                raise
            full = error.errno in _FULL
            raise DatabaseError(
                "the disk of the database is full: nothing more can be received"
                if full
                else f"what is received cannot be written: {error.strerror or error}",
                reason="disk-full" if full else "not-writable",
            ) from error
