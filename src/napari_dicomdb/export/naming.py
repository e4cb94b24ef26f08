"""Names of folders and files made from header values, which may be hostile."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.values import display_name

if TYPE_CHECKING:
    from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord

__all__ = ["patient_folder", "safe_name", "series_folder", "study_folder"]

_LONGEST = 60  # letters; four levels must fit into the 260 of Windows
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_DOTS = re.compile(r"(?<!\S)\.+(?!\S)")  # what is left of a path's ".."
_BLANKS = re.compile(r"\s+")
# Windows opens these devices whatever the folder and the ending.
_DEVICES = frozenset(
    ("CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)))
)


def safe_name(text: str, otherwise: str = "unnamed", *, longest: int = _LONGEST) -> str:
    """Return one component of a path that any file system takes, close to `text`.

    Letters of any script stay. Separators, control and formatting characters
    (marks that turn the writing direction, among them) and what Windows
    forbids do not; no name begins or ends with a dot or a blank.

    Parameters
    ----------
    text : str
        A header value.
    otherwise : str
        What stands for a text of which nothing is left.
    longest : int
        Characters, and UTF-8 bytes up to four times as many.

    Examples
    --------
    >>> safe_name("../../etc: <CT>")
    'etc CT'
    >>> safe_name("nul.dcm")
    '_nul.dcm'
    """
    text = unicodedata.normalize("NFC", text)
    text = "".join(" " if unicodedata.category(c) in _SPACED else c for c in text)
    text = _FORBIDDEN.sub(" ", text)
    text = _DOTS.sub(" ", text)
    text = _BLANKS.sub(" ", text).strip(" .")[:longest]
    # 255 bytes is what most file systems allow.
    text = text.encode("utf-8", "ignore")[:200].decode("utf-8", "ignore").strip(" .")
    if text.split(".")[0].strip().upper() in _DEVICES:
        text = f"_{text}"
    return text or otherwise


_SPACED = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def patient_folder(patient: PatientRecord) -> str:
    """Return the folder name of a patient: ID and name, once when they are the same."""
    named = dict.fromkeys((patient.patient_id, display_name(patient.name)))
    return safe_name(" ".join(x for x in named if x), "unknown patient")


def study_folder(study: StudyRecord) -> str:
    """Return the folder name of a study: date and description."""
    named = (study.date.replace("-", ""), study.description)
    return safe_name(" ".join(x for x in named if x), "study")


def series_folder(series: SeriesRecord) -> str:
    """Return the folder name of a series: number, modality, description."""
    number = "" if series.number is None else f"{series.number:03d}"
    named = (number, series.modality, series.description)
    return safe_name(" ".join(x for x in named if x), "series")
