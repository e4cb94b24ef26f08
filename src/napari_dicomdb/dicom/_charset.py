"""Text in DICOM's character sets, with ISO 2022 code extensions (PS3.5 Section 6.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["charsets_of", "decode_text", "is_latin"]

# ISO-IR number -> codec of the bytes above 0x7F (G1) and, for JIS, below (G0).
_G1_CODECS = {
    "13": "shift_jis",
    "58": "gb2312",
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "149": "euc_kr",
    "166": "iso8859_11",
    "203": "iso8859_15",
}
# Character sets without code extensions (PS3.3 Table C.12-5) and common misspellings.
_WHOLE_CODECS = {
    "ISO IR 192": "utf_8",
    "UTF 8": "utf_8",
    "UTF8": "utf_8",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO 2022 GBK": "gbk",
    "ISO IR GBK": "gbk",
}
# What an escape sequence designates: which half of the code table, by which codec.
_DESIGNATIONS = {
    b"(B": (0, "latin_1"),
    b"(J": (0, "shift_jis"),
    b"$B": (0, "iso2022_jp"),
    b"$@": (0, "iso2022_jp"),
    b"$(D": (0, "iso2022_jp_2"),
    b")I": (1, "shift_jis"),
    b"$)A": (1, "gb2312"),
    b"$)C": (1, "euc_kr"),
    b"-A": (1, "latin_1"),
    b"-B": (1, "iso8859_2"),
    b"-C": (1, "iso8859_3"),
    b"-D": (1, "iso8859_4"),
    b"-F": (1, "iso8859_7"),
    b"-G": (1, "iso8859_6"),
    b"-H": (1, "iso8859_8"),
    b"-L": (1, "iso8859_5"),
    b"-M": (1, "iso8859_9"),
    b"-T": (1, "iso8859_11"),
    b"-b": (1, "iso8859_15"),
}
_JIS_ESCAPES = {"iso2022_jp": b"\x1b$B", "iso2022_jp_2": b"\x1b$(D"}
_PARTS = re.compile(rb"\x1b(\$[()][A-Z]|\$[@AB]|[-()][A-Za-z])")
_RUNS = re.compile(rb"[\x00-\x7f]+|[\x80-\xff]+")
_LATIN = frozenset({"", "6", "100"})


class _CodePage(NamedTuple):
    """What a list of character sets means for bytes before any escape sequence."""

    whole: str  # codec of the whole text, "" when code extensions apply
    low: str  # G0
    high: str  # G1; "" when the first character set has none
    spare: str  # G1 of a further character set, for writers that omit its escape


def charsets_of(value: str) -> tuple[str, ...]:
    """Split a SpecificCharacterSet value into its terms; the first may be ""."""
    return tuple(term.strip(" \0") for term in value.split("\\"))


@lru_cache(maxsize=64)
def is_latin(charsets: tuple[str, ...]) -> bool:
    """Whether text can be read as ISO 8859-1: no, or one Western, character set."""
    return len(charsets) <= 1 and all(_number(term) in _LATIN for term in charsets)


def _number(term: str) -> str:
    """ISO-IR number in a defined term, "" for the empty one, else the term itself."""
    plain = " ".join(re.split(r"[\s_-]+", term.strip(" \0").upper()))
    found = re.fullmatch(r"(?:ISO )?(?:2022 )?(?:IR )?(\d{1,3})", plain)
    return found[1] if found and plain != "ISO 2022" else plain


@lru_cache(maxsize=64)
def _code_page(charsets: tuple[str, ...]) -> _CodePage:
    numbers = [_number(term) for term in charsets] or [""]
    for number in numbers:
        codec = "utf_8" if number == "192" else _WHOLE_CODECS.get(number)
        if codec:
            return _CodePage(codec, "", "", "")
    first = numbers[0]
    spares = [_G1_CODECS[n] for n in numbers[1:] if n in _G1_CODECS]
    if first not in _G1_CODECS and first not in {"", "6", "87", "159"}:
        return _CodePage("utf_8", "", "", "")  # unknown: UTF-8, replacing what is not
    low = "shift_jis" if first == "13" else "latin_1"
    return _CodePage("", low, _G1_CODECS.get(first, ""), spares[0] if spares else "")


def decode_text(raw: bytes, charsets: tuple[str, ...] | list[str] = (), vr: str = "LO") -> str:
    r"""Decode the text of an element; what cannot be decoded becomes U+FFFD.

    Parameters
    ----------
    raw : bytes
        The value as in the file.
    charsets : sequence of str
        Terms of SpecificCharacterSet, the first possibly "".
    vr : str
        Value representation: PN has more delimiters at which code extensions
        end (PS3.5 Section 6.1.2.5.3).

    Returns
    -------
    str
        The text, unstripped. Never raises.

    Examples
    --------
    >>> decode_text(b"Buc^J\xe9r\xf4me", ("ISO_IR 100",), "PN")
    'Buc^Jérôme'
    >>> decode_text(b"\x1b$B;3ED\x1b(B^", ("", "ISO 2022 IR 87"), "PN")
    '山田^'
    """
    page = _code_page(tuple(charsets))
    if page.whole:
        return raw.decode(page.whole, "replace")
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    delimiters = b"\\\r\n\t\f^=" if vr == "PN" else b"\\\r\n\t\f"
    if vr in {"LT", "ST", "UT"}:
        delimiters = b"\r\n\t\f"
    low, high = page.low, page.high
    # Designated, then kept beyond delimiters when the first character set has no G1:
    # bytes above 0x7F would otherwise be illegal there.
    spare = page.spare or "latin_1"
    text: list[str] = []
    pieces = _PARTS.split(raw)
    for index, piece in enumerate(pieces):
        if index % 2:
            half, codec = _DESIGNATIONS.get(piece, (-1, ""))
            if half == 0:
                low = codec
            elif half == 1:
                high = spare = codec
            continue
        for run in _RUNS.findall(piece):
            if run[0] >= 0x80:
                text.append(run.decode(high or spare, "replace"))
                continue
            escape = _JIS_ESCAPES.get(low)
            if escape is not None:
                text.append((escape + run).decode(low, "replace"))
                continue
            text.append(run.decode("latin_1"))
            if any(byte in delimiters for byte in run):
                low, high = page.low, page.high
    return "".join(text)
