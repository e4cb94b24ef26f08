"""Codes that say what a segment is: category, property type, anatomic region; searchable.

The tables are context groups of PS3.16 (`scripts/terminology_tables.py`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = [
    "TISSUE",
    "Suggestion",
    "Term",
    "categories",
    "category_of",
    "modifiers",
    "regions",
    "search_terms",
    "suggest",
    "types",
]


@dataclass(frozen=True, slots=True)
class Term:
    """A coded concept: value, scheme ("SCT", "DCM", ...), meaning.

    Examples
    --------
    >>> Term.of("SCT 10200004").meaning
    'Liver'
    """

    value: str
    scheme: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.scheme} {self.value}"

    @classmethod
    def of(cls, code: str, meaning: str = "") -> Term:
        """Return the term that `str` gave: "SCT 10200004".

        Parameters
        ----------
        code : str
        meaning : str
            Taken when the tables do not have the code.

        Raises
        ------
        ValueError
            If it is no scheme and value.
        """
        scheme, _, value = code.strip().partition(" ")
        if not scheme or not value.strip():
            raise ValueError(f'a code is a scheme and a value, "SCT 10200004", not {code!r}')
        value = value.strip()
        return cls(value, scheme, meaning or _meanings().get((scheme, value), value))


TISSUE = Term("85756007", "SCT", "Tissue")
"""What a segment is when nobody says more, as category and as type."""
_ABNORMAL = Term("49755003", "SCT", "Morphologically Abnormal Structure")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a name probably means.

    Parameters
    ----------
    category, type : Term
    modifier : Term or None
        Laterality.
    region : Term or None
        Where it is, of what may be in several organs.
    region_modifier : Term or None
        Its laterality.
    """

    category: Term
    type: Term
    modifier: Term | None = None
    region: Term | None = None
    region_modifier: Term | None = None


@cache
def _tables() -> dict[str, Any]:
    text = files("napari_dicomdb.export").joinpath("data/terminology.json").read_text("utf-8")
    tables: dict[str, Any] = json.loads(text)
    return tables


@cache
def categories() -> tuple[Term, ...]:
    """Return the categories of segmented properties (CID 7150)."""
    return tuple(Term(*code) for code in _tables()["categories"])


@cache
def types(category: Term | None = None) -> tuple[Term, ...]:
    """Return the property types of a category (CID 7191 to 7198), of all by default.

    With some of SNOMED that the standard has elsewhere, which programs segment.
    """
    tables: dict[str, list[list[str]]] = _tables()["types"]
    chosen = tables.values() if category is None else [tables.get(category.value, [])]
    found = {tuple(code): Term(*code) for codes in chosen for code in codes}
    return tuple(sorted(found.values(), key=lambda term: term.meaning.lower()))


@cache
def regions() -> tuple[Term, ...]:
    """Return the anatomic regions (CID 4)."""
    return tuple(Term(*code) for code in _tables()["regions"])


@cache
def modifiers() -> tuple[Term, ...]:
    """Return the lateralities (CID 244)."""
    return tuple(Term(*code) for code in _tables()["modifiers"])


@cache
def _meanings() -> dict[tuple[str, str], str]:
    every = (*categories(), *types(), *regions(), *modifiers())
    return {(term.scheme, term.value): term.meaning for term in every}


@cache
def category_of(kind: Term) -> Term:
    """Return the category that a property type belongs to; that of tissue when unknown.

    The standard lists some in two: tissue is tissue rather than a spatial concept, and
    nothing is abnormal that need not be.
    """
    found = [category for category in categories() if kind in types(category)]
    same = [category for category in found if category == kind]
    normal = [category for category in found if category != _ABNORMAL]
    return (same or normal or found or [TISSUE])[0]


def search_terms(text: str, terms: tuple[Term, ...]) -> list[Term]:
    """Return the terms whose meaning has all words of `text`, or whose code it is, best first.

    Whole words before beginnings of words, then the shortest.

    Examples
    --------
    >>> search_terms("lung upper", types())[0].meaning
    'Upper lobe of lung'
    """
    wanted = _words(text)
    if not wanted:
        return list(terms)
    found: list[tuple[bool, int, str, Term]] = []
    for term in terms:
        words = _words(term.meaning)
        if term.value == text.strip():
            found.append((False, 0, "", term))
        elif all(any(word.startswith(one) for word in words) for one in wanted):
            partial = not set(wanted) <= set(words)
            found.append((partial, len(words), term.meaning.lower(), term))
    return [term for *_, term in sorted(found, key=lambda row: row[:3])]


def suggest(name: str) -> Suggestion:
    """Return what a segment of this name probably is; tissue when nothing fits.

    Knows meanings of the standard, sides ("kidney_left", "Lung_R"), plurals, the names of
    TotalSegmentator, and what is in an organ ("liver_tumor"); never guesses from a part
    of a name alone.

    Examples
    --------
    >>> suggest("kidney_left").type.meaning, suggest("kidney_left").modifier.meaning
    ('Kidney', 'Left')
    >>> suggest("liver_tumor").region.meaning
    'Liver'
    """
    words = [_SIDES.get(word, word) for word in _words(name)]
    if len(words) > 1 and words[-1] in _SHORT_SIDES:
        words[-1] = _SHORT_SIDES[words[-1]]
    side = next((s for s in ("left", "right") if s in words), "")
    modifier = next((m for m in modifiers() if m.meaning.lower() == side), None)
    kind = _kind_of(words)
    if kind is not None:
        said = bool(side) and side in _words(kind.meaning)
        return Suggestion(category_of(kind), kind, None if said else modifier)
    for k, word in enumerate(words):
        what = _LESIONS.get(word) or _LESIONS.get(_singular(word))
        where = _kind_of([*words[:k], *words[k + 1 :]]) if what else None
        kind = _by_words().get(frozenset([what])) if what else None
        if kind is not None and where is not None:
            said = bool(side) and side in _words(where.meaning)
            return Suggestion(category_of(kind), kind, None, where, None if said else modifier)
    return Suggestion(TISSUE, TISSUE)


def _kind_of(words: list[str]) -> Term | None:
    bare = [word for word in words if word not in ("left", "right")]
    singular = [_singular(word) for word in bare]
    for candidate in (
        words, bare, singular, _other_words(bare), _other_words(singular),
        [word for word in _other_words(bare) if not word.isdigit()],
        [word for word in _other_words(singular) if not word.isdigit()],
    ):  # fmt: skip
        kind = _by_words().get(frozenset(candidate))
        if kind is not None:
            return kind
    return None


_FILLERS = frozenset({"of", "the", "structure", "entire", "segment", "mask", "label", "and"})
_SIDES = {"lt": "left", "rt": "right", "sin": "left", "dex": "right"}
_SHORT_SIDES = {"l": "left", "r": "right"}
# What may be in an organ, as the standard calls it.
_LESIONS = {
    "tumor": "neoplasm", "tumour": "neoplasm", "neoplasm": "neoplasm", "cancer": "neoplasm",
    "cyst": "cyst", "nodule": "nodule", "lesion": "lesion", "mass": "mass", "edema": "edema",
    "oedema": "edema", "necrosis": "necrosis", "hemorrhage": "hemorrhage",
    "haemorrhage": "hemorrhage", "vessel": "vessel", "calcification": "calcification",
}  # fmt: skip
# As TotalSegmentator and people say it, and as SNOMED does.
_SYNONYMS = {
    "vertebrae": "vertebra",
    "tumour": "neoplasm",
    "tumor": "neoplasm",
    "urinary": "",
    "bowel": "intestine",
    "adrenal": "adrenal gland",
    "hip": "hip bone",
    "oesophagus": "esophagus",
    "oedema": "edema",
    "intracerebral": "brain",
    "ventricles": "ventricle",
    "grey": "gray",
}


def _other_words(words: list[str]) -> list[str]:
    return [part for word in words for part in _SYNONYMS.get(word, word).split()]


def _singular(word: str) -> str:
    """Return a plural without its ending, as far as endings tell."""
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("uses", "xes", "ches", "shes", "sses")):
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is", "as")):
        return word[:-1]
    return word


def _words(text: str) -> list[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    found = re.findall(r"[^\W_]+", spaced.lower())
    return [word for word in found if word not in _FILLERS]


@cache
def _by_words() -> dict[frozenset[str], Term]:
    """Return types by the words of their meaning; the first of several is the shortest.

    Names that programs use come before.
    """
    by_value = {term.value: term for term in types()}
    names: dict[str, str] = _tables()["names"]
    found: dict[frozenset[str], Term] = {}
    for name, value in names.items():
        found.setdefault(frozenset(_words(name)), by_value[value])
    for term in sorted(types(), key=lambda one: (len(one.meaning), one.meaning)):
        found.setdefault(frozenset(_words(term.meaning)), term)
    return found
