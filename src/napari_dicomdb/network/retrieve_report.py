"""What is to be retrieved, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.network.query import Match

__all__ = ["Failure", "RetrieveReport", "Wanted"]

Failure = tuple[str, str, str]
"""SOPInstanceUID, or "" where the node does not tell; reason code; plain words."""

_KEYS = {  # the lowest first
    "SOPInstanceUID": "instance",
    "SeriesInstanceUID": "series",
    "StudyInstanceUID": "study",
    "PatientID": "patient",
}
_LEVELS = ("patient", "study", "series", "instance")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A patient, a study, a series or instances of a series that are to be retrieved.

    Parameters
    ----------
    level : str
        "patient", "study", "series" or "instance".
    patient_id, study_uid, series_uid : str
        Down to the level; of a study or below, the patient may be left out.
    instance_uids : sequence of str
        At the level of instances: which.

    Raises
    ------
    QueryError
        If what names it is missing (reason "missing-key").
    """

    level: str
    patient_id: str = ""
    study_uid: str = ""
    series_uid: str = ""
    instance_uids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.level not in _LEVELS:
            raise QueryError(f"the level is one of {', '.join(_LEVELS)}", reason="bad-level")
        object.__setattr__(self, "instance_uids", tuple(self.instance_uids))
        needed: dict[str, list[tuple[str, object]]] = {
            "patient": [("PatientID", self.patient_id)],
            "study": [("StudyInstanceUID", self.study_uid)],
            "series": [
                ("StudyInstanceUID", self.study_uid),
                ("SeriesInstanceUID", self.series_uid),
            ],
        }
        needed["instance"] = [*needed["series"], ("SOPInstanceUID", self.instance_uids)]
        lacking = [name for name, value in needed[self.level] if not value]
        if lacking:
            raise QueryError(
                f"to retrieve at the level of {self.level}, {' and '.join(lacking)} must be given",
                reason="missing-key",
            )
        values = (self.patient_id, self.study_uid, self.series_uid, *self.instance_uids)
        if any(bad in value for value in values for bad in "\\*?\0"):
            text = "what is retrieved is named exactly: no wildcards"
            raise QueryError(text, reason="bad-value")

    @classmethod
    def of_keys(cls, keys: Mapping[str, str]) -> Wanted:
        r"""Return what unique keys name, at the lowest of their levels.

        Parameters
        ----------
        keys : mapping of str to str
            PatientID, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID (also a list,
            joined by backslashes).

        Examples
        --------
        >>> Wanted.of_keys({"StudyInstanceUID": "1.2.3"}).level
        'study'
        """
        unknown = sorted(keys.keys() - _KEYS.keys())
        if unknown:
            raise QueryError(
                f"{', '.join(unknown)} names nothing exactly: use find first", reason="bad-key"
            )
        level = next((one for name, one in _KEYS.items() if keys.get(name)), "patient")
        return cls(
            level,
            keys.get("PatientID", ""),
            keys.get("StudyInstanceUID", ""),
            keys.get("SeriesInstanceUID", ""),
            tuple(uid for uid in keys.get("SOPInstanceUID", "").split("\\") if uid),
        )

    @classmethod
    def of_match(cls, match: Match) -> Wanted:
        """Return what an answer to a query stands for."""
        instances = (match.instance_uid,) if match.level == "instance" else ()
        return cls(match.level, match.patient_id, match.study_uid, match.series_uid, instances)

    def to_json(self) -> dict[str, Any]:
        """Return what ``Wanted(**...)`` takes."""
        plain = {k: v for k, v in asdict(self).items() if v}
        if self.instance_uids:
            plain["instance_uids"] = list(self.instance_uids)
        return plain


@dataclass(slots=True)
class RetrieveReport:
    """Result of retrieving.

    Attributes
    ----------
    node : str
        Its name.
    method : str
        "C-GET", "C-MOVE" or "WADO-RS".
    received : int
        Instances that have come and are kept.
    already : int
        Instances that were here before, and were not asked for.
    failed : list of (uid, reason, text)
        Instances that have not come, and why; uid is "" where the node does not tell.
    received_uids : list of str
        In the order in which they came.
    status : int or None
        The last final answer of a DIMSE node that was no success, else 0; None without one.
    size : int
        Bytes of data sets that have come; 0 where another program received them.
    seconds : float
    cancelled : bool
        The progress callback raised `Cancelled`; what has come is kept.
    """

    node: str
    method: str = ""
    received: int = 0
    already: int = 0
    failed: list[Failure] = field(default_factory=list)
    received_uids: list[str] = field(default_factory=list)
    status: int | None = None
    size: int = 0
    seconds: float = 0.0
    cancelled: bool = False

    @property
    def ok(self) -> bool:
        """Whether all that was wanted is here."""
        return not self.failed and not self.cancelled

    @property
    def status_text(self) -> str:
        """The status as the standard writes it: "B000H", or ""."""
        return "" if self.status is None else f"{self.status:04X}H"

    def reasons(self) -> dict[str, int]:
        """Count what has not come by reason code, most frequent first."""
        counts: dict[str, int] = {}
        for _uid, reason, _text in self.failed:
            counts[reason] = counts.get(reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        plain = asdict(self)
        plain["failed"] = [
            {"uid": uid, "reason": reason, "text": text} for uid, reason, text in self.failed
        ]
        return {**plain, "ok": self.ok}

    def summary(self) -> str:
        """Return one line for people."""
        noun = "instance" if self.received == 1 else "instances"
        parts = [f"{self.received} {noun} retrieved from {self.node}"]
        if self.already:
            parts.append(f"{self.already} here already")
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        line = ", ".join(parts)
        return f"{line}; cancelled" if self.cancelled else f"{line} in {self.seconds:.1f} s"
