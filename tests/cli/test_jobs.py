"""The verbs of `dicomdb jobs`, and work that is queued instead of done."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb import Database

CLI = "import sys; from napari_dicomdb.cli import main; sys.exit(main())"


@pytest.fixture
def series(dicomdb: Callable[..., Any], phantom: Path) -> list[str]:
    """UIDs of the series of a database, and a node that is not there."""
    assert dicomdb("import", phantom).code == 0
    assert dicomdb("nodes", "add", "gone", "--host", "127.0.0.1", "--port", "1").code == 0
    return [row["uid"] for row in dicomdb("ls", "series", "--json").json]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "database"


def states(dicomdb: Callable[..., Any]) -> dict[int, str]:
    return {job["id"]: job["state"] for job in dicomdb("jobs", "ls", "--json").json}


def test_an_empty_list(dicomdb: Callable[..., Any], series: list[str]) -> None:
    assert dicomdb("jobs").out == "no jobs\n"
    assert dicomdb("jobs", "ls", "--json").json == []
    assert dicomdb("jobs", "--json").json == []
    outcome = dicomdb("jobs", "run")
    assert (outcome.code, outcome.out) == (0, "")


def test_without_a_database(dicomdb: Callable[..., Any]) -> None:
    outcome = dicomdb("jobs")
    assert outcome.code == 1
    assert "[no-database]" in outcome.err


def test_send_is_queued(dicomdb: Callable[..., Any], series: list[str], root: Path) -> None:
    outcome = dicomdb("send", "gone", series[0], "--queue")
    assert outcome.code == 0, outcome.err
    assert "job 1 waits" in outcome.out
    told = dicomdb("send", "GONE", "--search", "modality:ct", "--queue", "--json").json
    assert (told["id"], told["state"], told["node"]) == (2, "waiting", "gone")
    with contextlib.closing(sqlite3.connect(root / "jobs.sqlite")) as raw:
        kept = raw.execute("SELECT kind, node, state FROM job").fetchall()
    assert kept == [("send", "gone", "waiting")] * 2
    listed = dicomdb("jobs", "ls").out
    assert "Send 1 series to gone" in listed
    assert dicomdb("jobs", "show", 1, "--json").json["what"]["series"] == [series[0]]
    assert "Send 1 series to gone" in dicomdb("jobs", "show", 1).out


def test_what_cannot_be_queued(
    dicomdb: Callable[..., Any], series: list[str], phantom: Path, tmp_path: Path
) -> None:
    assert dicomdb("send", "gone", phantom, "--queue").code == 2
    outcome = dicomdb("send", "gone", series[0], "--queue", "--outcomes", tmp_path / "x.csv")
    assert outcome.code == 2
    assert dicomdb("send", "nobody", series[0], "--queue").code == 1
    assert states(dicomdb) == {}


def test_pause_resume_cancel_retry_clear(dicomdb: Callable[..., Any], series: list[str]) -> None:
    for _ in range(3):
        dicomdb("send", "gone", series[0], "--queue")
    assert dicomdb("jobs", "pause", 1, 2).out == "job 1: paused\njob 2: paused\n"
    assert dicomdb("jobs", "resume", 2).code == 0
    assert states(dicomdb) == {1: "paused", 2: "waiting", 3: "waiting"}
    assert [job["id"] for job in dicomdb("jobs", "ls", "--state", "paused", "--json").json] == [1]
    assert dicomdb("jobs", "ls", "--state", "asleep").code == 2
    outcome = dicomdb("jobs", "cancel", 3, 9, "--json")
    assert outcome.code == 1
    assert [job["state"] for job in outcome.json["jobs"]] == ["cancelled"]
    assert [one["reason"] for one in outcome.json["rejected"]] == ["no-job"]
    assert "there is no job 9 [no-job]" in outcome.err
    outcome = dicomdb("jobs", "pause", 3)
    assert (outcome.code, "[wrong-state]" in outcome.err) == (1, True)
    assert dicomdb("jobs", "clear").out == "1 finished job forgotten\n"
    assert dicomdb("jobs", "clear", "--json").json == {"cleared": 0}
    assert states(dicomdb) == {1: "paused", 2: "waiting"}


def test_move(dicomdb: Callable[..., Any], series: list[str]) -> None:
    for _ in range(3):
        dicomdb("send", "gone", series[0], "--queue")
    assert dicomdb("jobs", "move", 3, "--first").code == 0
    assert list(states(dicomdb)) == [3, 1, 2]
    assert dicomdb("jobs", "move", 2, "--before", 1, "--json").json["id"] == 2
    assert list(states(dicomdb)) == [3, 2, 1]
    assert dicomdb("jobs", "move", 3).code == 0
    assert list(states(dicomdb)) == [2, 1, 3]
    assert dicomdb("jobs", "move", 3, "--first", "--before", 1).code == 2
    assert dicomdb("jobs", "move", 3, "--before", 99).code == 1


def test_run(dicomdb: Callable[..., Any], series: list[str], root: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    with Database.open(root) as database:
        database.jobs().add("export", {"series": [series[0]], "to": target})
        database.jobs().add("echo", node="gone")
    outcome = dicomdb("jobs", "run", "--json")
    assert outcome.code == 1
    assert {job["id"]: job["state"] for job in outcome.json} == {1: "done", 2: "failed"}
    assert outcome.json[0]["report"] is not None
    assert "job 2 (Test gone): nothing listens at 127.0.0.1" in outcome.err
    assert outcome.err.count("\n") == 1
    assert [path for path in target.rglob("*") if path.is_file()]
    with Database.open(root) as database:
        database.jobs().add("export", {"series": [series[1]], "to": tmp_path / "more"})
    outcome = dicomdb("jobs", "run")
    assert outcome.code == 0
    assert "job 3 (Export 1 series): done" in outcome.out
    shown = dicomdb("jobs", "show", 3, "--watch").out
    assert "written: " in shown
    assert dicomdb("jobs", "ls", "--watch").code == 0
    assert "Traceback" not in outcome.err


def test_options_belong_behind_the_verb(
    dicomdb: Callable[..., Any], series: list[str], root: Path
) -> None:
    assert dicomdb("jobs", "--db", root, "ls").code == 2
    assert dicomdb("jobs", "--db", root).code == 0
    assert dicomdb("jobs", "ls", "--db", root).code == 0


def test_a_damaged_list_is_told(
    dicomdb: Callable[..., Any], series: list[str], root: Path
) -> None:
    (root / "jobs.sqlite").write_bytes(b"x" * 5000)
    outcome = dicomdb("jobs")
    assert (outcome.code, outcome.out) == (0, "no jobs\n")
    assert "damaged" in outcome.err
    assert "Traceback" not in outcome.err


def test_an_interrupted_run_leaves_its_job_waiting(
    dicomdb: Callable[..., Any], series: list[str], root: Path
) -> None:
    dicomdb("send", "gone", series[0], "--queue")
    process = subprocess.Popen(
        [sys.executable, "-c", CLI, "jobs", "run", "--db", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:  # it may be told before that the job runs
        if "is tried again" in line:
            break
        assert "running" in line
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert states(dicomdb) == {1: "waiting"}


@pytest.mark.parametrize(
    "verb", ["ls", "show", "pause", "resume", "cancel", "retry", "move", "clear", "run"]
)
def test_help(dicomdb: Callable[..., Any], verb: str) -> None:
    outcome = dicomdb("jobs", verb, "--help")
    assert outcome.code == 0
    assert "--db" in outcome.out
    assert "--json" in outcome.out
