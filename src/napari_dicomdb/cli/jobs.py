"""The verbs about background jobs: ls, show, pause, resume, cancel, retry, move, clear, run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, print_table, say, say_error, visible
from napari_dicomdb.errors import DatabaseError, DicomDbError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dicomdb.network.jobs import Job, JobQueue

__all__ = ["jobs", "refuse_unkept", "register", "say_queued"]

_EACH = 1.0  # seconds between two lists of --watch

jobs = typer.Typer(
    help="Background jobs of a database: list, pause, resume, cancel, retry, reorder, run.",
    no_args_is_help=False,
    invoke_without_command=True,
)
IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", help="Numbers of jobs.")]


@contextmanager
def _queue(directory: Path | None) -> Iterator[JobQueue]:
    try:
        opened = open_database(directory)
    except NotFoundError:
        raise
    except DatabaseError:  # of one that may only be read, the remark says so
        opened = open_database(directory, read_only=True)
    with opened as database:
        queue = database.jobs()
        if queue.remark:
            say_error(queue.remark)
        yield queue


@jobs.callback()
def main(
    context: typer.Context,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """List jobs, or do something to them."""
    if context.invoked_subcommand is None:
        ls(db=db, json_=json_)
        return
    source = context.get_parameter_source("db")
    if json_ or (source is not None and source.name == "COMMANDLINE"):
        raise typer.BadParameter("give --db and --json behind the verb")


@jobs.command("ls")
def ls(
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="Only waiting, running, paused, done ..."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again each second until nothing runs or waits.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """List jobs: those that run, those that wait in their order, finished ones last."""
    from napari_dicomdb.network.jobs import STATES

    if unknown := set(state or ()) - set(STATES):
        raise typer.BadParameter(f"no state {', '.join(unknown)}: {', '.join(STATES)}")
    with _queue(db) as queue:
        while True:
            found = [job for job in queue.jobs() if not state or job.state in state]
            if watch and sys.stdout.isatty() and not json_:
                typer.echo("\x1b[2J\x1b[H", nl=False)  # an empty screen (ECMA-48)
            _print_list(found, json_)
            if not watch or not any(job.state in ("waiting", "running") for job in found):
                return
            time.sleep(_EACH)


@jobs.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="Number of the job.")],
    watch: Annotated[
        bool, typer.Option("--watch", help="Again each second until it has ended.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Show a job with its report: what was done, and what failed for which reason."""
    with _queue(db) as queue:
        while True:
            job = queue.job(number)
            if json_:
                print_json(job.to_json())
            else:
                _print_one(job)
            if not watch or job.state not in ("waiting", "running"):
                return
            time.sleep(_EACH)


def _act(db: Path | None, json_: bool, numbers: list[int], action: str) -> None:
    """Do something to each of these jobs; what is refused is told, and the exit code 1."""
    changed: list[Job] = []
    refused: list[dict[str, Any]] = []
    with _queue(db) as queue:
        for number in numbers:
            try:
                changed.append(getattr(queue, action)(number))
            except (DatabaseError, KeyboardInterrupt):
                raise
            except DicomDbError as error:
                refused.append({"id": number, "reason": error.reason, "text": str(error)})
    if json_:
        print_json({"jobs": [job.to_json() for job in changed], "rejected": refused})
    else:
        for job in changed:
            say(f"job {job.id}: {_state(job)}")
    for one in refused:
        say_error(one["text"], one["reason"])
    if refused:
        raise typer.Exit(1)


@jobs.command()
def pause(numbers: IdsArgument, db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Stop jobs cleanly; `resume` lets them go on where they stopped."""
    _act(db, json_, numbers, "pause")


@jobs.command()
def resume(numbers: IdsArgument, db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Let paused jobs go on."""
    _act(db, json_, numbers, "resume")


@jobs.command()
def cancel(numbers: IdsArgument, db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Stop jobs for good; what is done stays done."""
    _act(db, json_, numbers, "cancel")


@jobs.command()
def retry(numbers: IdsArgument, db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Try failed or cancelled jobs again, or those that wait for it, now."""
    _act(db, json_, numbers, "retry")


@jobs.command()
def move(
    number: Annotated[int, typer.Argument(metavar="ID", help="Number of a job that waits.")],
    before: Annotated[
        int | None, typer.Option("--before", metavar="ID", help="Put it before this one.")
    ] = None,
    first: Annotated[bool, typer.Option("--first", help="Put it before all others.")] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Change the order of the jobs that wait; without an option: to the end."""
    if first and before is not None:
        raise typer.BadParameter("give either --first or --before")
    with _queue(db) as queue:
        if first:
            order = [j.id for j in queue.jobs() if j.state in ("waiting", "paused")]
            before = next((one for one in order if one != number), None)
        job = queue.move(number, before)
    if json_:
        print_json(job.to_json())
    else:
        say(f"job {job.id}: moved")


@jobs.command()
def clear(db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Forget jobs that are done, failed or cancelled."""
    with _queue(db) as queue:
        count = queue.clear_finished()
    if json_:
        print_json({"cleared": count})
    else:
        say(f"{count} finished {'job' if count == 1 else 'jobs'} forgotten")


@jobs.command()
def run(
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=16, metavar="N", help="Transfers at a time.")
    ] = 2,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until Ctrl+C: wait for more jobs.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Do the jobs until none is left; also those that wait to be tried again.

    Ctrl+C stops cleanly: what runs goes on with the next run, or in napari.
    """
    with _queue(db) as queue:
        before = {job.id: job.state for job in queue.jobs() if job.is_finished}
        told: dict[int, str] = {}
        queue.start(workers)
        while True:
            is_idle = queue.wait(_EACH)
            if not json_:
                _tell_changes(queue.jobs(), before, told)
            if is_idle and not watch:
                break
            if is_idle:
                time.sleep(_EACH)
        queue.stop()
        done = [job for job in queue.jobs() if job.is_finished and job.id not in before]
        if json_:
            print_json([queue.job(job.id).to_json() for job in done])
    failed = [job for job in done if job.state == "failed"]
    for job in failed:
        say_error(f"job {job.id} ({job.title}): {job.error}", job.reason)
    if failed:
        raise typer.Exit(1)


def _tell_changes(found: list[Job], before: dict[int, str], told: dict[int, str]) -> None:
    for job in found:
        if job.id in before:
            continue
        steps = f"{job.done} of {job.total}" if job.state == "running" and job.total else job.text
        more = f"{steps} [{job.reason}]" if job.reason else steps
        line = f"job {job.id} ({job.title}): {job.wanted or job.state}{', ' if more else ''}{more}"
        if told.get(job.id) != line:
            told[job.id] = line
            say(visible(line))


def _state(job: Job) -> str:
    if job.wanted:
        return "is being paused" if job.wanted == "pause" else "is being cancelled"
    if job.state == "waiting" and job.at_next is not None:
        seconds = max(job.at_next - time.time(), 0)
        return f"waits {seconds:.0f} s, then is tried again [{job.reason}]"
    return job.state


def _print_list(found: list[Job], json_: bool) -> None:
    if json_:
        print_json([job.to_json() for job in found])
        return
    if not found:
        say("no jobs")
        return
    print_table(
        ("id", "state", "what", "node", "done", "rate", "remark"),
        [
            (
                job.id,
                _state(job),
                job.title,
                job.node,
                _steps(job),
                f"{job.rate:.1f}/s" if job.rate else "",
                job.error or job.text,
            )
            for job in found
        ],
        right=("id", "done", "rate"),
    )


def _steps(job: Job) -> str:
    if job.total is None:
        return str(job.done or "")
    return f"{job.done}/{job.total}"


def _print_one(job: Job) -> None:
    said = job.to_json()
    report = said.pop("report") or {}
    for name, value in said.items():
        if value not in ("", None, [], {}) and name != "what":
            say(visible(f"{name.removeprefix('at_'):>9}: {value}"))
    for name, value in report.items():
        if isinstance(value, list):
            say(f"{name:>9}: {len(value)}")
            for one in value:
                text = one if isinstance(one, str) else " ".join(map(str, one.values()))
                say(visible(f"{'':>11}{text}"))
        else:
            say(visible(f"{name:>9}: {value}"))


def say_queued(job: Job, json_: bool) -> None:
    """Tell that a job was added instead of being done at once."""
    if json_:
        print_json(job.to_json())
    else:
        say(f"job {job.id} waits: napari does it in the background, or `dicomdb jobs run`")


def refuse_unkept(queue: JobQueue) -> None:
    """Refuse to add a job to a queue that ends with this process.

    Raises
    ------
    NotFoundError
        "not-kept".
    """
    if not queue.is_kept:
        raise NotFoundError(f"no job can be added: {queue.remark}", reason="not-kept")


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.add_typer(jobs, name="jobs")
