"""Steps of an axis that no attribute is for, as text: "dose 2/3 = 7.5 [Gy]".

Written as FrameLabel of frames ("label corresponding to a specific dimension index value",
PS3.3 Section C.7.6.16.2.2) and as ImageComments of single images, and read from there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LabelledAxis", "axis_of_labels", "labels_of_axis"]

_LONGEST = 64  # characters of VR LO
_SPATIAL = frozenset({"slice", "row", "column"})
_LABEL = re.compile(r"([a-z]\w*) (\d{1,5})/(\d{1,5})(?: = (.*?))?(?: \[([^\[\]]+)\])?")


@dataclass(frozen=True, slots=True)
class LabelledAxis:
    """An axis as its labels tell it.

    Parameters
    ----------
    name, unit : str
    values : tuple
        Of each step: numbers, or texts; 1, 2, ... where none are told.
    steps : tuple of int
        Of each label, from 0.
    """

    name: str
    unit: str
    values: tuple[Any, ...]
    steps: tuple[int, ...]


def labels_of_axis(
    name: str, values: Sequence[Any], unit: str = "", *, length: int
) -> tuple[str, ...]:
    """Return a label for each step of an axis, () when they would not be read back.

    Parameters
    ----------
    name : str
        Lower case.
    values : sequence
        One for each step, or none.
    unit : str
    length : int
        Number of steps.

    Examples
    --------
    >>> labels_of_axis("dose", (2.5, 7.5), "Gy", length=2)
    ('dose 1/2 = 2.5 [Gy]', 'dose 2/2 = 7.5 [Gy]')
    >>> labels_of_axis("channel", (), length=2)
    ('channel 1/2', 'channel 2/2')
    """
    told = [f" = {_text(value)}" for value in values] if len(values) == length else [""] * length
    end = f" [{unit}]" if unit and len(values) == length else ""
    labels = tuple(f"{name} {k}/{length}{value}{end}" for k, value in enumerate(told, 1))
    found = axis_of_labels(labels) if all(map(_is_plain, labels)) else None
    if found is None or (found.name, found.unit) != (name, unit if end else ""):
        return ()
    wanted = tuple(values) if len(values) == length else tuple(range(1, length + 1))
    return labels if found.values == wanted else ()


def axis_of_labels(labels: Sequence[Any]) -> LabelledAxis | None:
    """Return the axis that labels tell, None when they are no labels of one axis.

    Parameters
    ----------
    labels : sequence of str or None
        Of frames, in any order; every step must be among them.
    """
    parsed = {label: _LABEL.fullmatch(label) if isinstance(label, str) else None
              for label in dict.fromkeys(labels)}  # fmt: skip
    found = [one.groups() for one in parsed.values() if one is not None]
    if (
        len(found) < len(parsed)
        or len({(name, count, unit) for name, _, count, _, unit in found}) != 1
    ):
        return None
    name, _, count, _, unit = found[0]
    texts = {int(step): value for _, step, _, value, _ in found}
    length = int(count)
    if name in _SPATIAL or len(found) != length or set(texts) != set(range(1, length + 1)):
        return None
    steps = {label: int(one[2]) - 1 for label, one in parsed.items() if one is not None}
    values = _values([texts[k] for k in range(1, length + 1)])
    return LabelledAxis(name, unit or "", values, tuple(steps[label] for label in labels))


def _values(texts: list[str | None]) -> tuple[Any, ...]:
    if any(text is None for text in texts):
        return tuple(range(1, len(texts) + 1))
    try:
        numbers = tuple(float(text) for text in texts if text is not None)
    except ValueError:
        return tuple(texts)
    return numbers if all(map(isfinite, numbers)) else tuple(texts)


def _text(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(float(value)) if is_number else str(value)


def _is_plain(label: str) -> bool:
    """Whether VR LO holds a text as it is."""
    return len(label) <= _LONGEST and label.isprintable() and "\\" not in label
