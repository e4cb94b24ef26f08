"""What content tells of the patient: words of the name, and age or sex within reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from napari_dicomdb.dicom import _attribute_values as text
from napari_dicomdb.export.deidentification.values import DUMMY_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["hide_characteristic", "name_words"]

# Concepts (PS3.16) whose values describe the patient: age, birth date, sex, size, weight.
_CHARACTERISTICS = frozenset(
    ("121031", "121032", "121033", "121034", "8302-2", "29463-7", "27113001", "50373000",
     "263495000", "397669002")
)  # fmt: skip
_MEASURED_VALUES, _CONCEPT_CODES, _CONCEPT_NAME = 0x0040A300, 0x0040A168, 0x0040A043
_IDS = (0x00100020, 0x00120040)


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
        words.update(word.casefold() for word in re.findall(r"[^\W_]+", whole))
    return frozenset(words) - {DUMMY_TEXT.casefold()}
