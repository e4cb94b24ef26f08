"""Comparing what a database holds: two instances, two series, two studies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.records import InstanceRecord, SeriesRecord, StudyRecord
from napari_dicomdb.dicom.attributes import read_attributes
from napari_dicomdb.dicom.comparison import (
    Difference,
    ValueSets,
    compare_trees,
    compare_value_sets,
)
from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.progress import Progress

__all__ = ["Comparison", "Record", "compare_files", "compare_records"]

Record = InstanceRecord | SeriesRecord | StudyRecord
# Different by nature in two series or studies; told nevertheless of instances.
_OWN_UIDS = frozenset({
    "SOPInstanceUID", "MediaStorageSOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID",
})  # fmt: skip


@dataclass(slots=True)
class Comparison:
    """How two things differ.

    Attributes
    ----------
    level : str
        "instance", "series" or "study".
    left, right : str
        What was compared, for people.
    differences : list of Difference
    problems : list of (Path, str)
        Files that could not be read.
    """

    level: str
    left: str
    right: str
    differences: list[Difference]
    problems: list[tuple[Path, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return {
            "level": self.level,
            "left": self.left,
            "right": self.right,
            "differences": [one.to_json() for one in self.differences],
            "problems": [{"path": str(p), "text": t} for p, t in self.problems],
        }


def compare_files(
    left: Path, right: Path, *, everything: bool = False, progress: Progress | None = None
) -> Comparison:
    """Compare two files, whatever of them can be read.

    Raises
    ------
    NotDicomError, LoadError
        If one of them is no DICOM file, or gone.
    """
    trees = read_attributes(left), read_attributes(right)
    found = compare_trees(*trees, everything=everything, progress=progress)
    problems = [(tree.path, words) for tree in trees for words in tree.problems]
    return Comparison("instance", left.name, right.name, found, problems)


def compare_records(
    database: Database,
    left: Record,
    right: Record,
    *,
    right_database: Database | None = None,
    everything: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two records of one kind.

    Parameters
    ----------
    database : Database
    left, right : InstanceRecord, SeriesRecord or StudyRecord
        Instances: their files, attribute by attribute. Series: the values that
        occur in the files of each. Studies: their series, matched by modality,
        description and number, by what the index keeps of them.
    right_database : Database, optional
        Where `right` is from, when that is another one.
    everything : bool
        Tell also what is the same.
    progress : Progress, optional
        May raise `Cancelled`.

    Raises
    ------
    TypeError
        If the records are of different kinds.
    """
    tell = progress or no_progress
    databases = database, right_database or database
    if isinstance(left, InstanceRecord) and isinstance(right, InstanceRecord):
        found = compare_files(left.path, right.path, everything=everything, progress=tell)
        found.left, found.right = _instance_title(left), _instance_title(right)
        return found
    if isinstance(left, SeriesRecord) and isinstance(right, SeriesRecord):
        return _compare_series(databases, left, right, everything, tell)
    if isinstance(left, StudyRecord) and isinstance(right, StudyRecord):
        return _compare_studies(databases, left, right, everything, tell)
    raise TypeError("only two instances, two series or two studies can be compared")


def _instance_title(one: InstanceRecord) -> str:
    return f"Instance {one.number}" if one.number is not None else one.uid


def _series_title(one: SeriesRecord) -> str:
    words = one.description or one.protocol or one.body_part
    number = f"#{one.number}" if one.number is not None else ""
    return " ".join(part for part in (one.modality, number, words) if part)


def _study_title(one: StudyRecord) -> str:
    return " ".join(part for part in (one.date, one.description or one.study_id) if part)


def _compare_series(
    databases: tuple[Database, Database],
    left: SeriesRecord,
    right: SeriesRecord,
    everything: bool,
    tell: Progress,
) -> Comparison:
    sides = [databases[0].instances(left), databases[1].instances(right)]
    total, done = sum(map(len, sides)), 0
    problems: list[tuple[Path, str]] = []
    sets = []
    for instances in sides:
        found = ValueSets()
        for one in instances:
            tell(done, total, "reading headers")
            done += 1
            try:
                tree = read_attributes(one.path)
            except DicomDbError as error:
                problems.append((one.path, str(error)))
                continue
            problems += [(one.path, words) for words in tree.problems]
            found.add_tree(tree)
        sets.append(found)
    tell(total, total, "reading headers")
    differences = compare_value_sets(sets[0], sets[1], everything=everything)
    if not everything:
        differences = [one for one in differences if one.path not in _OWN_UIDS]
    return Comparison("series", _series_title(left), _series_title(right), differences, problems)


def _compare_studies(
    databases: tuple[Database, Database],
    left: StudyRecord,
    right: StudyRecord,
    everything: bool,
    tell: Progress,
) -> Comparison:
    mine, others = databases[0].series(left), databases[1].series(right)
    pairs = matched_series(mine, others)
    found: list[Difference] = []
    for number, (one, other) in enumerate(pairs):
        tell(number, len(pairs), "comparing series")
        if one is None or other is None:
            found.append(_lone(one, other))
            continue
        sets = []
        for database, series in zip(databases, (one, other), strict=True):
            values = ValueSets()
            for instance in database.instances(series):
                values.add_values(instance.values)
            sets.append(values)
        title = _series_title(one)
        if one.instance_count != other.instance_count or everything:
            same = one.instance_count == other.instance_count
            found.append(
                Difference(
                    f"{title}: instances",
                    "Number of Instances",
                    "",
                    str(one.instance_count),
                    str(other.instance_count),
                    "same" if same else "changed",
                )
            )
        differences = compare_value_sets(*sets, everything=everything, prefix=f"{title}: ")
        found += [
            one
            for one in differences
            if everything or one.path.rpartition(" ")[2] not in _OWN_UIDS
        ]
    tell(len(pairs), len(pairs), "comparing series")
    return Comparison("study", _study_title(left), _study_title(right), found)


def _lone(left: SeriesRecord | None, right: SeriesRecord | None) -> Difference:
    either = left or right
    title = "" if either is None else _series_title(either)
    words = "" if either is None else f"{either.instance_count} instances"
    if left is not None:
        return Difference(title, "Series", "", words, "", "left-only")
    return Difference(title, "Series", "", "", words, "right-only")


def matched_series(
    left: Sequence[SeriesRecord], right: Sequence[SeriesRecord]
) -> list[tuple[SeriesRecord | None, SeriesRecord | None]]:
    """Return the series of two studies in pairs, None beside those without a like.

    Series of one modality are paired: first those of equal description and
    number, then of equal description, then of equal number and matrix.
    """
    rest_left, rest_right = list(left), list(right)
    partner: dict[int, SeriesRecord] = {}
    for likeness in (
        lambda one: (one.modality, one.description, one.number),
        lambda one: (one.modality, one.description) if one.description else None,
        lambda one: (one.modality, one.number, one.rows) if one.number is not None else None,
    ):
        for one in list(rest_left):
            wanted = likeness(one)
            other = next((r for r in rest_right if wanted and likeness(r) == wanted), None)
            if other is not None:
                partner[one.key] = other
                rest_left.remove(one)
                rest_right.remove(other)
    pairs: list[tuple[SeriesRecord | None, SeriesRecord | None]] = [
        (one, partner.get(one.key)) for one in left
    ]
    return pairs + [(None, one) for one in rest_right]
