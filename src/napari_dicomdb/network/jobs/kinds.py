"""What the kinds of jobs do, and what is kept of what came of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol, cast

from napari_dicomdb.database.job_table import words_in
from napari_dicomdb.errors import Cancelled
from napari_dicomdb.network.jobs.claims import Ending
from napari_dicomdb.network.jobs.reports import (
    count_reasons,
    failed_instances,
    failed_sendings,
    without_comment,
)
from napari_dicomdb.network.jobs.retrying import is_passing
from napari_dicomdb.network.jobs.selection import instances_named, records_named
from napari_dicomdb.network.nodes import find_node
from napari_dicomdb.network.send_report import SendOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database import Database
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.network.jobs.job import Job
    from napari_dicomdb.network.jobs.run import Run
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.send_report import SendReport

__all__ = ["error_text", "perform"]

# Of errors whose text names a path: what is kept of them.
_WORDS = {
    "database-busy": "another process is writing into the database",
    "disk-full": "the disk is full",
    "exists": "the target exists already",
    "not-found": "what it is about is not there any more",
    "not-writable": "the target cannot be written",
    "not-written": "the target could not be written",
}


class _Outgoing(Protocol):
    """What `api.Database` has more than the index: this room may not import that."""

    def deidentified(self, records: Any, profile: Any, *, salt: str, progress: Any) -> Any:
        """Give a database of de-identified copies, and a report, while it is open."""

    def export(self, records: Any, target: Any, **how: Any) -> Any:
        """Write files."""


def perform(job: Job, run: Run, database: Database) -> Ending:
    """Do a job, from where an earlier attempt stopped.

    Parameters
    ----------
    job : Job
    run : Run
        Gets the progress, and says what is dealt with already.
    database : Database

    Raises
    ------
    Cancelled
        When it is to stop.
    DicomDbError
        If nothing can be done.
    """
    return _DOERS[job.kind](job, run, database)


def error_text(job: Job, text: str, reason: str) -> str:
    """Return what is kept of an error: without the paths and keys that may name a patient."""
    named = [word.strip("*?") for word in words_in(dict(job.what))]
    may_name = any(word in text for word in named if word)
    if may_name or (job.kind in ("import", "export") and os.sep in text):
        return _WORDS.get(reason, f"it failed for the reason {reason!r}")
    return text


def _echo(job: Job, run: Run, database: Database) -> Ending:
    from napari_dicomdb.network.echo import check_node

    node = find_node(job.node)
    told = check_node(node, waiting=lambda: run.progress(0, 1, f"Testing {node.name}"))
    run.done = run.total = 1
    # Not tried again by itself: that it does not answer is the answer.
    return Ending(
        told.ok,
        told.text,
        "" if told.ok else told.text,
        told.reason,
        {"node": told.node, "ok": told.ok, "reason": told.reason, "seconds": told.seconds},
        result=told,
    )


def _find(job: Job, run: Run, database: Database) -> Ending:
    from napari_dicomdb.network.finding import find
    from napari_dicomdb.network.query import Query

    names = job.what.get("nodes") or [job.node]
    query = Query.from_json({k: v for k, v in job.what.items() if k != "nodes"})
    report = find(
        [find_node(name) for name in names if name],
        query,
        database=database,
        here="" in names,
        progress=run.progress,
    )
    outcomes = list(report.nodes)
    if any(outcome.state == "cancelled" for outcome in outcomes):
        raise Cancelled("the query was stopped")
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    told = [
        {"node": o.node, "state": o.state, "count": o.count, "cut": o.cut, "reason": o.reason}
        for o in outcomes
    ]
    count = sum(outcome.count for outcome in outcomes)
    run.done = run.total = count
    error = "; ".join(
        f"{o.node}: {error_text(job, without_comment(o.reason, o.text), o.reason)}" for o in failed
    )
    more = ", not all: there are more" if any(outcome.cut for outcome in outcomes) else ""
    return Ending(
        not failed,
        f"{count} found{more}",
        error,
        failed[0].reason if failed else "",
        {"level": query.level, "matches": count, "nodes": told},
        # One that has answered would be asked once more.
        passing=len(failed) == len(outcomes) and all(is_passing(o.reason) for o in failed),
        result=report,
    )


def _retrieve(job: Job, run: Run, database: Database) -> Ending:
    from napari_dicomdb.network.retrieve_report import Wanted
    from napari_dicomdb.network.retrieving import retrieve

    node = find_node(job.node)
    wanted = [Wanted(**one) for one in job.what["wanted"]]
    # What an earlier attempt has brought is in the database: it is not asked for again.
    has_begun = job.attempts > 1 or job.done > 0
    only_missing = has_begun or bool(job.what.get("only_missing", True))
    report = retrieve(database, node, wanted, only_missing=only_missing, progress=run.progress)
    if report.cancelled:
        raise Cancelled("the retrieval was stopped")
    failed = report.failed
    reasons = count_reasons(failed)
    kept = {
        "node": node.name,
        "method": report.method,
        "received": report.received,
        "already": report.already,
        "status": report.status,
        "size": report.size,
        "seconds": report.seconds,
        "reasons": reasons,
        **failed_instances(failed),
    }
    return Ending(
        report.ok,
        error_text(job, report.summary(), ""),
        ""
        if report.ok
        else _some_failed(
            len(failed), without_comment(failed[0][1], failed[0][2]) if failed else ""
        ),
        "" if report.ok else (failed[0][1] if failed else "incomplete"),
        kept,
        passing=all(map(is_passing, reasons)),
        result=report,
    )


def _some_failed(count: int, text: str) -> str:
    if not count:
        return "not everything has come"
    return f"{count} {'instance' if count == 1 else 'instances'} failed" + (
        f", the first: {text}" if text else ""
    )


def _send(job: Job, run: Run, database: Database) -> Ending:
    instances, missing = instances_named(database, job.what)
    choices = job.what.get("deidentify")
    if choices is None or not instances:
        return _send_these(job, run, database, instances, missing)
    find_node(job.node)  # before anything is written
    salt = str(job.what.get("salt", ""))
    opened = cast("_Outgoing", database).deidentified(
        instances, choices, salt=salt, progress=run.progress
    )
    with opened as (copies, made):
        return _send_these(job, run, database, copies.instances(), missing, made)


def _send_these(
    job: Job,
    run: Run,
    database: Database,
    instances: Sequence[InstanceRecord],
    missing: Sequence[str],
    made: Any = None,
) -> Ending:
    """Send instances; `made` tells of the originals when they are copies."""
    from napari_dicomdb.network.sending import note_sending, send_instances

    left_out = made.report.rejected if made is not None else ()
    node = find_node(job.node)
    left = [record for record in instances if record.uid not in run.already]
    before = len(instances) - len(left)

    def progress(done: int, total: int | None, text: str) -> None:
        run.progress(before + done, before + len(left), text)

    progress(0, None, f"Sending to {node.name}")
    report = send_instances(
        left,
        node,
        transcode=bool(job.what.get("transcode", True)),
        progress=progress,
        acknowledged=lambda outcome: run.acknowledge(outcome.uid),
    )
    if not database.read_only:
        note_sending(database._connections, report)
    sent = before + report.stored
    total = len(instances) + len(left_out)
    run.done, run.total = sent, total
    if report.cancelled:
        raise Cancelled("sending was stopped")
    if job.what.get("commitment") and node.kind == "dimse":
        _commit(run, node, instances, report)
    if made is not None:
        report.tell_of_originals(made.originals, left_out)
    bad = [outcome for outcome in report.outcomes if outcome.state not in ("sent", "warning")]
    denied = [outcome.uid for outcome in report.outcomes if outcome.committed == "failed"]
    kept = {
        "node": node.name,
        "instances": total,
        "sent": sent,
        "counts": report.counts,
        "committed": report.committed,
        "transcoded": report.transcoded,
        "size": report.size,
        "seconds": report.seconds,
        "missing": list(missing),
        "left_out": count_reasons(left_out),
        **failed_sendings(report.outcomes),
    }
    error = reason = ""
    if bad:
        error, reason = _some_failed(len(bad), str(kept["failed"][0]["text"])), bad[0].reason
    elif denied:
        error = f"the node does not commit itself to keeping {len(denied)} of them"
        reason = "not-committed"
    elif missing:
        error, reason = f"{len(missing)} of what was to be sent is not here any more", "not-found"
    return Ending(
        not reason,
        f"{sent} of {total} instances sent to {node.name}",
        error,
        reason,
        kept,
        passing=any(is_passing(outcome.reason) for outcome in bad),
        result=report,
    )


def _commit(run: Run, node: Node, instances: Sequence[InstanceRecord], report: SendReport) -> None:
    """Ask the node to keep what it has of this and of earlier attempts."""
    from napari_dicomdb.network.committing import commit_sent

    now = {outcome.uid for outcome in report.outcomes}
    report.outcomes += [
        SendOutcome(record.uid, str(record.path), "sent", "stored by an earlier attempt")
        for record in instances
        if record.uid not in now
    ]
    commit_sent(report, instances, node, progress=run.progress)
    if run.is_stopping:
        raise Cancelled("the answer to storage commitment was not waited for")
    # What the node does not keep is sent again when the job is retried.
    run.take_back(o.uid for o in report.outcomes if o.committed == "failed")


def _import(job: Job, run: Run, database: Database) -> Ending:
    run.say_only("Importing")
    report = database.import_paths(
        job.what["paths"], copy=bool(job.what.get("copy")), progress=run.progress
    )
    if report.cancelled:
        raise Cancelled("the import was stopped")
    refused = [*report.rejected, *report.missing]
    kept = {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "duplicates": report.duplicates,
        "refused": len(refused),
        "reasons": count_reasons(refused),
        "series_uids": report.series_uids[:1000],
        "seconds": report.seconds,
    }
    text = f"{report.added + report.updated} files imported" + (
        f", {len(refused)} refused" if refused else ""
    )
    # Files that are no DICOM are no failure of an import: the report counts them.
    error = error_text(job, report.stopped, "disk-full") if report.stopped else ""
    return Ending(
        not report.stopped, text, error, "disk-full" if error else "", kept, result=report
    )


def _export(job: Job, run: Run, database: Database) -> Ending:
    run.say_only("Exporting")
    records, missing = records_named(database, job.what)
    keys = ("form", "dicomdir", "archive", "deidentify")
    how = {key: job.what[key] for key in keys if key in job.what}
    report = cast("_Outgoing", database).export(
        records, job.what["to"], progress=run.progress, **how
    )
    rejected = list(report.rejected)
    kept = {"written": report.written, "refused": len(rejected), "missing": missing}
    kept["reasons"] = count_reasons(rejected)
    ok = not rejected and not missing
    lost = len(rejected) + len(missing)
    return Ending(
        ok,
        f"{report.written} files written" + (f", {lost} not" if lost else ""),
        "" if ok else f"{lost} could not be exported",
        "" if ok else (str(rejected[0][1]) if rejected else "not-found"),
        kept,
        result=report,
    )


_DOERS = {
    "echo": _echo,
    "find": _find,
    "retrieve": _retrieve,
    "send": _send,
    "import": _import,
    "export": _export,
}
