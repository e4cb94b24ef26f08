"""What was found at nodes and here, as rows: one object is one row, wherever it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.values import display_name
from napari_dicomdb.widgets._text import count, isolated, number, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.network.query import Match

__all__ = [
    "HERE",
    "LEVELS",
    "NOTE",
    "MatchRow",
    "held_by",
    "image_count",
    "key_of",
    "next_level",
    "patient_line",
    "sort_key",
    "state_words",
    "title",
    "value_of",
    "where_words",
]

HERE = ""
"""Name of the database as a node."""
LEVELS = ("patient", "study", "series", "instance")
NOTE = "note"
"""Level of a row that only tells: "Asking ..." or why nothing could be found out."""
_RANK = {"none": 0, "part": 1, "all": 2}
_NO_NUMBER = 1 << 40


@dataclass(eq=False, slots=True)
class MatchRow:
    """One patient, study, series or instance, or a note.

    Parameters
    ----------
    level : str
        One of `LEVELS`, or `NOTE`.
    key : tuple
        What makes it the same at every node.
    parent : MatchRow or None
        None at the top.
    matches : dict
        From the name of a node (`HERE` for the database) to what it said.
    held : str
        How much of it is here: "none", "part" or "all".
    state : str
        Of its children: "closed" (not asked for yet), "asking" or "known".
    text : str
        Of a note.
    place : int
        Among the children of its parent.
    number : int
        By which a model knows it.
    """

    level: str
    key: tuple[Any, ...] = ()
    parent: MatchRow | None = None
    matches: dict[str, Match] = field(default_factory=dict)
    held: str = "none"
    state: str = "closed"
    text: str = ""
    place: int = 0
    number: int = 0
    children: list[MatchRow] = field(default_factory=list)
    by_key: dict[tuple[Any, ...], MatchRow] = field(default_factory=dict)

    @property
    def match(self) -> Match:
        """What the first node said that has it, a server's before our own."""
        for name, match in self.matches.items():
            if name != HERE:
                return match
        return self.matches[HERE]

    @property
    def nodes(self) -> list[str]:
        """Names of the servers that have it, in the order in which they answered."""
        return [name for name in self.matches if name != HERE]

    @property
    def uid(self) -> str:
        """UID of the object, the ID of a patient."""
        return self.match.uid

    def take(self, match: Match) -> None:
        """Take what a node says of it."""
        self.matches[match.node] = match
        self.held = held_by(self.matches.values())


def held_by(matches: Iterable[Match]) -> str:
    """Return how much of an object is here, "none", "part" or "all", by all that nodes said.

    The servers know how much there is of it, the database only what is here.
    """
    several = list(matches)
    said = [one.held for one in several if one.node != HERE]
    held = min(said, key=lambda one: _RANK.get(one, 0), default="")
    ours = [one.held for one in several if one.node == HERE]
    if not held:
        return "none" if "none" in ours else "all"
    return "part" if held == "none" and any(one != "none" for one in ours) else held


def next_level(level: str) -> str:
    """Return the level below, "" below instances and notes."""
    if level not in LEVELS[:-1]:
        return ""
    return LEVELS[LEVELS.index(level) + 1]


def key_of(match: Match) -> tuple[Any, ...]:
    """Return what makes an object the same at every node.

    Patients are told apart as the database does it: one ID at two hospitals may
    be two people. What has no UID is nowhere the same.
    """
    if match.level == "patient":
        name = display_name(value_of(match, "PatientName")).casefold()
        issuer = value_of(match, "IssuerOfPatientID")
        return match.patient_id, issuer, name, value_of(match, "PatientBirthDate")
    return (match.uid,) if match.uid else (match.node, id(match))


def value_of(match: Match, keyword: str) -> str:
    """Return a value as text, "" when the node did not say it."""
    value: Any = match.values.get(keyword)
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(str(one) for one in value if one not in (None, ""))
    return str(value).replace("\\", " ").strip()


def _number_of(match: Match, keyword: str) -> int | None:
    text = value_of(match, keyword)
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return None


def image_count(row: MatchRow) -> int | None:
    """Return of how many instances a patient, study or series consists, the most any node says."""
    if row.level in ("instance", NOTE):
        return None
    known = [match.count for match in row.matches.values() if match.count is not None]
    return max(known) if known else None


def _date(text: str) -> str:
    digits = text.replace(".", "").replace("-", "")[:8]
    if len(digits) == 8 and digits.isdigit():
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return one_line(text)


def patient_line(match: Match) -> str:
    """Return the patient's name, or ID, for people."""
    name = display_name(value_of(match, "PatientName"))
    return isolated(one_line(name or match.patient_id or "(unnamed)"))


def title(row: MatchRow) -> str:
    """Return what the first column says."""
    if row.level == NOTE:
        return row.text
    match = row.match
    if row.level == "patient" or (row.level == "study" and row.parent is None):
        return patient_line(match)
    if row.level == "study":
        return _described(match, "StudyDescription", "Study without description")
    if row.level == "series":
        if row.parent is None and match.values.get("PatientName"):
            return patient_line(match)
        return _series_title(match)
    place = value_of(match, "InstanceNumber")
    return f"Instance {place}" if place else one_line(match.instance_uid)


def _described(match: Match, keyword: str, without: str) -> str:
    return isolated(one_line(value_of(match, keyword))) or without


def _series_title(match: Match) -> str:
    place = value_of(match, "SeriesNumber")
    words = one_line(value_of(match, "SeriesDescription") or value_of(match, "ProtocolName"))
    modality = one_line(value_of(match, "Modality")) or "Series"
    said = isolated(words) or f"{modality} without description"
    return f"{one_line(place)} · {said}" if place else said


def patient_id(row: MatchRow) -> str:
    """Return the ID that tells patients of one name apart; only of rows that name one."""
    shows = row.level == "patient" or (row.level in ("study", "series") and row.parent is None)
    return isolated(one_line(row.match.patient_id)) if shows else ""


def date(row: MatchRow) -> str:
    """Return the date of a study or series, the birth date of a patient is in its tool tip."""
    match = row.match
    if row.level == "study":
        return _date(value_of(match, "StudyDate"))
    if row.level == "series":
        return _date(value_of(match, "SeriesDate") or value_of(match, "StudyDate"))
    return ""


def modality(row: MatchRow) -> str:
    """Return the modality, or those of a study."""
    keyword = "ModalitiesInStudy" if row.level == "study" else "Modality"
    return "" if row.level in ("patient", NOTE) else one_line(value_of(row.match, keyword))


def description(row: MatchRow) -> str:
    """Return the description of a row whose first column names the patient."""
    match = row.match
    if row.level == "study" and row.parent is None:
        return isolated(one_line(value_of(match, "StudyDescription")))
    if row.level == "series" and row.parent is None and match.values.get("PatientName"):
        return _series_title(match)
    return ""


def accession(row: MatchRow) -> str:
    """Return the accession number of a study."""
    return one_line(value_of(row.match, "AccessionNumber")) if row.level == "study" else ""


def images(row: MatchRow) -> str:
    """Return the number of instances."""
    known = image_count(row)
    return "" if known is None else number(known)


def where_words(row: MatchRow) -> str:
    """Return the nodes that have it: "here, orthanc"."""
    names = [one_line(name) for name in row.nodes]
    return ", ".join(["here", *names] if row.held != "none" else names)


def state_words(row: MatchRow) -> str:
    """Return "here", "partly here", or "on a server"."""
    return {"all": "here", "part": "partly here"}.get(row.held, "on a server")


def tip(row: MatchRow) -> str:
    """Return all that is worth knowing of a row, a fact a line."""
    if row.level == NOTE:
        return row.text
    match = row.match
    birth, sex = _date(value_of(match, "PatientBirthDate")), value_of(match, "PatientSex")
    facts = [patient_line(match) if match.values.get("PatientName") else ""]
    person = [f"ID {match.patient_id}" if match.patient_id else "", one_line(sex), birth]
    facts.append(" · ".join(part for part in person if part))
    study = [date(row), modality(row), value_of(match, "StudyDescription")]
    facts.append(" · ".join(one_line(part) for part in study if part))
    facts.append(one_line(value_of(match, "SeriesDescription")))
    if value_of(match, "AccessionNumber"):
        facts.append(f"Accession number {one_line(value_of(match, 'AccessionNumber'))}")
    known = image_count(row)
    facts.append("" if known is None else count(known, "instance"))
    servers = ", ".join(row.nodes)
    facts.append({
        "all": f"Here{f', and on {servers}' if servers else ''}",
        "part": f"Partly here; more of it on {servers}" if servers else "Partly here",
    }.get(row.held, f"Not here; on {servers}"))  # fmt: skip
    return "\n".join(dict.fromkeys(fact for fact in facts if fact))


def sort_key(row: MatchRow, column: str) -> tuple[Any, ...]:
    """Return by what rows of one parent are sorted; series and instances by their numbers."""
    if row.level == NOTE:
        return (_NO_NUMBER,)
    if column == "images":
        known = image_count(row)
        return (-1 if known is None else known,)
    if column == "state":
        return (_RANK.get(row.held, 0),)
    if column == "title" and row.level in ("series", "instance") and row.parent is not None:
        keyword = "SeriesNumber" if row.level == "series" else "InstanceNumber"
        place = _number_of(row.match, keyword)
        return (_NO_NUMBER if place is None else place, title(row).casefold())
    return (_CELLS[column](row).casefold(),)


_CELLS = {
    "title": title,
    "id": patient_id,
    "date": date,
    "modality": modality,
    "description": description,
    "accession": accession,
    "images": images,
    "where": where_words,
    "state": state_words,
}


def cell(row: MatchRow, column: str) -> str:
    """Return what a cell says."""
    if row.level == NOTE:
        return row.text if column == "title" else ""
    return _CELLS[column](row)
