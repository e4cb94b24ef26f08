"""Values of text elements: numbers, dates and times, names, character sets."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass

from napari_dicomdb.dicom._charset import charsets_of, decode_text

__all__ = [
    "PersonName",
    "Value",
    "charsets_of",
    "decode_text",
    "display_name",
    "parse_date",
    "parse_datetime",
    "parse_ds",
    "parse_is",
    "parse_time",
    "search_name",
    "split_values",
    "time_seconds",
]

Value = str | int | float | list["Value"]
"""What a kept header value may be: JSON, see `dicom.header.Header.values`."""

_DATE = re.compile(r"(\d{4})([.\-/]?)(\d{2})\2(\d{2})")
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?")
_DATETIME = re.compile(
    r"(?P<date>\d{4}(?:\d{2}(?:\d{2})?)?)(?P<time>\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,9})?)?)?)?"
    r"(?P<sign>[+-])?(?(sign)(?P<hours>\d{2}):?(?P<minutes>\d{2}))"
)
_INTEGER = re.compile(r"[+-]?\d+(\.0*)?")


def split_values(text: str) -> list[str]:
    r"""Split a multi-valued text at backslashes and strip each; "" gives [].

    Examples
    --------
    >>> split_values("ORIGINAL\\PRIMARY ")
    ['ORIGINAL', 'PRIMARY']
    """
    return [part.strip(" \0\t\r\n") for part in text.split("\\")] if text else []


def _number(text: str) -> float:
    if "_" in text:  # float() would take 1_000
        raise ValueError(f"not a decimal string: {text!r}")
    try:
        number = float(text)
    except ValueError:
        number = float(text.replace(",", "."))  # written under a European locale
    if not math.isfinite(number):
        raise ValueError(f"not a finite number: {text!r}")
    return number


def parse_ds(value: Value, *, lenient: bool = False) -> tuple[float, ...]:
    r"""Numbers of a Decimal String (or of a value that is numeric already).

    Parameters
    ----------
    value : str, number or list
        A kept header value.
    lenient : bool
        Leave out components that are no numbers instead of raising.

    Raises
    ------
    ValueError
        If a component is no finite number and `lenient` is False.

    Examples
    --------
    >>> parse_ds(" 0.5\\ .5 ")
    (0.5, 0.5)
    >>> parse_ds("1\\junk", lenient=True)
    (1.0,)
    """
    if isinstance(value, int | float):
        parts: list[Value] = [value]
    else:
        parts = list(split_values(value)) if isinstance(value, str) else value
    numbers: list[float] = []
    for part in parts:
        try:
            numbers.append(_number(str(part)))
        except ValueError:
            if not lenient and part != "":
                raise ValueError(f"not a number: {part!r} in {value!r:.80}") from None
    return tuple(numbers)


def parse_is(value: Value, *, lenient: bool = False) -> tuple[int, ...]:
    """Integers of an Integer String; "3." and "3.00" count as 3.

    Parameters and errors as for `parse_ds`.

    Examples
    --------
    >>> parse_is(" 0012")
    (12,)
    """
    if isinstance(value, int | float):
        parts: list[Value] = [value]
    else:
        parts = list(split_values(value)) if isinstance(value, str) else value
    numbers: list[int] = []
    for part in parts:
        text = str(part)
        if _INTEGER.fullmatch(text) and len(text) <= 32:
            numbers.append(int(text.partition(".")[0]))
        elif not lenient and text:
            raise ValueError(f"not an integer: {text!r:.80}")
    return tuple(numbers)


def parse_date(text: str) -> str:
    """ISO date of a DA value, also of the old ``1997.03.04``; "" when it is none.

    Examples
    --------
    >>> parse_date("19970304"), parse_date("1997.03.04"), parse_date("19971304")
    ('1997-03-04', '1997-03-04', '')
    """
    found = _DATE.fullmatch(text.strip(" \0"))
    if not found:
        return ""
    try:
        return datetime.date(int(found[1]), int(found[3]), int(found[4])).isoformat()
    except ValueError:
        return ""


def parse_time(text: str) -> str:
    """ISO time of a TM value, also of the old ``10:20:30``; "" when it is none.

    A missing minute or second is 0; a leap second is 59.

    Examples
    --------
    >>> parse_time("102030.5"), parse_time("10:20:30"), parse_time("10"), parse_time("25")
    ('10:20:30.500000', '10:20:30', '10:00:00', '')
    """
    found = _TIME.fullmatch(text.strip(" \0"))
    if not found:
        return ""
    second = min(int(found[3] or 0), 59) if found[3] in {"60", None} else int(found[3])
    micro = int((found[4] or "0").ljust(6, "0")[:6])
    try:
        return datetime.time(int(found[1]), int(found[2] or 0), second, micro).isoformat()
    except ValueError:
        return ""


def time_seconds(text: str) -> float | None:
    """Seconds since midnight of a TM value; None when it is none.

    Examples
    --------
    >>> time_seconds("010000.25")
    3600.25
    """
    iso = parse_time(text)
    if not iso:
        return None
    time = datetime.time.fromisoformat(iso)
    return time.hour * 3600.0 + time.minute * 60.0 + time.second + time.microsecond * 1e-6


def parse_datetime(text: str, offset: str = "") -> str:
    """ISO date and time of a DT value, with its offset from UTC; "" when it is none.

    Missing parts are the earliest possible ("2001" is 2001-01-01T00:00:00).

    Parameters
    ----------
    text : str
        ``YYYYMMDDHHMMSS.FFFFFF&ZZXX``.
    offset : str
        TimezoneOffsetFromUTC, for values without an offset of their own.

    Examples
    --------
    >>> parse_datetime("20010203040506.7+0100")
    '2001-02-03T04:05:06.700000+01:00'
    """
    found = _DATETIME.fullmatch(text.strip(" \0"))
    if not found:
        return ""
    date = parse_date((found["date"] + "0101")[:8] if len(found["date"]) < 8 else found["date"])
    time = parse_time(found["time"] or "00")
    if not date or not time:
        return ""
    if found["sign"]:
        zone = f"{found['sign']}{found['hours']}:{found['minutes']}"
    else:
        own = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", offset.strip(" \0"))
        zone = f"{own[1]}{own[2]}:{own[3]}" if own else ""
    try:
        return datetime.datetime.fromisoformat(f"{date}T{time}{zone}").isoformat()
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class PersonName:
    """One component group of a PN value (PS3.5 Section 6.2.1.1)."""

    family: str = ""
    given: str = ""
    middle: str = ""
    prefix: str = ""
    suffix: str = ""

    @classmethod
    def groups(cls, text: str) -> tuple[PersonName, PersonName, PersonName]:
        """Alphabetic, ideographic and phonetic groups of the first name in `text`."""
        first = text.split("\\", 1)[0]
        groups = [
            cls(*(part.strip() for part in group.split("^")[:5])) for group in first.split("=")[:3]
        ]
        groups += [cls()] * (3 - len(groups))
        return groups[0], groups[1], groups[2]

    @property
    def words(self) -> tuple[str, ...]:
        """The non-empty parts: family, given, middle."""
        return tuple(part for part in (self.family, self.given, self.middle) if part)


def display_name(text: str) -> str:
    """Name for people: "Family, Given Middle", of the first group that is not empty.

    Examples
    --------
    >>> display_name("Yamada^Tarou=山田^太郎")
    'Yamada, Tarou'
    """
    for group in PersonName.groups(text):
        rest = " ".join(part for part in (group.given, group.middle) if part)
        if group.words:
            return ", ".join(part for part in (group.family, rest) if part)
    return ""


def search_name(text: str) -> str:
    """All forms of a name as words to search: family first and given first.

    Examples
    --------
    >>> search_name("Doe^Jane^Q=山田^太郎")
    'doe jane q jane q doe 山田 太郎 太郎 山田 山田太郎'
    """
    forms: list[str] = []
    for group in PersonName.groups(text):
        words = [word.casefold() for word in group.words]
        if not words:
            continue
        forms.append(" ".join(words))
        if group.family and len(words) > 1:
            forms.append(" ".join([*words[1:], words[0]]))
            if not "".join(words).isascii():  # ideographs are searched unseparated
                forms.append("".join(words))
    return " ".join(forms)
