# ruff: noqa: RUF001 - letters that resemble others are what this is about
"""Makes words comparable: case, accents, widths, and scripts that set no blanks."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["APART", "filed_text", "folded", "spellings", "words_of"]

APART = "\ufdd0"
"""Stands between texts that are filed together; no Unicode text, and no query, has it."""

# Letters that no decomposition leads to, as they are typed without a special keyboard.
_SPECIAL: dict[int, Any] = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "ı": "i",
        "ħ": "h",
        "ŧ": "t",
        "ŋ": "n",
        "ĸ": "k",
        "ə": "e",
        # Arabic: stretching is nothing, letters that are written for each other
        "ـ": None,
        "ٱ": "ا",
        "ى": "ي",
        "ی": "ي",
        "ک": "ك",
        "ة": "ه",
    }
)
# Katakana as Hiragana: readings of names are filed in either.
_SPECIAL.update({code: code - 0x60 for code in range(0x30A1, 0x30F7)})

# Marks that are accents and points; those of Indic and other scripts make the letter.
_ACCENTS = (
    (0x0300, 0x036F),
    (0x0483, 0x0487),
    (0x0591, 0x05C7),
    (0x0610, 0x061A),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x06D6, 0x06ED),
    (0x0711, 0x0711),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
)
# Written without blanks between words: each sign is a word of its own.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1100, 0x11FF),  # Hangul
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3100, 0x318F),
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),  # Hangul
    (0xF900, 0xFAFF),
    (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFF),
)
_JOINING = frozenset("'’‘ʼ`´-‐‑‒–_.")
_UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "AE", "Ö": "OE", "Ü": "UE", "å": "aa", "Å": "AA"}
)
_CHUNK = re.compile(r"[\s^=\\/,;:()]+")
_BLANK, _LETTER, _SIGN = range(3)


def folded(text: str) -> str:
    """Return `text` without case, accents and differences of width.

    Examples
    --------
    >>> folded("Straße"), folded("Łódź"), folded("ΣΊΣΥΦΟΣ"), folded("ﾔﾏﾀﾞ")
    ('strasse', 'lodz', 'σισυφοσ', 'やまだ')
    """
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(c for c in parts.translate(_SPECIAL) if not _is_accent(c))
    return unicodedata.normalize("NFC", kept).translate(_SPECIAL)


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded: runs of letters and digits, single signs of CJK.

    Examples
    --------
    >>> words_of("T1-w Müller"), words_of("胸部CT")
    (['t1', 'w', 'muller'], ['胸', '部', 'ct'])
    """
    text = folded(text)
    if text.isascii():
        return "".join([c if c.isalnum() else " " for c in text]).split()
    pieces: list[str] = []
    for c in text:
        kind = _kind(c)
        if kind == _LETTER:
            pieces.append(c)
        elif kind == _SIGN:
            pieces.append(f" {c} ")
        else:
            pieces.append(" ")
    return "".join(pieces).split()


def spellings(text: str) -> list[list[str]]:
    """Return the ways to write a text, each as words; the plain one first.

    The others have as one word what an apostrophe, hyphen or dot splits, and
    "ae", "oe", "ue" for umlauts.

    Examples
    --------
    >>> spellings("O'Brien"), spellings("Jörg"), spellings("chest")
    ([['o', 'brien'], ['obrien']], [['jorg'], ['joerg']], [['chest']])
    """
    ways = [words_of(text), _joined(text)]
    if not text.isascii():
        spelt = unicodedata.normalize("NFC", text).translate(_UMLAUTS)
        ways += [words_of(spelt), _joined(spelt)]
    return [list(way) for way in dict.fromkeys(tuple(way) for way in ways) if way]


def _joined(text: str) -> list[str]:
    if _JOINING.isdisjoint(text):
        return words_of(text)
    return words_of("".join([c for c in text if c not in _JOINING]))


def filed_text(texts: Iterable[str]) -> str:
    """Return what is filed to search in: the words of each text, then its other spellings.

    Parameters
    ----------
    texts : iterable of str
        Words of different ones are never neighbours.
    """
    plain: dict[str, None] = {}
    others: dict[str, None] = {}
    for text in texts:
        if text:
            words, more = _filed(text)
            plain[words] = None
            others.update(dict.fromkeys(more))
    plain.pop("", None)
    return f" {APART} ".join([*plain, *others])


@lru_cache(maxsize=4096)
def _filed(text: str) -> tuple[str, Sequence[str]]:
    others: list[str] = []
    for chunk in _CHUNK.split(text):
        others += [" ".join(way) for way in spellings(chunk)[1:]]
    return " ".join(words_of(text)), others


@lru_cache(maxsize=8192)
def _is_accent(c: str) -> bool:
    code = ord(c)
    return code >= 0x300 and any(low <= code <= high for low, high in _ACCENTS)


@lru_cache(maxsize=65536)
def _kind(c: str) -> int:
    category = unicodedata.category(c)
    if category[0] not in "LN" and category not in ("Co", "Mn", "Mc"):
        return _BLANK
    code = ord(c)
    if any(low <= code <= high for low, high in _UNSPACED):
        return _SIGN
    return _LETTER
