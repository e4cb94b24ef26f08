"""Reading the data set of one file for looking at it: as far as it goes, pixels aside."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from napari_dicomdb.dicom._inflate import MAX_INFLATED, Inflated, Reading
from napari_dicomdb.dicom.unreadable import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom import Dataset

    from napari_dicomdb.dicom.header import Header

__all__ = ["DEFLATED", "after_pixels", "pixel_facts", "quiet", "read_parts"]

_DEFERRED = 1 << 16  # bytes; longer values stay on disk until they are asked for
_TRAILING = 1 << 20  # bytes after the pixels that are looked at
DEFLATED = "1.2.840.10008.1.2.1.99"


class _Quiet:
    """Ignores warnings while any thread asks for it; no thread waits for another's work.

    pydicom logs each of them as well, with the value that it is about: no log may name
    a patient.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._filters: Any = None

    @contextmanager
    def held(self) -> Iterator[None]:
        with self._lock:
            # The filters of warnings belong to the whole process.
            if self._users == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
                _LOGGER.addFilter(_nothing)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._filters.__exit__(None, None, None)
                    _LOGGER.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


_LOGGER = logging.getLogger("pydicom")
_quiet = _Quiet()


def quiet() -> AbstractContextManager[None]:
    """Let pydicom warn of nothing: what it warns of is in the values shown."""
    return _quiet.held()


def read_parts(path: Path) -> tuple[list[Dataset], list[str]]:
    """Return meta information and data set, and what went wrong."""
    from pydicom import Dataset, dcmread
    from pydicom.filereader import (
        data_element_generator,
        read_dataset,
        read_file_meta_info,
        read_preamble,
    )

    with quiet():
        try:
            if _syntax_of(path) == DEFLATED:
                # As far as it is read: pydicom would inflate the whole file first.
                told = read_file_meta_info(path)
                with path.open("rb") as file:
                    stream = _inflated(file, 144 + int(told.FileMetaInformationGroupLength))
                    return [told, read_dataset(stream, False, True, stop_when=_at_pixels)], []
            dataset = dcmread(path, stop_before_pixels=True, force=True, defer_size=_DEFERRED)
            return [dataset.file_meta, dataset], []
        except unreadable() as error:
            first = str(error).partition("\n")[0]
            problem = f"{path}: read up to where it is damaged: {first}"
        # Element by element: what comes before the damage is kept.
        meta, found = Dataset(), Dataset()
        with suppress(*unreadable()):  # `problem` tells
            meta = read_file_meta_info(path)
            syntax = str(meta.get("TransferSyntaxUID", ""))
            with path.open("rb") as file:
                read_preamble(file, force=True)
                length = meta.get("FileMetaInformationGroupLength")
                start = 128 + 4 + 12 + int(length or 0)
                file.seek(start)
                rest: Any = _inflated(file, start) if syntax == DEFLATED else file
                implicit, little = syntax == "1.2.840.10008.1.2", syntax != "1.2.840.10008.1.2.2"
                for element in data_element_generator(
                    rest, implicit, little, stop_when=_at_pixels
                ):
                    found._dict[element.tag] = element
        return [meta, found], [problem]


def _at_pixels(tag: Any, _vr: Any, _length: int) -> bool:
    return bool(tag >= 0x7FE00000)


def _inflated(file: BinaryIO, start: int) -> Any:
    """Return a deflated data set as a stream of bounded length."""

    def read(offset: int, count: int) -> bytes:
        file.seek(offset)
        return file.read(count)

    return io.BufferedReader(Reading(Inflated(read, start).read, MAX_INFLATED))


def _syntax_of(path: Path) -> str:
    from pydicom.filereader import read_file_meta_info

    try:
        return str(read_file_meta_info(path).get("TransferSyntaxUID", ""))
    except unreadable():
        return ""


def after_pixels(path: Path, header: Header) -> list[Dataset]:
    """Return what follows pixels of known length: padding, signatures."""
    from pydicom.filereader import read_dataset

    if header.pixel_offset is None or header.pixel_length is None:
        return []
    syntax = header.transfer_syntax_uid
    with path.open("rb") as file:
        file.seek(header.pixel_offset + header.pixel_length)
        rest = file.read(_TRAILING)
    if len(rest) < 8:
        return []
    implicit, little = syntax == "1.2.840.10008.1.2", syntax != "1.2.840.10008.1.2.2"
    try:
        with quiet():
            return [read_dataset(io.BytesIO(rest), implicit, little)]
    except unreadable():
        return []


_PIXEL_TAGS = {"PixelData": 0x7FE00010, "FloatPixelData": 0x7FE00008,
               "DoubleFloatPixelData": 0x7FE00009}  # fmt: skip


def pixel_facts(header: Header) -> tuple[int, str, str, str, str] | None:
    if not header.pixel_keyword:
        return None
    from pydicom.uid import UID

    tag = _PIXEL_TAGS.get(header.pixel_keyword, 0x7FE00010)
    name = {0x7FE00010: "Pixel Data", 0x7FE00008: "Float Pixel Data"}.get(
        tag, "Double Float Pixel Data"
    )
    values = header.values
    size = "encapsulated" if header.pixel_length is None else f"{header.pixel_length} bytes"
    if header.transfer_syntax_uid == DEFLATED:
        size = "deflated"
    shape = " x ".join(str(values[k]) for k in ("Columns", "Rows") if values.get(k))
    frames = str(values.get("NumberOfFrames") or "1")
    parts = [size, shape, f"{frames} frame{'' if frames == '1' else 's'}"]
    if values.get("BitsStored"):
        parts.append(f"{values['BitsStored']} bits")
    parts.append(UID(header.transfer_syntax_uid).name if header.transfer_syntax_uid else "")
    vr = {0x7FE00008: "OF", 0x7FE00009: "OD"}.get(tag, "OW")
    return tag, header.pixel_keyword, name, vr, ", ".join(part for part in parts if part)
