"""Takes one object that arrives into a file of a folder, without a database."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

from napari_dicomdb.database.rows import INSTANCE_COLUMNS, instance_row
from napari_dicomdb.dicom.file_meta import encode_file_meta
from napari_dicomdb.dicom.header import Header, scan_file
from napari_dicomdb.dicom.pixels import PixelDescription
from napari_dicomdb.errors import DatabaseError, DicomDbError, HeaderError, PixelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FileSink"]

_numbers: Iterator[int] = count()


class FileSink:
    """A `fetching.Sink` whose file is named by a number.

    Parameters
    ----------
    folder : Path
    uids : tuple of str
        SOP class, SOP instance and transfer syntax.

    Attributes
    ----------
    header : Header or None
        When it is committed.
    """

    def __init__(self, folder: Path, uids: tuple[str, str, str]) -> None:
        self.expected: dict[str, str] = {}
        self.header: Header | None = None
        self.path = folder / f"whole-{next(_numbers):08x}.dcm"
        self._uid = uids[1]
        self._file = open(self.path, "xb")  # noqa: SIM115 - kept until commit
        self.write(encode_file_meta(*uids))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append.

        Raises
        ------
        DatabaseError
            If it cannot be written.
        """
        try:
            self._file.write(data)
        except OSError as error:
            raise DatabaseError(
                f"there is no room for temporary files: {error.strerror}", reason="not-writable"
            ) from error

    def commit(self) -> Path:
        """Look through it and keep it.

        Raises
        ------
        DicomDbError
            If it is not what was asked for, or cannot be read.
        """
        try:
            self._file.close()
            self.header = scan_file(self.path)
            for keyword, value in {**self.expected, "SOPInstanceUID": self._uid}.items():
                if self.header.values.get(keyword) != value:
                    text = f"the object has another {keyword} than was announced"
                    raise HeaderError(text, reason="uid-mismatch")
        except OSError as error:
            if isinstance(error, DicomDbError):
                raise
            raise DatabaseError(
                f"there is no room for temporary files: {error.strerror}", reason="not-writable"
            ) from error
        return self.path

    def discard(self) -> None:
        """Leave nothing of it."""
        self._file.close()
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    def describe(self) -> PixelDescription:
        """Return where and how its pixels are stored.

        Raises
        ------
        PixelError
            If it has none.
        """
        if self.header is None:
            raise PixelError("the object is not here yet", reason="no-pixels")
        row = instance_row(self.header, "")
        return PixelDescription.from_record(
            SimpleNamespace(**dict(zip(INSTANCE_COLUMNS, row, strict=True)))
        )
