"""What the index says of a patient, study, series or instance: frozen facts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "InstanceRecord",
    "PatientIdentity",
    "PatientRecord",
    "SeriesRecord",
    "StudyRecord",
]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
# Without looking for blanks around: thousands of short texts are read in a row.
_decoded = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """What files say of a patient that was merged into another one; `str` is for people."""

    key: int
    patient_id: str
    name: str
    birth_date: str
    sex: str
    issuer: str

    @property
    def display_name(self) -> str:
        """The name for people, or the ID when there is none."""
        return _display_name(self)

    def __str__(self) -> str:
        """Return "Doe, Jane · ID 4711 · 1950-03-02"."""
        parts = [self.display_name, f"ID {self.patient_id}" if self.patient_id else "no ID"]
        return " · ".join(part for part in (*parts, self.birth_date) if part)


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """One patient: instances with equal ID, issuer, name and birth date.

    `name` is the decoded PatientName, component groups and carets as in the
    header; `display_name` is what to show. Dates are ISO (YYYY-MM-DD) or "".
    `others` are the identities that were merged into this one, `is_split` tells
    that its studies were split off from a patient of the same identity.
    """

    key: int
    patient_id: str
    name: str
    birth_date: str
    sex: str
    issuer: str
    study_count: int
    series_count: int
    instance_count: int
    last_study_date: str
    added: float
    is_split: bool = False
    others: tuple[PatientIdentity, ...] = ()

    @property
    def uid(self) -> str:
        """PatientID: the nearest that a patient has to a UID."""
        return self.patient_id

    @property
    def display_name(self) -> str:
        """The name for people: "Family, Given Middle", or the ID when there is none."""
        return _display_name(self)


def _display_name(patient: PatientIdentity | PatientRecord) -> str:
    from napari_dicomdb.dicom.values import display_name

    return display_name(patient.name) or patient.patient_id or "(unnamed)"


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """One study. `modalities` is computed from its series, sorted."""

    key: int
    patient_key: int
    uid: str
    study_id: str
    date: str
    time: str
    description: str
    accession_number: str
    referring_physician: str
    institution: str
    modalities: tuple[str, ...]
    series_count: int
    instance_count: int
    added: float


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """One series as the browser lists it.

    `storage` is "linked", "copied" or "mixed". `frame_count` counts frames of
    all instances. `rows` and `columns` are of the first image, 0 when none.
    `spacing` is that of rows and of columns of pixels, `slice_spacing` the median
    distance of neighbouring slices; mm, None when unknown. `missing_count` is how
    many of its files were gone when last looked for.
    """

    key: int
    study_key: int
    patient_key: int
    uid: str
    study_uid: str
    modality: str
    number: int | None
    description: str
    date: str
    time: str
    body_part: str
    protocol: str
    manufacturer: str
    model: str
    sop_class_uid: str
    frame_of_reference_uid: str
    rows: int
    columns: int
    instance_count: int
    frame_count: int
    size: int
    storage: str
    added: float
    spacing: tuple[float, float] | None = None
    slice_spacing: float | None = None
    missing_count: int = 0


@dataclass(frozen=True)
class InstanceRecord:
    """One instance: where its file and pixels are, its geometry, its kept values.

    Attributes
    ----------
    position : tuple of 3 float or None
        ImagePositionPatient, LPS mm.
    orientation : tuple of 6 float or None
        ImageOrientationPatient.
    pixel_spacing : tuple of 2 float or None
        PixelSpacing: between rows, between columns, mm.
    pixel_offset, pixel_length : int or None
        Place of the pixel data's value in the file; both None when it must be
        found anew (deflated, no pixel data); length None when encapsulated.
    slope, intercept : float or None
        RescaleSlope, RescaleIntercept.
    defaults_json, overrides_json : str
        Kept header values of the series and, for what differs, of the instance.
    frames_json : bytes or None
        Per-frame functional groups (see `dicom.functional_groups`), compressed.
    """

    key: int
    series_key: int
    uid: str
    series_uid: str
    sop_class_uid: str
    number: int | None
    path: Path
    file_size: int
    file_mtime_ns: int
    storage: str
    transfer_syntax_uid: str
    rows: int
    columns: int
    frame_count: int
    samples: int
    photometric: str
    planar_configuration: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    pixel_representation: int
    pixel_keyword: str
    pixel_offset: int | None
    pixel_length: int | None
    slope: float | None
    intercept: float | None
    position: tuple[float, float, float] | None
    orientation: tuple[float, float, float, float, float, float] | None
    pixel_spacing: tuple[float, float] | None
    defaults_json: str = "{}"
    overrides_json: str = ""
    frames_json: bytes | None = field(default=None, repr=False)

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """Kept header values by keyword: str for text VRs, numbers for binary ones."""
        merged: dict[str, Any] = dict(_parsed_defaults(self.defaults_json))
        # A column of its own: as JSON it would be there twice.
        merged["SOPInstanceUID"] = self.uid
        if self.overrides_json:
            merged.update(self.overrides)
            if None in self.overrides.values():
                # A null override says that this instance lacks what the series has.
                merged = {k: v for k, v in merged.items() if v is not None}
        return MappingProxyType(merged)

    @cached_property
    def overrides(self) -> Mapping[str, Any]:
        """Values in which the instance differs from its series; None: it lacks the value."""
        if not self.overrides_json:
            return _NOTHING
        found: dict[str, Any] = _decoded(self.overrides_json)[0]
        return MappingProxyType(found)

    def get(self, keyword: str, default: Any = None) -> Any:
        """Return the kept value of `keyword`, or `default` when absent.

        As `values.get`, but quicker for a few of them: nothing is merged.
        """
        if "values" in self.__dict__ or keyword == "SOPInstanceUID":
            return self.values.get(keyword, default)
        value = self.overrides.get(keyword, _parsed_defaults(self.defaults_json).get(keyword))
        if value is None:
            return default
        return value


_last_defaults: tuple[str, Mapping[str, Any]] = ("{}", _NOTHING)


def _parsed_defaults(text: str) -> Mapping[str, Any]:
    # The instances of one series share one string object: parse it once.
    global _last_defaults
    last_text, parsed = _last_defaults
    if text is not last_text:
        parsed = json.loads(text)
        _last_defaults = (text, parsed)
    return parsed
