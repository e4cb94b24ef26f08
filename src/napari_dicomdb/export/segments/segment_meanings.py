"""What each segment to be written is: from a layer's table, its name, or a person's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.display_colours import CYCLE
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.study import value_problem
from napari_dicomdb.export.terminology import Term, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.export.source import ExportSource, Label

__all__ = [
    "ALGORITHM_TYPES",
    "SegmentMeaning",
    "fitting",
    "meaning_of",
    "meanings_from",
    "meanings_of",
    "name_of",
]

ALGORITHM_TYPES = ("MANUAL", "SEMIAUTOMATIC", "AUTOMATIC")
_LONGEST = 64
_LONGEST_TEXT = 1024
_CODES = ("category", "type", "type_modifier", "region", "region_modifier")


@dataclass(frozen=True, slots=True)
class SegmentMeaning:
    """What one label is, as it will be written.

    Parameters
    ----------
    value : int
        In the labels.
    label : str
        SegmentLabel, at most 64 characters.
    category, type : Term
    type_modifier, region, region_modifier : Term or None
    colour : tuple of 3 int
        Red, green, blue, 0 to 255.
    description : str
    algorithm_type : str
        "MANUAL", "SEMIAUTOMATIC" or "AUTOMATIC"; "" takes the one of the object.
    algorithm_name : str
    tracking_id, tracking_uid : str
        A new UID is made for an ID without one.
    """

    value: int
    label: str
    category: Term
    type: Term
    colour: tuple[int, int, int]
    type_modifier: Term | None = None
    region: Term | None = None
    region_modifier: Term | None = None
    description: str = ""
    algorithm_type: str = ""
    algorithm_name: str = ""
    tracking_id: str = ""
    tracking_uid: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values: codes as [value, scheme, meaning]."""
        found: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Term):
                value = [value.value, value.scheme, value.meaning]
            found[one.name] = list(value) if isinstance(value, tuple) else value
        return found


def meanings_of(source: ExportSource, values: Iterable[int]) -> tuple[SegmentMeaning, ...]:
    """Return what the labels of a source are, as far as it says; by name where it does not."""
    from napari_dicomdb.export.source import Label

    return tuple(meaning_of(source.labels.get(v) or Label(v)) for v in sorted(values))


def meaning_of(label: Label) -> SegmentMeaning:
    """Return what one label is: by the codes of its features, else by its name."""
    told = label.features
    name = name_of(label)
    guess = suggest(name)
    codes = {key: _term(told, key) for key in _CODES}
    colour = CYCLE[(label.value - 1) % len(CYCLE)]
    if label.colour is not None and all(c == c for c in label.colour):  # no NaN
        red, green, blue = (round(255 * min(max(c, 0.0), 1.0)) for c in label.colour[:3])
        colour = (red, green, blue)
    return SegmentMeaning(
        value=label.value,
        label=fitting(name),
        category=codes["category"] or guess.category,
        type=codes["type"] or guess.type,
        colour=colour,
        type_modifier=codes["type_modifier"] if codes["type"] else guess.modifier,
        region=codes["region"] if codes["type"] or codes["region"] else guess.region,
        region_modifier=codes["region_modifier"]
        if codes["type"] or codes["region"]
        else guess.region_modifier,
        description=_plain(_said(told, "description"))[:_LONGEST_TEXT].strip(),
        algorithm_type=_algorithm(_said(told, "algorithm_type")),
        algorithm_name=fitting(_said(told, "algorithm_name")),
        tracking_id=_plain(_said(told, "tracking_id")),
        tracking_uid=_said(told, "tracking_uid"),
    )


def name_of(label: Label) -> str:
    """Return the name of a label, a made-up one where nobody named it."""
    told = (label.name or _said(label.features, "name")).strip()
    return told or f"Segment {label.value}"


def fitting(name: str) -> str:
    r"""Return a name as SegmentLabel can hold it: 64 characters, no backslash, no half ones.

    Examples
    --------
    >>> fitting("left\\right ")
    'left/right'
    """
    return _plain(name)[:_LONGEST].strip()


def _plain(text: str) -> str:
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else " " for c in whole.replace("\\", "/")).strip()


def meanings_from(answer: object, known: Sequence[SegmentMeaning]) -> tuple[SegmentMeaning, ...]:
    """Return `known` with what a person, or a file, says instead.

    Parameters
    ----------
    answer : sequence of SegmentMeaning or mapping, mapping of int to mapping, or None
        Mappings have ``value`` and any fields of `SegmentMeaning`; a code is a `Term`,
        [value, scheme, meaning], or "SCT 10200004".
    known : sequence of SegmentMeaning

    Raises
    ------
    ExportError
        "bad-value": a field does not exist or does not fit.
    """
    by_value = {one.value: one for one in known}
    for row in _rows(answer):
        if isinstance(row, SegmentMeaning):
            by_value[row.value] = row
            continue
        if not isinstance(row, Mapping):
            raise ExportError("segments are told as a list, one item a label", reason="bad-value")
        try:
            value = int(row["value"])
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(
                "each segment needs the number of its label as `value`", reason="bad-value"
            ) from error
        if value in by_value:
            by_value[value] = _changed(by_value[value], row)
    for one in by_value.values():
        _check(one)
    return tuple(by_value[v] for v in sorted(by_value))


def _rows(answer: object) -> list[Any]:
    if answer is None:
        return []
    if isinstance(answer, Mapping):
        if not all(isinstance(row, Mapping) for row in answer.values()):
            raise ExportError("segments are told as a list, one item a label", reason="bad-value")
        return [{"value": value, **row} for value, row in answer.items()]
    if isinstance(answer, (list, tuple)):
        return list(answer)
    raise ExportError("segments are told as a list, one item a label", reason="bad-value")


def _changed(known: SegmentMeaning, row: Mapping[str, Any]) -> SegmentMeaning:
    names = {one.name for one in fields(SegmentMeaning)}
    unknown = sorted(set(row) - names)
    if unknown:
        raise ExportError(
            f"a segment has no {', '.join(unknown)}: use {', '.join(sorted(names))}",
            reason="bad-value",
        )
    changes: dict[str, Any] = {}
    for key, value in row.items():
        if key in _CODES:
            changes[key] = _as_term(key, value)
        elif key == "colour":
            changes[key] = _as_colour(value)
        elif key != "value":
            changes[key] = str(value)
    if changes.get("label") and "type" not in row and known.label != changes["label"]:
        guess = suggest(changes["label"])
        if known.region == suggest(known.label).region:  # of the name, not of a person
            changes = {
                "region": guess.region, "region_modifier": guess.region_modifier,
            } | changes  # fmt: skip
        changes = {
            "category": guess.category, "type": guess.type, "type_modifier": guess.modifier,
        } | changes  # fmt: skip
    return replace(known, **changes)


def _as_colour(value: Any) -> tuple[int, int, int]:
    try:
        red, green, blue = (int(c) for c in value)
    except (TypeError, ValueError) as error:
        raise ExportError(
            "the colour of a segment is three numbers, 0 to 255", reason="bad-value"
        ) from error
    return (red, green, blue)


def _as_term(key: str, value: Any) -> Term | None:
    if value is None:
        return None
    if isinstance(value, Term):
        term: Term = value
        return term
    try:
        if isinstance(value, str):
            return Term.of(value)
        code, scheme, meaning = map(str, value)
    except (TypeError, ValueError) as error:
        raise ExportError(
            f'{key} of a segment must be [value, scheme, meaning] or "SCT 10200004"',
            reason="bad-value",
        ) from error
    return Term(code, scheme, meaning)


def _check(one: SegmentMeaning) -> None:
    problems = {
        "label": value_problem("SegmentLabel", one.label) or ("" if one.label else "it is empty"),
        "description": value_problem("SegmentDescription", one.description),
        "algorithm name": value_problem("SegmentAlgorithmName", one.algorithm_name),
        "tracking ID": value_problem("TrackingID", one.tracking_id),
        "tracking UID": value_problem("TrackingUID", one.tracking_uid),
    }
    for name in _CODES:
        term: Term | None = getattr(one, name)
        if term is not None and not (term.value and term.scheme and term.meaning):
            problems[name.replace("_", " ")] = "a code needs value, scheme and meaning"
        elif term is not None:
            problems[name.replace("_", " ")] = _problem_of(term)
    if one.algorithm_type and one.algorithm_type not in ALGORITHM_TYPES:
        problems["algorithm type"] = f"use {', '.join(ALGORITHM_TYPES)}"
    if [c for c in one.colour if 0 <= c <= 255] != [*one.colour[:3]]:
        problems["colour"] = "red, green and blue are 0 to 255"
    for name, problem in problems.items():
        if problem:
            raise ExportError(f"segment {one.value}, {name}: {problem}", reason="bad-value")


def _problem_of(term: Term) -> str:
    # Of the meaning as much is written as fits.
    meaning = term.meaning[:_LONGEST].strip()
    parts = {"LongCodeValue": term.value, "CodingSchemeDesignator": term.scheme}
    told = {**parts, "CodeMeaning": meaning}.items()
    return "; ".join(filter(None, (value_problem(keyword, text) for keyword, text in told)))


def _term(told: Mapping[str, Any], key: str) -> Term | None:
    code = _said(told, f"{key}_code")
    if not code:
        return None
    try:
        return Term.of(code, _said(told, key))
    except ValueError:
        return None


def _said(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    # pandas has NaN where a row says nothing.
    return "" if value is None or value != value else str(value).strip()


def _algorithm(text: str) -> str:
    return text if text in ALGORITHM_TYPES else ""
