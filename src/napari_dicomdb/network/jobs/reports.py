"""What is kept of a job: its report without values of patients, and what it was to do."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.job_table import PATIENT_KEYS
from napari_dicomdb.network.jobs.job import FORGOTTEN
from napari_dicomdb.network.statuses import retrieve_status, store_status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_dicomdb.network.send_report import SendOutcome

__all__ = [
    "MOST_LISTED",
    "count_reasons",
    "failed_instances",
    "failed_sendings",
    "without_comment",
    "without_patients",
]

MOST_LISTED = 1000
"""Instances that a report names; of more it tells the count."""

_is_uid = re.compile(r"[0-9.]{1,64}").fullmatch


def without_patients(what: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a job was to do without what may name a patient; says what was taken out."""
    gone: set[str] = set()

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            gone.update(key for key in PATIENT_KEYS if value.get(key))
            return {k: cleaned(v) for k, v in value.items() if k not in PATIENT_KEYS}
        return [cleaned(one) for one in value] if isinstance(value, list) else value

    left: dict[str, Any] = cleaned(dict(what))
    if gone or what.get(FORGOTTEN):
        left[FORGOTTEN] = sorted(gone.union(what.get(FORGOTTEN, ())))
    return left


def without_comment(reason: str, text: str) -> str:
    """Return the text of an error without the node's own words, which may name a patient.

    Parameters
    ----------
    reason, text : str
        Of the error.
    """
    if (status := re.fullmatch(r"status-([0-9a-f]{4})", reason)) is not None:
        return retrieve_status(int(status[1], 16)).text
    if reason == "bad-status":
        return re.sub(r"(status [0-9A-F]{4}H) \(.*\)", r"\1", text)
    return text


def count_reasons(rejected: Iterable[Sequence[Any]]) -> dict[str, int]:
    """Count (path, reason, text) entries by reason; paths and texts may name patients."""
    return dict(Counter(str(entry[1]) for entry in rejected))


def failed_instances(failed: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """Return entries of (UID, reason, text) for a report: the first of them, and their count."""
    listed = [
        {"uid": uid if _is_uid(uid) else "", "reason": reason}
        for uid, reason, _ in failed[:MOST_LISTED]
    ]
    return {"failed": listed, "failed_count": len(failed)}


def failed_sendings(outcomes: Iterable[SendOutcome]) -> dict[str, Any]:
    """Return what was not sent, for a report: without paths and the node's own words."""
    bad = [o for o in outcomes if o.state not in ("sent", "warning")]
    listed = [
        {
            "uid": o.uid,
            "reason": o.reason,
            "status": o.status,
            "text": "" if o.status is None else store_status(o.status).text,
        }
        for o in bad[:MOST_LISTED]
    ]
    return {"failed": listed, "failed_count": len(bad)}
