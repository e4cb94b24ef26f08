"""What content tells of the patient: words of the name, and age or sex within reports."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from napari_dicomdb.dicom import _attribute_values as text
from napari_dicomdb.export.deidentification.values import DUMMY_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "hide_characteristic",
    "is_standard_code",
    "name_words",
    "telling_words",
    "without_words",
    "words_in",
]

# Concepts (PS3.16) whose values describe the patient: age, birth date, sex, size, weight.
_CHARACTERISTICS = frozenset(
    ("121031", "121032", "121033", "121034", "8302-2", "29463-7", "27113001", "50373000",
     "263495000", "397669002", "39156-5", "8277-6", "3140-1", "60621009", "301898006")
)  # fmt: skip
_MEASURED_VALUES, _CONCEPT_CODES, _CONCEPT_NAME = 0x0040A300, 0x0040A168, 0x0040A043
_IDS = (0x00100020, 0x00120040)
_WORD = re.compile(r"[^\W_]+")
# Kana, ideographs, Hangul: written without spaces, names of two letters are usual.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
                       "\uff66-\uff9f]")  # fmt: skip
_SHORTEST_NAME, _SHORTEST_NUMBER, _SHORTEST_ID, _SHORTEST_UNSPACED = 3, 5, 4, 2
_NO_NAMES = frozenset(
    ("anon", "anonymized", "anonymous", "brain", "derived", "dicom", "head", "image", "liver",
     "lung", "name", "none", "original", "patient", "phantom", "primary", "prostate",
     "secondary", "subject", "test", "unknown")
)  # fmt: skip


def hide_characteristic(item: Dataset) -> Iterable[tuple[int, str]]:
    """Empty a content item that tells the patient's age, sex, size or weight.

    Parameters
    ----------
    item : Dataset
        Of a ContentSequence; others stay as they are.

    Yields
    ------
    tag : int
    action : str
        What was done to it.
    """
    if _CONCEPT_NAME not in item:
        return
    names = item[_CONCEPT_NAME].value or ()
    if not any(str(name.get("CodeValue", "")) in _CHARACTERISTICS for name in names):
        return
    if _MEASURED_VALUES in item:
        item.MeasuredValueSequence = Items()
        yield _MEASURED_VALUES, "emptied"
    if _CONCEPT_CODES in item:
        unknown = Dataset()
        unknown.CodeValue, unknown.CodingSchemeDesignator = "261665006", "SCT"
        unknown.CodeMeaning = "Unknown"
        item.ConceptCodeSequence = Items([unknown])
        yield _CONCEPT_CODES, "replaced"


def name_words(dataset: Dataset) -> frozenset[str]:
    """Return the parts of names and patient IDs at the top of a data set, folded."""
    words: set[str] = set()
    charsets = text.charsets_in(dataset)
    for tag in [int(t) for t in dataset.keys()]:  # noqa: SIM118 - tags, not values
        element: Any = dataset.get_item(tag)
        vr = text.vr_of(dataset, element)
        if vr != "PN" and tag not in _IDS:
            continue
        values = text.values_of(element, vr, charsets)
        whole = (
            values.decode("latin_1") if isinstance(values, bytes) else " ".join(map(str, values))
        )
        words |= words_in(whole)
        if tag in _IDS:
            words.add(whole.strip(" \0").casefold())
    return frozenset(words) - {DUMMY_TEXT.casefold()}


def words_in(text: str) -> frozenset[str]:
    """Return the parts of names, folded, and whole names where no space is written in them.

    Examples
    --------
    >>> sorted(words_in("Doe^Jane")), sorted(words_in("山田^太郎"))
    (['doe', 'jane'], ['太郎', '山田', '山田太郎'])
    """
    text = unicodedata.normalize("NFC", text)  # accents apart from their letters part words
    words = {word.casefold() for word in _WORD.findall(text)}
    groups = (one for one in re.split(r"[=\s]", text) if _UNSPACED.search(one))
    return frozenset(words | {"".join(_WORD.findall(one)) for one in groups})


def telling_words(words: Iterable[str]) -> frozenset[str]:
    """Return those of the patient's words that may go from labels without harm.

    Short ones, and what test data are called, are everywhere. What has more than letters
    and digits is an ID as it is written.

    Parameters
    ----------
    words : iterable of str
        From `name_words`, folded.
    """
    telling = [w for w in words if _is_telling(w)]
    return frozenset((*telling, *map(_plain, telling)))


def _plain(word: str) -> str:
    """Return a word without accents: labels are often typed without them."""
    if word.isascii() or _UNSPACED.search(word):
        return word
    parts = unicodedata.normalize("NFKD", word)
    return "".join(c for c in parts if not unicodedata.combining(c))


def _is_telling(word: str) -> bool:
    if word.isdigit():
        return len(word) >= _SHORTEST_NUMBER
    if _UNSPACED.search(word):
        return len(word) >= _SHORTEST_UNSPACED
    if _WORD.fullmatch(word):
        return len(word) >= _SHORTEST_NAME and word not in _NO_NAMES
    return len(word) >= _SHORTEST_ID and any(c.isalnum() for c in word)


def without_words(text: str, words: frozenset[str]) -> str:
    """Return a label without the patient's words; the very same when it has none of them.

    Examples
    --------
    >>> without_words("Tumour (Doe) 2", frozenset({"doe"}))
    'Tumour () 2'
    """
    given, text = text, unicodedata.normalize("NFC", text)
    folded = text.casefold()
    for one in sorted(words, key=lambda word: (-len(word), word)):
        # An ID, or a name within a script without spaces.
        if one in folded and (not _WORD.fullmatch(one) or _UNSPACED.search(one)):
            text = re.sub(re.escape(one), "", text, flags=re.IGNORECASE)

    def kept(match: re.Match[str]) -> str:
        word = match[0].casefold()
        return "" if word in words or _plain(word) in words else match[0]

    made = _WORD.sub(kept, text)
    if made.casefold() == folded:
        return given
    made = re.sub(r"\s+", " ", made).strip()
    return made if _WORD.search(made) else DUMMY_TEXT


def is_standard_code(item: Dataset) -> bool:
    """Tell whether a coded entry is of a published scheme: its words are no one's."""
    scheme = str(item.get("CodingSchemeDesignator", "") or "").strip()
    return bool(scheme) and not scheme.startswith("99")
