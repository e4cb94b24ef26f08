"""Dates moved by whole days: times of day, and so all intervals, stay to the second."""

from __future__ import annotations

import re
from datetime import date, timedelta

__all__ = ["shifted"]

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_DATE_TIME = re.compile(r"(\d{8})(\d{0,6}(?:\.\d{1,6})?(?:[+-]\d{4})?)")


def shifted(value: str, vr: str, days: int) -> str | None:
    """Return a date, date-time or time moved by `days`.

    Parameters
    ----------
    value : str
        One value, as in the file.
    vr : str
        "DA", "DT" or "TM".
    days : int

    Returns
    -------
    str or None
        None when it cannot be read, tells no day, or leaves the calendar: such a
        value must not stay.

    Examples
    --------
    >>> shifted("20200229", "DA", -365)
    '20190301'
    >>> shifted("20200101235959.5+0100", "DT", 1)
    '20200102235959.5+0100'
    """
    value = value.strip(" \0")
    if vr == "TM":
        plain = value.replace(":", "")  # of ACR-NEMA
        return plain if re.fullmatch(r"\d{2,6}(\.\d{1,6})?", plain) else None
    if vr == "DA":
        match = _DATE.fullmatch(value)
        return None if match is None else _moved("".join(match.groups()), days)
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        return None
    day = _moved(match[1], days)
    return None if day is None else day + match[2]


def _moved(text: str, days: int) -> str | None:
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:])) + timedelta(days=days)
    except (OverflowError, ValueError):
        return None
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"
