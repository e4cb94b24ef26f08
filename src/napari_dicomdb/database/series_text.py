"""What of a series can be searched in: filed at import, after changes, and at a migration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.folding import filed_text
from napari_dicomdb.dicom.values import PersonName

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

__all__ = ["COLUMNS", "file_series"]

COLUMNS = (
    "name",
    "patient_id",
    "study_description",
    "series_description",
    "modality",
    "body_part",
    "protocol",
    "accession_number",
    "institution",
    "physician",
    "equipment",
    "other",
)
"""Columns of table `series_text`; its rowid is the id of the series."""

_EQUIPMENT = ("StationName", "DeviceSerialNumber", "SoftwareVersions")
_OTHER = (
    "StructureSetLabel",
    "RTPlanLabel",
    "ContentLabel",
    "SequenceName",
    "ContrastBolusAgent",
    "ConvolutionKernel",
    "ImageComments",
    "Laterality",
    "ImageLaterality",
    "ViewPosition",
)
_READ = (
    "SELECT series.id, patient.name, patient.patient_id, home.name, home.patient_id,"
    " study.description, series.description, series.modality, body_part, protocol,"
    " accession_number, institution, referring_physician, manufacturer, model, study_id, defaults"
    " FROM series JOIN study ON study.id = series.study"
    " JOIN patient ON patient.id = study.patient"
    " LEFT JOIN patient AS home ON home.id = study.home_patient WHERE series.id = ?"
)
_WRITE = (
    f"INSERT INTO series_text (rowid, {', '.join(COLUMNS)})"
    f" VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
)


def file_series(connection: sqlite3.Connection, series: Iterable[int]) -> None:
    """File the text of series anew, from what the index says of them now.

    The names are those of the patient that the study is shown with, of the one
    that it came with, and of the header. Call it after a study has changed its
    patient.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a write transaction.
    series : iterable of int
        Row ids; those that are not there are passed over.
    """
    for key in series:
        row = connection.execute(_READ, (key,)).fetchone()
        if row is not None:
            texts = _texts(row, json.loads(row[16]))
            connection.execute("DELETE FROM series_text WHERE rowid = ?", (key,))
            connection.execute(_WRITE, (key, *texts))


def _texts(row: tuple[Any, ...], values: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys(
        form
        for name in (row[1], row[3], _text(values.get("PatientName")))
        for form in _forms(name or "")
    )
    ids = (row[2], row[4] or "", _text(values.get("PatientID")))
    physician = _forms(row[12])
    equipment = [row[13], row[14], *(_text(values.get(k)) for k in _EQUIPMENT)]
    other = [row[15], *(_text(values.get(k)) for k in _OTHER)]
    columns = [names, ids, *([text] for text in row[5:12]), physician, equipment, other]
    return [filed_text(texts) for texts in columns]


def _forms(name: str) -> list[str]:
    """Return a PN value's groups, each family first and given first."""
    if not name:
        return []
    forms: list[str] = []
    for one in name.split("\\")[:16]:
        for group in PersonName.groups(one):
            words = group.words
            if words:
                forms.append("^".join((*words, group.prefix, group.suffix)))
            if group.family and len(words) > 1:
                forms.append("^".join((*words[1:], words[0])))
    return forms


def _text(value: Any) -> str:
    return value.replace("\\", " ")[:1024] if isinstance(value, str) else ""
