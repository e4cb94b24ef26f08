"""What is asked of a node, and what it answers: the same for C-FIND, QIDO-RS and the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_dicomdb.network.query_keys import LEVELS, UNIQUE_KEYS, checked_keys, default_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HELD", "LEVELS", "ROOTS", "UNIQUE_KEYS", "Match", "NodeOutcome", "Query", "Values"]

ROOTS = ("study", "patient")
HELD = ("none", "part", "all")
"""How much of a match is in the local database."""

Values = Mapping[str, Any]
"""By keyword: text, several values joined by backslashes; of a sequence a list of `Values`."""

_NOTHING: Values = MappingProxyType({})
_COUNTS = {
    "patient": "NumberOfPatientRelatedInstances",
    "study": "NumberOfStudyRelatedInstances",
    "series": "NumberOfSeriesRelatedInstances",
}


@dataclass(frozen=True, slots=True)
class Query:
    r"""What is looked for.

    Parameters
    ----------
    level : str
        "patient", "study", "series" or "instance": what each answer is about.
    keys : mapping of str to str or sequence of str
        By DICOM keyword, of this level or those above it; within a sequence
        ``"RequestAttributesSequence.RequestedProcedureID"``. Text with the wildcards
        ``*`` and ``?``; dates and times, or ranges of them: ``20200101-20201231``,
        ``20200101-``, ``2020-03``, ``2020..2021``; UIDs and lists of any values,
        joined by backslashes or as a sequence: any of them. "" matches everything
        and asks for the value.
    root : str
        "study" or "patient": the information model to prefer. The other one is
        used where the node does not offer it.
    returned : tuple of str
        Keywords whose values are wanted beside the usual ones of the level.
    limit : int, optional
        Answers of each node after which it is stopped; of the node by default.
    fuzzy : bool
        Ask for names that sound alike, where the node offers that.

    Attributes
    ----------
    keys : mapping of str to str
        As they are sent: dates in DICOM's form, lists joined by backslashes.

    Raises
    ------
    QueryError
        If a key cannot be asked for at this level, or its value is none that it can
        have; the message says which and why.

    Examples
    --------
    >>> dict(Query(keys={"PatientName": "DOE*", "StudyDate": "2020-02"}).keys)
    {'PatientName': 'DOE*', 'StudyDate': '20200201-20200229'}
    """

    level: str = "study"
    keys: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    root: str = "study"
    returned: tuple[str, ...] = ()
    limit: int | None = None
    fuzzy: bool = False

    def __post_init__(self) -> None:
        checked = checked_keys(self.level, self.root, self.keys, self.returned, self.limit)
        object.__setattr__(self, "keys", MappingProxyType(checked))
        object.__setattr__(self, "returned", tuple(self.returned))

    def matching(self) -> dict[str, str]:
        """Return the keys that have a value: what restricts the answers."""
        return {keyword: value for keyword, value in self.keys.items() if value}

    def wanted(self, level: str | None = None) -> list[str]:
        """Return the keywords whose values are wanted of answers about `level`.

        Parameters
        ----------
        level : str, optional
            That of the query by default.
        """
        own = [*self.keys, *self.returned] if level in (None, self.level) else []
        return list(dict.fromkeys([*default_keys(level or self.level), *own]))

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        plain: dict[str, Any] = {"level": self.level, "keys": dict(self.keys), "root": self.root}
        if self.returned:
            plain["returned"] = list(self.returned)
        if self.limit is not None:
            plain["limit"] = self.limit
        return plain | ({"fuzzy": True} if self.fuzzy else {})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Query:
        """Make a query of what `to_json` gives.

        Raises
        ------
        QueryError
            If it is none.
        """
        from napari_dicomdb.errors import QueryError

        try:
            return cls(**{**values, "returned": tuple(values.get("returned", ()))})
        except TypeError as error:
            raise QueryError(f"this is no query: {error}") from error

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without the read-only view of the keys."""
        return Query.from_json, (self.to_json(),)


@dataclass(frozen=True, slots=True)
class Match:
    """One answer to a query.

    Parameters
    ----------
    node : str
        Name of the node that has it; "": the local database.
    level : str
        What it is: "patient", "study", "series" or "instance".
    values : Values
        Decoded by the answer's own character set; control characters are replaced.
    patient_id, study_uid, series_uid, instance_uid : str
        Keys down to the level; "" below it, and where the node does not tell.
    held : str
        How much of it the local database has: "none", "part" or "all". "part" also
        where the node does not tell how many instances there are.
    held_count : int
        Instances of it in the local database.
    """

    node: str
    level: str
    values: Values = field(default_factory=lambda: _NOTHING)
    patient_id: str = ""
    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    held: str = "none"
    held_count: int = 0

    @property
    def uid(self) -> str:
        """The key of its level: UID, or of a patient the PatientID."""
        return {
            "patient": self.patient_id,
            "study": self.study_uid,
            "series": self.series_uid,
            "instance": self.instance_uid,
        }[self.level]

    @property
    def count(self) -> int | None:
        """How many instances the node says there are; None when it does not say."""
        if self.level == "instance":
            return 1
        text = str(self.values.get(_COUNTS[self.level], "")).strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def text(self, keyword: str) -> str:
        """Return the value of a keyword as text; "" when there is none."""
        value = self.values.get(keyword, "")
        return value if isinstance(value, str) else ""

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict that `json.dumps` accepts."""
        return {
            "node": self.node,
            "level": self.level,
            "patient_id": self.patient_id,
            "study_uid": self.study_uid,
            "series_uid": self.series_uid,
            "instance_uid": self.instance_uid,
            "held": self.held,
            "held_count": self.held_count,
            "count": self.count,
            "values": _plain(self.values),
        }


def _plain(values: Values) -> dict[str, Any]:
    return {
        keyword: [_plain(item) for item in value] if isinstance(value, list) else value
        for keyword, value in values.items()
    }


@dataclass(frozen=True, slots=True)
class NodeOutcome:
    """What became of a query at one node.

    Parameters
    ----------
    node : str
        Its name; "": the local database.
    state : str
        "done", "failed" or "cancelled". What was found before it failed counts.
    count : int
        How many matches it gave.
    cut : bool
        There are more: it was stopped at the limit.
    reason : str
        Reason code of a failure, "limit" of a cut; "" when all went well.
    text : str
        Plain words for the user, also of remarks; "" when there is nothing to say.
    """

    node: str
    state: str = "done"
    count: int = 0
    cut: bool = False
    reason: str = ""
    text: str = ""

    @property
    def ok(self) -> bool:
        """Whether it answered completely."""
        return self.state == "done" and not self.cut

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict that `json.dumps` accepts."""
        return {
            "node": self.node,
            "state": self.state,
            "count": self.count,
            "cut": self.cut,
            "reason": self.reason,
            "text": self.text,
        }


def nodes_named(matches: Iterable[Match]) -> Sequence[str]:
    """Return the names of the nodes that gave these, each once, in order."""
    return list(dict.fromkeys(match.node for match in matches))
