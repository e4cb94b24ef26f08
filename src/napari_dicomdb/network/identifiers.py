"""Identifiers: the data sets of C-FIND, C-GET and C-MOVE, encoded and decoded.

Little endian, explicit or implicit VR. An answer comes from a stranger: of what it holds
nothing is believed, each length is looked at, and what a text may do to a screen is taken out.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.values import charsets_of, decode_text
from napari_dicomdb.errors import NetworkError, QueryError
from napari_dicomdb.network.query_keys import vr_of_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["LARGEST_IDENTIFIER", "clean_text", "decode_identifier", "encode_identifier"]

LARGEST_IDENTIFIER = 1 << 20
"""Bytes of one answer; more is refused."""

_MOST_ELEMENTS = 2_000
_MOST_ITEMS = 200
_DEEPEST = 8
_LONGEST_TEXT = 10_240
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ"}) | frozenset(
    {b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
_TEXT_VRS = frozenset(
    [
        "AE",
        "AS",
        "CS",
        "DA",
        "DS",
        "DT",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "ST",
        "TM",
        "UC",
        "UI",
        "UR",
        "UT",
    ]
)
_IN_CHARSET = frozenset(["LO", "LT", "PN", "SH", "ST", "UC", "UT"])
_FREE_TEXT = frozenset(["LT", "ST", "UT"])
_NUMBERS = {
    "US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q", "FL": "f", "FD": "d",
}  # fmt: skip
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_TAG = struct.Struct("<HH")
_SHORT = struct.Struct("<H")
_LONG = struct.Struct("<L")
# Joiners shape letters of Arabic and Indic scripts; other invisible characters only deceive.
_KEPT_INVISIBLE = frozenset("\u200c\u200d")
# Codec, and the escape sequence that it does not write itself (PS3.3 C.12.1.1.2).
_CODECS = {
    "ISO_IR 6": ("ascii", b""),
    "ISO_IR 13": ("shift_jis", b""),
    "ISO_IR 58": ("gb2312", b"\x1b$)A"),
    "ISO_IR 87": ("iso2022_jp", b""),
    "ISO_IR 100": ("latin_1", b""),
    "ISO_IR 101": ("iso8859_2", b""),
    "ISO_IR 109": ("iso8859_3", b""),
    "ISO_IR 110": ("iso8859_4", b""),
    "ISO_IR 126": ("iso8859_7", b""),
    "ISO_IR 127": ("iso8859_6", b""),
    "ISO_IR 138": ("iso8859_8", b""),
    "ISO_IR 144": ("iso8859_5", b""),
    "ISO_IR 148": ("iso8859_9", b""),
    "ISO_IR 149": ("euc_kr", b"\x1b$)C"),
    "ISO_IR 159": ("iso2022_jp_2", b""),
    "ISO_IR 166": ("iso8859_11", b""),
    "ISO_IR 192": ("utf_8", b""),
    "ISO_IR 203": ("iso8859_15", b""),
    "GB18030": ("gb18030", b""),
    "GBK": ("gbk", b""),
}
# Codecs of several character sets: the escape sequences that are of this one.
_OWN_ESCAPES = {
    "ISO_IR 87": (b"\x1b$B", b"\x1b(B"),
    "ISO_IR 159": (b"\x1b$(D", b"\x1b(B"),
}
# By these one character set is no complete one: ASCII is its first (PS3.3 C.12.1.1.2).
_EXTENSIONS = frozenset({"ISO 2022 IR 87", "ISO 2022 IR 159", "ISO 2022 IR 149", "ISO 2022 IR 58"})


# -- encoding -------------------------------------------------------------------------------


def encode_identifier(
    values: Mapping[str, str],
    *,
    level: str = "",
    explicit: bool = False,
    character_set: str = "",
) -> bytes:
    r"""Encode an identifier.

    Parameters
    ----------
    values : mapping of str to str
        By keyword, or path of keywords as in `query.Query`; "" matches everything.
        Of a sequence: "".
    level : str
        Of the query, for QueryRetrieveLevel; "" leaves that out.
    explicit : bool
        Whether with value representations.
    character_set : str
        SpecificCharacterSet of names and other text, in which many nodes also answer;
        "": ISO_IR 100 when that has all characters, else ISO_IR 192 (UTF-8).

    Raises
    ------
    QueryError
        If the character set does not have all characters (reason "bad-character-set").

    Examples
    --------
    >>> encode_identifier({"PatientID": "é"})[8:18], encode_identifier({"StudyDate": ""})
    (b'ISO_IR 100', b'\x08\x00 \x00\x00\x00\x00\x00')
    """
    charset = ""
    if any(vr_of_key(keyword) in _IN_CHARSET for keyword in values):
        charset = _chosen_charset("".join(values.values()), character_set)
    whole = dict(values)
    if level:
        whole["QueryRetrieveLevel"] = "IMAGE" if level == "instance" else level.upper()
    if charset:
        whole["SpecificCharacterSet"] = charset
    return _encoded(whole, explicit, charsets_of(charset) if charset else ())


def _chosen_charset(text: str, wanted: str) -> str:
    if wanted:
        return f"\\{wanted}" if wanted in _EXTENSIONS else wanted
    try:
        text.encode("latin_1")
    except UnicodeEncodeError:
        return "ISO_IR 192"
    return "ISO_IR 100"


def _encoded(values: Mapping[str, str], explicit: bool, charsets: tuple[str, ...]) -> bytes:
    elements: dict[int, tuple[str, bytes]] = {}
    nested: dict[str, dict[str, str]] = {}
    for keyword, value in values.items():
        first, dot, rest = keyword.partition(".")
        if dot:
            nested.setdefault(first, {})[rest] = value
        elif (vr := vr_of_key(first)) != "SQ":
            elements[_tag_of(first)] = vr, _encoded_value(first, vr, value, charsets)
        else:
            elements.setdefault(_tag_of(first), ("SQ", b""))
    for keyword, inner in nested.items():
        item = _encoded(inner, explicit, charsets)
        raw = _TAG.pack(_ITEM >> 16, _ITEM & 0xFFFF) + _LONG.pack(len(item)) + item
        elements[_tag_of(keyword)] = "SQ", raw
    return b"".join(
        _element(tag, vr, raw, explicit) for tag, (vr, raw) in sorted(elements.items())
    )


def _element(tag: int, vr: str, raw: bytes, explicit: bool) -> bytes:
    head = _TAG.pack(tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + _LONG.pack(len(raw)) + raw
    if vr.encode() in _LONG_VRS:
        return head + vr.encode() + b"\0\0" + _LONG.pack(len(raw)) + raw
    if len(raw) > 0xFFFF:
        raise QueryError("a list of values is too long: ask for fewer at once", reason="too-long")
    return head + vr.encode() + _SHORT.pack(len(raw)) + raw


def _encoded_value(keyword: str, vr: str, value: str, charsets: tuple[str, ...]) -> bytes:
    if vr in _NUMBERS:
        parts = [part for part in value.split("\\") if part]
        kind = float if vr in ("FL", "FD") else int
        try:
            return b"".join(struct.pack(f"<{_NUMBERS[vr]}", kind(part)) for part in parts)
        except (ValueError, OverflowError, struct.error) as error:
            raise QueryError(f"{keyword}: no such number", reason="bad-value") from error
    raw = value.encode("ascii") if value.isascii() else _in_charset(keyword, vr, value, charsets)
    return raw + (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)


def _in_charset(keyword: str, vr: str, value: str, charsets: tuple[str, ...]) -> bytes:
    if vr not in _IN_CHARSET:
        raise QueryError(f"{keyword} takes plain letters only", reason="bad-value")
    term = next(filter(None, charsets), "")
    name = term.replace("ISO 2022 IR", "ISO_IR")
    codec, escape = _CODECS.get(name, ("utf_8", b""))
    try:
        # Code extensions end at delimiters, so what is between them begins anew.
        parts = _pieces(value, "^=\\" if vr == "PN" else "\\")
        raw = b"".join(
            part.encode("ascii") if part.isascii() else escape + part.encode(codec)
            for part in parts
        )
    except UnicodeError as error:
        raise _not_in(keyword, term) from error
    rest = raw
    for own in _OWN_ESCAPES.get(name, ()):
        rest = rest.replace(own, b"")
    is_foreign = name in _OWN_ESCAPES and b"\x1b" in rest
    if is_foreign or decode_text(raw, charsets, vr) != value:
        raise _not_in(keyword, term)
    return raw


def _pieces(text: str, delimiters: str) -> Iterable[str]:
    piece = ""
    for c in text:
        if c in delimiters:
            yield piece
            yield c
            piece = ""
        else:
            piece += c
    yield piece


def _not_in(keyword: str, name: str) -> QueryError:
    return QueryError(
        f"{keyword} has characters that {name}, the node's character set, does not have: "
        "choose another for this node, or none",
        reason="bad-character-set",
    )


# -- decoding -------------------------------------------------------------------------------


def decode_identifier(raw: bytes, *, explicit: bool = False) -> dict[str, Any]:
    """Decode an identifier.

    Parameters
    ----------
    raw : bytes
        Little endian.
    explicit : bool
        Whether with value representations.

    Returns
    -------
    dict
        By keyword of the elements that DICOM knows: text, stripped, several values
        joined by backslashes; numbers as text; of a sequence the list of its items.

    Raises
    ------
    NetworkError
        If it is none (reason "bad-answer").
    """
    return _Decoder(raw, explicit).data_set(0, len(raw), (), 0)[0]


class _Decoder:
    def __init__(self, raw: bytes, explicit: bool) -> None:
        self._raw, self._explicit = raw, explicit
        self._elements = 0

    def data_set(
        self,
        place: int,
        end: int,
        charsets: tuple[str, ...],
        depth: int,
        *,
        open_end: bool = False,
    ) -> tuple[dict[str, Any], int]:
        """Decode elements from `place` on; returns also where they end."""
        found: dict[str, Any] = {}
        while place < end:
            tag, vr, length, place = self._head(place, end)
            if tag == _ITEM_END and open_end:
                return found, place
            self._elements += 1
            if tag >> 16 == 0xFFFE or self._elements > _MOST_ELEMENTS:
                raise _bad("it is not put together right")
            known = _known(tag)
            vr = vr or (known[1] if known else "UN")
            if vr == "SQ" or length == _UNDEFINED:
                items, place = self._items(place, end, length, charsets, depth + 1)
                if known is not None and known[1] == "SQ":
                    found[known[0]] = items
                continue
            if place + length > end:
                raise _bad("a length is wrong")
            value = self._raw[place : place + length]
            place += length
            if tag == 0x00080005:
                charsets = charsets_of(value.decode("latin_1"))
            elif known is not None and vr != "UN" and known[1] != "SQ":
                text = _decoded(value, vr, charsets)
                if text is not None:
                    found[known[0]] = text
        if open_end:
            raise _bad("it ends within a sequence")
        return found, place

    def _head(self, place: int, end: int) -> tuple[int, str, int, int]:
        if place + 8 > end:
            raise _bad("it ends within an element")
        group, element = _TAG.unpack_from(self._raw, place)
        tag = group << 16 | element
        if not self._explicit or group == 0xFFFE:
            return tag, "", _LONG.unpack_from(self._raw, place + 4)[0], place + 8
        vr = self._raw[place + 4 : place + 6]
        if vr in _LONG_VRS:
            if place + 12 > end:
                raise _bad("it ends within an element")
            return tag, vr.decode(), _LONG.unpack_from(self._raw, place + 8)[0], place + 12
        if not (vr.isalpha() and vr.isupper()):
            raise _bad("a value representation is wrong")
        return tag, vr.decode(), _SHORT.unpack_from(self._raw, place + 6)[0], place + 8

    def _items(
        self, place: int, end: int, length: int, charsets: tuple[str, ...], depth: int
    ) -> tuple[list[dict[str, Any]], int]:
        if depth > _DEEPEST:
            raise _bad("sequences are nested too deep")
        is_open = length == _UNDEFINED
        if not is_open:
            if place + length > end:
                raise _bad("a length is wrong")
            end = place + length
        found: list[dict[str, Any]] = []
        while place < end:
            tag, _, size, place = self._head(place, end)
            if tag == _SEQUENCE_END and is_open:
                return found, place
            if tag != _ITEM or len(found) >= _MOST_ITEMS:
                raise _bad("a sequence is not put together right")
            if size == _UNDEFINED:
                item, place = self.data_set(place, end, charsets, depth, open_end=True)
            elif place + size > end:
                raise _bad("a length is wrong")
            else:
                item, _ = self.data_set(place, place + size, charsets, depth)
                place += size
            found.append(item)
        if is_open:
            raise _bad("it ends within a sequence")
        return found, place


def _decoded(value: bytes, vr: str, charsets: tuple[str, ...]) -> str | None:
    if vr in _TEXT_VRS:
        raw = value[:_LONGEST_TEXT]
        text = decode_text(raw, charsets if vr in _IN_CHARSET else (), vr)
        return clean_text(text, lines=vr in _FREE_TEXT)
    code = _NUMBERS.get(vr)
    if code is None:
        return None
    size = struct.calcsize(f"<{code}")
    numbers = [n for (n,) in struct.iter_unpack(f"<{code}", value[: len(value) // size * size])]
    return "\\".join(f"{n:.10g}" if isinstance(n, float) else str(n) for n in numbers[:1000])


def clean_text(text: str, *, lines: bool = False) -> str:
    r"""Return a text of a stranger's as it may be shown: stripped, nothing in it that acts.

    Parameters
    ----------
    text : str
    lines : bool
        Whether it may have several lines.

    Examples
    --------
    >>> clean_text("Doe^Jane\x1b[2J \0")
    'Doe^Jane\ufffd[2J'
    """
    text = text.strip(" \0")
    if text.isprintable():
        return text if "\\" not in text or lines else _values_stripped(text)
    kept = "".join(
        c
        if c.isprintable() or c in _KEPT_INVISIBLE or (lines and c in "\n\t")
        else ("" if lines and c == "\r" else "\N{REPLACEMENT CHARACTER}")
        for c in text
    )
    return kept if lines else _values_stripped(kept)


def _values_stripped(text: str) -> str:
    return "\\".join(part.strip(" ") for part in text.split("\\"))


@lru_cache(maxsize=4096)
def _known(tag: int) -> tuple[str, str] | None:
    """Return keyword and VR of a tag of DICOM's; None: it is none, or has no name."""
    from pydicom.datadict import dictionary_VR, keyword_for_tag

    keyword = keyword_for_tag(tag)
    return (keyword, dictionary_VR(tag).partition(" ")[0]) if keyword else None


@lru_cache(maxsize=1024)
def _tag_of(keyword: str) -> int:
    from pydicom.datadict import tag_for_keyword

    return int(tag_for_keyword(keyword) or 0)


def _bad(why: str) -> NetworkError:
    return NetworkError(f"an answer of the node cannot be read: {why}", reason="bad-answer")
