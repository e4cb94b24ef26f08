"""Where the encoded data set of a file begins, and in which transfer syntax it really is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._decode import UnusualHeader
from napari_dicomdb.dicom._meta import (
    DEFLATED,
    FIRST_READ,
    encoding_of,
    read_meta,
    require_plausible,
    syntax_of,
)
from napari_dicomdb.dicom._window import Window
from napari_dicomdb.errors import HeaderError

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["EncodedDataSet", "locate_data_set", "same_data_set"]

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class EncodedDataSet:
    """Place and encoding of the data set of a file.

    Parameters
    ----------
    offset, length : int
        Its bytes in the file: all that follows the file meta information.
    transfer_syntax_uid : str
        As declared, unless the first element says otherwise.
    is_deflated : bool
        Whether the whole data set is compressed.
    """

    offset: int
    length: int
    transfer_syntax_uid: str
    is_deflated: bool


def locate_data_set(file: BinaryIO, size: int | None = None) -> EncodedDataSet:
    """Find the data set of an open file; nothing but the file meta information is read.

    Parameters
    ----------
    file : binary file
        Seekable.
    size : int, optional
        Of the file, when known.

    Raises
    ------
    NotDicomError
        If it does not begin like a DICOM object.
    HeaderError
        If the file meta information cannot be read.
    """
    if size is None:
        size = os.fstat(file.fileno()).st_size

    def read(offset: int, count: int) -> bytes:
        file.seek(offset)
        return file.read(count)

    window = Window(read(0, FIRST_READ), size, read)
    try:
        start, meta, has_meta = read_meta(window)
    except UnusualHeader as error:
        raise HeaderError(f"the file meta information is damaged: {error}") from error
    syntax = meta.get("TransferSyntaxUID", "")
    if syntax in DEFLATED:
        return EncodedDataSet(start, size - start, syntax, True)
    problems: list[tuple[str, str]] = []
    explicit, little = encoding_of(window, start, syntax, problems)
    if not has_meta:
        require_plausible(window, explicit, little)
    if problems:
        syntax = syntax_of(explicit, little)
    return EncodedDataSet(start, size - start, syntax, False)


def same_data_set(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Tell whether two files have the same data set, whatever is in front of it.

    Raises
    ------
    HeaderError
        If the file meta information of one cannot be read.
    OSError
        If one cannot be read.
    """
    with open(one, "rb") as first, open(other, "rb") as second:
        places = [locate_data_set(first), locate_data_set(second)]
        if places[0].length != places[1].length:
            return False
        if places[0].transfer_syntax_uid != places[1].transfer_syntax_uid:
            return False
        first.seek(places[0].offset)
        second.seek(places[1].offset)
        while block := first.read(_BLOCK):
            if block != second.read(_BLOCK):
                return False
    return True
