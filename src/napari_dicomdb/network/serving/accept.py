"""What a client would like: the Accept header of DICOMweb (PS3.18 Section 8.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request

__all__ = ["ANY", "Wanted", "first_of", "parse_media_type", "wanted_of", "wants_json"]

ANY = "*/*"
_LONGEST = 8192
_MOST = 64
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf';\s*({_TOKEN})\s*=\s*("(?:[^"\\]|\\.)*"|[^;,"\s]+)\s*|;\s*')
_TYPE = re.compile(rf"\s*({_TOKEN}/{_TOKEN})\s*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One media type that a client takes.

    Parameters
    ----------
    type : str
        Lower case; of a multipart that of its parts. "*/*", "image/*": any.
    multipart : bool or None
        Whether it must be multipart/related; None: either.
    transfer_syntax : str
        UID; "*": any; "": none was named.
    """

    type: str = ANY
    multipart: bool | None = None
    transfer_syntax: str = ""

    def takes(self, media_type: str) -> bool:
        """Tell whether a media type is among those wanted."""
        if self.type == ANY:
            return True
        main, _, sub = self.type.partition("/")
        return media_type == self.type or (sub == "*" and media_type.startswith(f"{main}/"))


@dataclass(frozen=True, slots=True)
class _Range:
    type: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def quality(self) -> float:
        try:
            return min(1.0, max(0.0, float(self.parameters.get("q", "1"))))
        except ValueError:
            return 0.0


def wanted_of(request: Request) -> list[Wanted]:
    """Return what a request would like, best first: everything when it does not say.

    The query parameter `accept` overrules the header (PS3.18 Section 8.3.3.1).

    Raises
    ------
    HTTPException
        400: what it says cannot be understood.
    """
    text = request.query_params.get("accept") or ", ".join(request.headers.getlist("accept"))
    # In a URL a + is a blank: "application/dicom+json" is often written so.
    if "accept" in request.query_params:
        text = text.replace("dicom json", "dicom+json").replace("svg xml", "svg+xml")
    ranges = _ranges(text)
    if not ranges:
        return [Wanted()]
    ordered = sorted(ranges, key=lambda one: -one.quality)
    return [_wanted(one) for one in ordered if one.quality > 0]


def wants_json(request: Request) -> str:
    """Return "application/dicom+json", or "application/json" where only that is taken.

    Raises
    ------
    HTTPException
        406: the client takes neither.
    """
    for one in wanted_of(request):
        for media_type in ("application/dicom+json", "application/json"):
            if not one.multipart and one.takes(media_type):
                return media_type
    raise HTTPException(406, "only application/dicom+json is offered here")


def _wanted(one: _Range) -> Wanted:
    syntax = one.parameters.get("transfer-syntax", "")
    if one.type == "multipart/related":
        inner = one.parameters.get("type", ANY).lower()
        return Wanted(inner, True, syntax)
    if one.type == "multipart/*":
        return Wanted(ANY, True, syntax)
    return Wanted(one.type, None if one.type == ANY else False, syntax)


def _ranges(text: str) -> list[_Range]:
    if len(text) > _LONGEST:
        raise HTTPException(400, "the Accept header is too long")
    found: list[_Range] = []
    place = 0
    while place < len(text):
        if text[place] in ", \t":
            place += 1
            continue
        one, place = _range_at(text, place)
        found.append(one)
        if len(found) > _MOST:
            raise HTTPException(400, "the Accept header has too many entries")
        if place < len(text) and text[place] != ",":
            raise HTTPException(400, "the Accept header cannot be understood")
    return found


def _range_at(text: str, place: int) -> tuple[_Range, int]:
    found = _TYPE.match(text, place)
    if found is None:
        raise HTTPException(400, "the Accept header cannot be understood")
    place = found.end()
    parameters: dict[str, str] = {}
    while (one := _PARAMETER.match(text, place)) is not None:
        place = one.end()
        if one[1]:
            parameters.setdefault(one[1].lower(), _unquoted(one[2]))
    return _Range(found[1].lower(), parameters), place


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """Take a Content-Type apart: lower-case type, parameters by lower-case name.

    Raises
    ------
    HTTPException
        400: it is none.
    """
    if len(text) > _LONGEST:
        raise HTTPException(400, "the Content-Type is too long")
    one, place = _range_at(text, 0)
    if place != len(text):
        raise HTTPException(400, "the Content-Type cannot be understood")
    return one.type, dict(one.parameters)


def first_of(wanted: Iterable[Wanted], offered: Iterable[str]) -> tuple[Wanted, str] | None:
    """Return what is wanted most of what is offered; None when nothing is."""
    offers = list(offered)
    for one in wanted:
        for media_type in offers:
            if one.takes(media_type):
                return one, media_type
    return None
