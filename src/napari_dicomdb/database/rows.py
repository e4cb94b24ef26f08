"""From scanned headers to the rows of the index; done in the scan workers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_dicomdb.database import series_notes
from napari_dicomdb.database.folding import folded
from napari_dicomdb.dicom.values import (
    display_name,
    parse_date,
    parse_ds,
    parse_is,
    parse_time,
)

if TYPE_CHECKING:
    from napari_dicomdb.database.series_notes import Notes
    from napari_dicomdb.dicom.header import Header

__all__ = [
    "INSTANCE_COLUMNS",
    "Accepted",
    "Group",
    "Identity",
    "encode_json",
    "identity_of",
    "instance_row",
    "missing_uids",
    "plain_text",
    "rows_of",
]

_LONGEST_TEXT = 1024
"""Characters of a value that become a column; hostile files have names of 10 MB."""
_LONGEST_KEPT = 65536
_LARGEST = 2**63 - 1

INSTANCE_COLUMNS = [
    "uid",
    "sop_class_uid",
    "number",
    "transfer_syntax_uid",
    "rows",
    "columns",
    "frame_count",
    "samples",
    "photometric",
    "planar_configuration",
    "bits_allocated",
    "bits_stored",
    "high_bit",
    "pixel_representation",
    "pixel_keyword",
    "pixel_offset",
    "pixel_length",
    "slope",
    "intercept",
    "position_x",
    "position_y",
    "position_z",
    "row_x",
    "row_y",
    "row_z",
    "column_x",
    "column_y",
    "column_z",
    "spacing_rows",
    "spacing_columns",
    "overrides",
]
"""Columns of table `instance` behind id, series and file, as `instance_row` gives them."""

Identity = tuple[str, str, str, str, str, str]
"""SeriesInstanceUID, StudyInstanceUID, PatientID, issuer, PatientName, birth date."""

encode_json: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode
_quoted: Callable[[str], str] = json.encoder.encode_basestring_ascii

_IDENTITY = (
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "PatientBirthDate",
)
# The UID is a column; repeating it as JSON would cost 80 bytes an instance.
_COLUMN_ONLY = "SOPInstanceUID"
_ABSENT = object()

Values = Mapping[str, Any]


@dataclass(slots=True)
class Group:
    """What the instances of one series in one chunk of files have in common.

    `constants` are the kept values equal in all of them, `varying` the keywords
    of the others, whose values are in each instance's overrides and, as far as
    the search needs them, in `notes`.
    """

    identity: Identity
    patient: tuple[str, ...]
    study: tuple[str, ...]
    series: tuple[Any, ...]
    notes: Notes
    constants: dict[str, Any]
    varying: tuple[str, ...]


class Accepted(NamedTuple):
    """One instance, ready to be stored but for its ids."""

    group: int
    row: tuple[Any, ...]
    frames: bytes | None
    problems: list[tuple[str, str]]


def plain_text(value: Any) -> str:
    """Return a kept value as text that fits a column: one line, bounded, storable."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT]
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.split())


def identity_of(values: Values) -> Identity:
    """Return what tells one series of one patient from another."""
    series, study, patient, issuer, name, birth = (plain_text(values.get(k)) for k in _IDENTITY)
    return series, study, patient, issuer, name, birth


def missing_uids(values: Values) -> list[str]:
    """Name the UIDs without which an object cannot be filed."""
    needed = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
    return [keyword for keyword in needed if not values.get(keyword)]


def rows_of(headers: Sequence[Header]) -> tuple[list[Group], list[Accepted]]:
    """Rows of several objects, what series have in common given once.

    Parameters
    ----------
    headers : sequence of Header
        Objects that have their three UIDs.
    """
    members: dict[tuple[Any, ...], list[int]] = {}
    for index, header in enumerate(headers):
        # As they are in the files: the same text nearly always, compared at no cost.
        members.setdefault(tuple(map(header.values.get, _IDENTITY)), []).append(index)
    groups: list[Group] = []
    accepted: list[Accepted | None] = [None] * len(headers)
    for indices in members.values():
        of_all = [headers[i] for i in indices]
        first = of_all[0]
        constants, varying = _split(of_all)
        row_of = _RowMaker(first, varying)
        group = len(groups)
        labels = [f"{encode_json(keyword)}:" for keyword in varying]
        for index, header in zip(indices, of_all, strict=True):
            accepted[index] = Accepted(
                group,
                row_of(header, _overrides(header.values, varying, labels)),
                header.frames.to_bytes() if header.frames is not None else None,
                header.problems,
            )
        notes = _notes(of_all, varying)
        groups.append(_group(identity_of(first.values), first.values, constants, varying, notes))
    return groups, [row for row in accepted if row is not None]


def _split(of_all: Sequence[Header]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the values that are equal in all, and the keywords of the others."""
    base = next((header for header in of_all if header.stable is not None), of_all[0])
    constants = dict(base.values)
    constants.pop(_COLUMN_ONLY, None)
    varying: dict[str, None] = {}
    # What only may differ between headers by the same template.
    doubtful = [k for k in base.own or () if k in constants]
    for header in of_all:
        values = header.values
        get = values.get
        if header.stable is None or header.stable is not base.stable:
            differing = [k for k, v in constants.items() if get(k, _ABSENT) != v]
        else:
            differing = [k for k in doubtful if get(k, _ABSENT) != constants[k]]
        if differing:
            for keyword in differing:
                del constants[keyword]
                varying[keyword] = None
            doubtful = [k for k in doubtful if k in constants]
        # All of `constants` is in `values` now; is there more than those and what varies?
        expected = len(constants) + 1 + sum([keyword in values for keyword in varying])
        if len(values) != expected:
            varying.update(dict.fromkeys(values.keys() - constants.keys() - {_COLUMN_ONLY}))
    return {k: _bounded(v) for k, v in constants.items()}, tuple(sorted(varying))


def _notes(of_all: Sequence[Header], varying: Sequence[str]) -> Notes:
    found: Notes = {}
    for keyword in series_notes.noted(varying):
        values = [h.values.get(keyword) for h in of_all]
        found[keyword] = series_notes.note_of(keyword, values, most=series_notes.WHOLE)
    for header in of_all:
        if header.frames is not None:
            for keyword, note in series_notes.notes_of_frames(header.frames).items():
                found[keyword] = series_notes.merged(keyword, found.get(keyword, []), note)
    return found


def _overrides(values: Values, varying: Sequence[str], labels: Sequence[str]) -> str:
    """JSON of the values of `varying`, null where absent; "" when nothing varies."""
    if not varying:
        return ""
    parts = [
        label + (_quoted(value) if type(value) is str else encode_json(value))
        for label, value in zip(labels, map(values.get, varying), strict=True)
    ]
    text = f"{{{','.join(parts)}}}"
    if len(text) > _LONGEST_KEPT:
        return encode_json({k: _bounded(values.get(k)) for k in varying})
    return text


def _bounded(value: Any) -> Any:
    if isinstance(value, str | list) and len(value) > _LONGEST_KEPT:
        return value[:_LONGEST_KEPT]
    return value


def _group(
    identity: Identity,
    values: Values,
    constants: dict[str, Any],
    varying: tuple[str, ...],
    notes: Notes,
) -> Group:
    series_uid, study_uid, patient_id, issuer, name, _birth = identity

    def text(keyword: str) -> str:
        return plain_text(values.get(keyword))

    date = parse_date(text("StudyDate"))
    study = (
        study_uid,
        text("StudyID"),
        date,
        parse_time(text("StudyTime")),
        text("StudyDescription"),
        text("AccessionNumber"),
        text("ReferringPhysicianName"),
        text("InstitutionName"),
    )
    series = (
        series_uid,
        text("Modality"),
        _integer_or_none(values.get("SeriesNumber")),
        text("SeriesDescription"),
        parse_date(text("SeriesDate")) or date,
        parse_time(text("SeriesTime")),
        text("BodyPartExamined"),
        text("ProtocolName"),
        text("Manufacturer"),
        text("ManufacturerModelName"),
        text("SOPClassUID"),
        text("FrameOfReferenceUID"),
        _integer(values.get("Rows")),
        _integer(values.get("Columns")),
    )
    return Group(
        identity=identity,
        patient=(
            patient_id,
            issuer,
            name,
            parse_date(text("PatientBirthDate")),
            "" if patient_id else study_uid,
            text("PatientSex"),
            folded(display_name(name)) or folded(patient_id),
        ),
        study=study,
        series=series,
        notes=notes,
        constants=constants,
        varying=varying,
    )


def instance_row(header: Header, overrides: str) -> tuple[Any, ...]:
    """Columns of table `instance` from `uid` on, see `INSTANCE_COLUMNS`."""
    get = header.values.get
    frames = header.frames
    return (
        plain_text(get("SOPInstanceUID")),
        plain_text(get("SOPClassUID")),
        _integer_or_none(get("InstanceNumber")),
        plain_text(header.transfer_syntax_uid),
        _integer(get("Rows")),
        _integer(get("Columns")),
        max(_integer(get("NumberOfFrames"), 1), 1)
        if "NumberOfFrames" in header.values
        else (frames.count if frames is not None and frames.count else 1),
        _integer(get("SamplesPerPixel"), 1),
        plain_text(get("PhotometricInterpretation")),
        _integer(get("PlanarConfiguration")),
        _integer(get("BitsAllocated")),
        _integer(get("BitsStored")),
        _integer(get("HighBit")),
        _integer(get("PixelRepresentation")),
        header.pixel_keyword,
        header.pixel_offset,
        header.pixel_length,
        *_numbers(get("RescaleSlope"), 1),
        *_numbers(get("RescaleIntercept"), 1),
        *_numbers(get("ImagePositionPatient"), 3),
        *_numbers(get("ImageOrientationPatient"), 6),
        *_numbers(get("PixelSpacing"), 2),
        overrides,
    )


_FORMAT = frozenset(
    {
        "SOPClassUID",
        "Rows",
        "Columns",
        "NumberOfFrames",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "RescaleSlope",
        "RescaleIntercept",
        "ImageOrientationPatient",
        "PixelSpacing",
    }
)
_SLOPE = INSTANCE_COLUMNS.index("slope")
_SYNTAX = INSTANCE_COLUMNS.index("transfer_syntax_uid")
_KEYWORD = INSTANCE_COLUMNS.index("pixel_keyword")
_POSITION = INSTANCE_COLUMNS.index("position_x")


class _RowMaker:
    """Makes the rows of one group; what its usual instances share, once."""

    def __init__(self, first: Header, varying: Sequence[str]) -> None:
        row = instance_row(first, "")
        self._alike = _FORMAT.isdisjoint(varying) and first.frames is None
        self._syntax = first.transfer_syntax_uid
        self._class = row[1]
        self._format = row[_SYNTAX:_KEYWORD]
        self._rescale = row[_SLOPE:_POSITION]
        self._plane = row[_POSITION + 3 : -1]

    def __call__(self, header: Header, overrides: str) -> tuple[Any, ...]:
        if (
            not self._alike
            or header.transfer_syntax_uid != self._syntax
            or header.frames is not None
        ):
            return instance_row(header, overrides)
        get = header.values.get
        return (
            plain_text(get("SOPInstanceUID")),
            self._class,
            _integer_or_none(get("InstanceNumber")),
            *self._format,
            header.pixel_keyword,
            header.pixel_offset,
            header.pixel_length,
            *self._rescale,
            *_numbers(get("ImagePositionPatient"), 3),
            *self._plane,
            overrides,
        )


_NOTHING = {count: (None,) * count for count in (1, 2, 3, 6)}
_isfinite = math.isfinite


def _numbers(value: Any, count: int) -> tuple[float | None, ...]:
    if value is None or value == "":
        return _NOTHING[count]
    if isinstance(value, str):
        try:
            numbers = tuple([float(part) for part in value.split("\\")])
        except ValueError:
            numbers = parse_ds(value, lenient=True)
    else:
        numbers = parse_ds(value, lenient=True)
    if len(numbers) != count or not all(map(_isfinite, numbers)):
        return _NOTHING[count]
    return numbers


def _integer(value: Any, otherwise: int = 0) -> int:
    found = _integer_or_none(value)
    return otherwise if found is None else found


def _integer_or_none(value: Any) -> int | None:
    if type(value) is not int:
        if value is None:
            return None
        if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 18:
            return int(value)
        numbers = parse_is(value, lenient=True)
        if not numbers:
            return None
        value = numbers[0]
    # SQLite's integers end at 64 bits, hostile ones need not.
    return value if -_LARGEST <= value <= _LARGEST else None
