"""What is asked of a DIMSE node to get what is missing: a few requests, series by series."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from napari_dicomdb.network.inventory import Listed
    from napari_dicomdb.network.retrieve_report import Wanted

__all__ = ["Request", "plan_requests", "requests_of"]

_AT_ONCE = 50
"""UIDs in one list: it must fit into what peers keep for an element."""


@dataclass(frozen=True, slots=True)
class Request:
    """One C-GET or C-MOVE.

    Parameters
    ----------
    level : str
        "patient", "study", "series" or "instance".
    keys : dict of str to str
        Unique keys down to the level.
    uids : tuple of str
        SOPInstanceUIDs that should come; empty where nobody has told.
    sop_classes : tuple of str
        Theirs; empty where nobody has told.
    """

    level: str
    keys: dict[str, str]
    uids: tuple[str, ...] = ()
    sop_classes: tuple[str, ...] = ()
    expected: dict[str, str] = field(default_factory=dict)
    """What each object must say of itself, by keyword."""


def plan_requests(
    listed: Iterable[Listed],
    missing: Collection[str],
    *,
    first_soon: bool = False,
    singly: bool = False,
) -> list[Request]:
    """Return the requests that bring what is missing.

    Parameters
    ----------
    listed : iterable of Listed
        All that is wanted, series by series.
    missing : collection of str
        SOPInstanceUIDs that are not here.
    first_soon : bool
        Ask for the first instance of each series before the others.
    singly : bool
        One request for each instance: some nodes take no lists.
    """
    requests = []
    for (study, series), members in groupby(listed, lambda one: (one.study_uid, one.series_uid)):
        instances = list(members)
        wanted = [one for one in instances if one.uid in missing]
        if not wanted:
            continue
        if not singly and len(wanted) == len(instances) and len(wanted) > 1:
            if first_soon:
                requests.append(_of_instances(study, series, wanted[:1]))
                if len(wanted) <= _AT_ONCE:  # so that nothing comes twice
                    requests.append(_of_instances(study, series, wanted[1:]))
                    continue
            requests.append(_of_series(study, series, wanted))
            continue
        step = 1 if singly else _AT_ONCE
        for start in range(0, len(wanted), step):
            requests.append(_of_instances(study, series, wanted[start : start + step]))
    return requests


def _of_series(study: str, series: str, wanted: Sequence[Listed]) -> Request:
    keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    return Request("series", keys, *_told(wanted), expected=dict(keys))


def _of_instances(study: str, series: str, wanted: Sequence[Listed]) -> Request:
    expected = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    uids, classes = _told(wanted)
    return Request(
        "instance", {**expected, "SOPInstanceUID": "\\".join(uids)}, uids, classes, expected
    )


def _told(wanted: Sequence[Listed]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    classes = dict.fromkeys(one.sop_class_uid for one in wanted)
    # One that is not known may be any: then the usual ones are proposed.
    known = () if "" in classes else tuple(classes)
    return tuple(one.uid for one in wanted), known


def requests_of(wanted: Iterable[Wanted]) -> list[Request]:
    """Return the requests for what is wanted, where the node does not tell what it has."""
    requests = []
    for one in wanted:
        values = {
            "PatientID": one.patient_id if one.level == "patient" else "",
            "StudyInstanceUID": one.study_uid if one.level != "patient" else "",
            "SeriesInstanceUID": one.series_uid if one.level in ("series", "instance") else "",
        }
        keys = {keyword: value for keyword, value in values.items() if value}
        if one.level == "instance":
            for start in range(0, len(one.instance_uids), _AT_ONCE):
                uids = one.instance_uids[start : start + _AT_ONCE]
                named = {**keys, "SOPInstanceUID": "\\".join(uids)}
                requests.append(Request("instance", named, uids, (), keys))
        else:
            requests.append(Request(one.level, keys, (), (), keys))
    return requests
