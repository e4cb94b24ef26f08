"""What pydicom raises of values and files that break its rules, for whoever asks it."""

from __future__ import annotations

import struct
import zlib
from functools import cache

__all__ = ["unreadable"]


@cache
def unreadable(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Return the errors, for an ``except``.

    Parameters
    ----------
    *more : type of Exception
        Others that may come, such as OSError, which pydicom raises of damaged sequences, too:
        it is not among them as missing files are another matter.

    Returns
    -------
    tuple of types

    Notes
    -----
    Those that pydicom names itself are no ValueErrors. A function, as modules that are imported
    at the start leave pydicom to those who need it.
    """
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        ArithmeticError,
        AttributeError,
        BytesLengthException,
        EOFError,
        InvalidDicomError,
        LookupError,
        MemoryError,  # a length that no file has
        NotImplementedError,  # no such value representation
        RecursionError,
        TypeError,
        ValueError,
        struct.error,
        zlib.error,
        *more,
    )
