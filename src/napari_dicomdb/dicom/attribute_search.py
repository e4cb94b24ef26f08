"""Finding attributes: by name, keyword, tag, value and VR, in any mixture."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from napari_dicomdb.dicom.attributes import Attribute, AttributeTree
    from napari_dicomdb.progress import Progress

__all__ = ["AttributeQuery", "Found", "find_attributes", "resolve_tag"]

MOST_HITS = 5000
_TERM = re.compile(r'(?:(vr|tag|name|value):)?(?:"([^"]*)"?|(\S+))', re.IGNORECASE)
_TAG = re.compile(r"\(?([0-9A-F]{4})\s*,\s*([0-9A-F]{4})\)?|(?:0x)?([0-9A-F]{8})", re.IGNORECASE)
_TOLD = 500  # lines between two reports of progress


def folded(text: str) -> str:
    """Return `text` without case and accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def parse_tag(text: str) -> int | None:
    """Return the tag that is written "0010,0020", "(0010,0020)" or "00100020"."""
    found = _TAG.fullmatch(text.strip())
    if found is None:
        return None
    return int(found[3] or found[1] + found[2], 16)


def resolve_tag(text: str) -> int | None:
    """Return the tag that a keyword, a name of the dictionary or a written tag stands for.

    Examples
    --------
    >>> resolve_tag("EchoTime") == resolve_tag("0018,0081") == resolve_tag("echo time")
    True
    """
    from pydicom.datadict import tag_for_keyword

    tag = parse_tag(text)
    if tag is None:
        tag = tag_for_keyword(text.strip())
    if tag is None:
        tag = _tags_by_name().get(_name_key(text))
    return None if tag is None else int(tag)


_names: dict[str, int] = {}


def _name_key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def _tags_by_name() -> dict[str, int]:
    if not _names:
        from pydicom._dicom_dict import DicomDictionary

        for tag, (_vr, _vm, name, _retired, keyword) in DicomDictionary.items():
            for one in (name, keyword):
                _names.setdefault(_name_key(one), tag)
    return _names


@dataclass(frozen=True, slots=True)
class AttributeQuery:
    """What is looked for: (field, text) of every term; all must fit.

    Examples
    --------
    >>> AttributeQuery.parse("vr:PN doe").terms
    (('vr', 'PN'), ('', 'doe'))
    """

    terms: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> AttributeQuery:
        """Return the query that a person typed; quotes keep words together."""
        # "0010, 0020" is one term.
        text = re.sub(r"(\(?[0-9A-Fa-f]{4}),\s+([0-9A-Fa-f]{4}\)?)", r"\1,\2", text)
        terms = []
        for found in _TERM.finditer(text):
            name, words = (found[1] or "").lower(), found[2] if found[2] is not None else found[3]
            if words:
                terms.append((name, words.upper() if name == "vr" else folded(words)))
        return cls(tuple(terms))

    def __bool__(self) -> bool:
        """Say whether anything is looked for."""
        return bool(self.terms)

    def fits(self, attribute: Attribute) -> bool:
        """Say whether all terms fit one line."""
        return all(self._fits(attribute, name, words) for name, words in self.terms)

    @staticmethod
    def _fits(attribute: Attribute, name: str, words: str) -> bool:
        if name == "vr":
            return attribute.vr == words
        if name == "value":
            return words in folded(attribute.value)
        if name == "name":
            return words in folded(f"{attribute.name}\n{attribute.keyword}")
        tag = parse_tag(words)
        if tag is not None and not attribute.is_item and attribute.tag == tag:
            return True
        if words in attribute.tag_text.casefold():
            return bool(attribute.tag_text)
        if name == "tag":
            return False
        everything = f"{attribute.name}\n{attribute.keyword}\n{attribute.value}"
        return words in folded(everything)


@dataclass(frozen=True, slots=True)
class Found:
    """A line that fits, below those that lead to it."""

    above: tuple[Attribute, ...]
    attribute: Attribute


def find_attributes(
    tree: AttributeTree,
    text: str,
    *,
    most: int = MOST_HITS,
    progress: Progress | None = None,
) -> list[Found]:
    """Return the lines of `tree` that `text` finds, in reading order.

    Parameters
    ----------
    tree : AttributeTree
    text : str
        Words of name, keyword or value; tags as ``0010,0010`` or ``00100010``;
        ``vr:PN``, ``name:``, ``value:``, ``tag:``. All must fit the line.
    most : int
        Lines at most.
    progress : Progress, optional
        May raise `Cancelled`.
    """
    query, tell = AttributeQuery.parse(text), progress or no_progress
    found: list[Found] = []
    above: list[Attribute] = []
    for number, one in enumerate(tree.walk()):
        if number % _TOLD == 0:
            tell(number, None, "searching")
        del above[one.depth :]
        if query.fits(one):
            found.append(Found(tuple(above), one))
            if len(found) >= most:
                break
        above.append(one)
    return found
