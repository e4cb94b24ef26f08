"""Free text cleaned by an allow-list: words of anatomy and technique stay, others go."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

__all__ = ["cleaned", "vocabulary"]

_WORD = re.compile(r"[^\W_]+(?:\.\d+)?", re.UNICODE)
# Amounts with a unit, weightings, b-values, vertebrae, echo and time point numbers.
_TECHNICAL = re.compile(
    r"\d"
    r"|\d{1,4}(?:\.\d{1,3})?(?:mm|cm|ms|sec|s|min|hz|khz|mhz|kv|kvp|ma|mas|t|d|x|gy|cgy|mgy|ml|mg)"
    r"|(?:b|te|tr|ti|fa|snr|kv)\d{1,4}"
    r"|[cdlst]\d{1,2}|v\d{1,2}|[bhjiqu][rfvl]?\d{2}[fsma]?",
    re.IGNORECASE,
)


@cache
def vocabulary() -> frozenset[str]:
    """Return the words that may stay, folded."""
    folder = files("napari_dicomdb.export.deidentification").joinpath("data")
    words = json.loads(folder.joinpath("vocabulary.json").read_text(encoding="utf-8"))["words"]
    return frozenset(word.casefold() for word in words)


def cleaned(
    text: str,
    allowed: frozenset[str] = frozenset(),
    forbidden: frozenset[str] = frozenset(),
) -> str:
    """Return the words of `text` that tell nothing about who the patient is.

    Parameters
    ----------
    text : str
    allowed : frozenset of str
        Texts that stay as they are.
    forbidden : frozenset of str
        Folded words that go in any case: Dixon may be a technique, or the patient.

    Examples
    --------
    >>> cleaned("T2 TSE axial Jane Doe 4711 3mm")
    'T2 TSE axial 3mm'
    """
    if text.strip() in allowed:
        return text.strip()
    known = vocabulary()
    kept = [
        word
        for word in _WORD.findall(text)
        if word.casefold() not in forbidden
        and (word.casefold() in known or _TECHNICAL.fullmatch(word))
    ]
    return " ".join(kept)
