"""Damaged, vanished, locked and half-made databases: plain errors, no traceback, no wrong row."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import DatabaseBusyError, DatabaseError, DicomDbError

CLI = "import sys; from napari_dicomdb.cli import main; sys.exit(main())"
INDEX = "dicomdb.sqlite"

DAMAGES = [
    *(f"cut-{percent}" for percent in (0, 1, 60, 99)),
    *(f"header-{place}" for place in (0, 28, 60, 68)),
    *(f"pages-{count}" for count in (1, 9)),
    *("zeros-1", "bits-5", "bits-5000", "text-0", "wal-0", "journal-0"),
]

FEW = (("ls", "--search", "doe"), ("check",), ("repair",))
VERBS = (
    ("ls",),
    ("ls", "--search", "doe"),
    ("info",),
    ("stats",),
    ("check",),
    ("verify",),
    ("repair",),
)

# Runs many commands in one process each forked from a warm one: starting costs most.
WARM = """
import io, json, os, sys
import napari_dicomdb.cli.app as app
import napari_dicomdb.database.repair, napari_dicomdb.database.salvage
import napari_dicomdb.database.verify, napari_dicomdb.api
for line in sys.stdin:
    words = json.loads(line)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        sys.stdout = open(1, "w", closefd=False)
        sys.stderr = open(2, "w", closefd=False)
        app.run(words)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as pipe:
        told = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([code, told]), flush=True)
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Give a function that runs the command `dicomdb`, and returns code and words."""
    home = tmp_path_factory.mktemp("home")
    process = subprocess.Popen(
        [sys.executable, "-c", WARM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DICOMDB_SETTINGS": str(home / "settings.json")},
    )

    def ask(*words: object) -> tuple[int, str]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        process.stdin.flush()
        code, told = json.loads(process.stdout.readline())
        assert "Traceback" not in told, told
        assert code in (0, 1, 2), (code, told)
        return code, told

    with process:
        yield ask


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, write_series: Callable[..., Any]) -> Path:
    """Give the directory of a closed database of copies."""
    root = tmp_path_factory.mktemp("bad")
    for series in range(1, 13):
        write_series(
            root / "in" / f"{series}",
            6,
            series=series,
            StudyInstanceUID=f"1.2.3.{series % 5}",
            PatientID=f"P{series % 5}",
        )
    with Database.open(root / "db") as database:
        database.import_paths([root / "in"], copy=True, workers=0)
        database.make_thumbnails(database.series()[:2])
    return root / "db"


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "db")
    return tmp_path / "db"


def true_rows(root: Path) -> set[tuple[str, str]]:
    with Database.open(root, read_only=True) as database:
        return {(i.uid, i.series_uid) for i in database.instances()}


def use(root: Path, *, read_only: bool = False) -> set[tuple[str, str]]:
    """Do what a window does; only errors of ours may come out of it."""
    rows: set[tuple[str, str]] = set()
    try:
        with Database.open(root, read_only=read_only) as database:
            for look in (
                database.patients,
                database.studies,
                database.series,
                lambda: database.search("doe thorax"),
                database.info,
                database.statistics,
                database.check,
                database.verify,
                lambda: database.recent(5),
                lambda: database.activity(5),
                database.make_thumbnails,
                lambda: database.change_counter,
                lambda: database.import_paths([root / "files"], workers=0),
                lambda: rows.update((i.uid, i.series_uid) for i in database.instances()),
            ):
                try:
                    look()
                except DicomDbError as error:
                    assert str(error)
    except DicomDbError as error:
        assert str(error)
    return rows


def damage(root: Path, how: str) -> None:
    index = root / INDEX
    raw = bytearray(index.read_bytes())
    kind, _, number = how.partition("-")
    chance = random.Random(how)
    pages = len(raw) // 4096
    if kind == "cut":
        del raw[int(len(raw) * int(number) / 100) :]
    elif kind == "header":
        raw[int(number) : int(number) + 8] = b"\xff" * 8
    elif kind == "pages":
        for _ in range(int(number)):
            page = chance.randrange(1, pages)
            raw[4096 * page : 4096 * (page + 1)] = chance.randbytes(4096)
    elif kind == "zeros":
        page = chance.randrange(1, pages)
        raw[4096 * page : 4096 * (page + int(number))] = bytes(4096 * int(number))
    elif kind == "bits":
        for _ in range(int(number)):
            raw[chance.randrange(100, len(raw))] ^= 1 << chance.randrange(8)
    elif kind == "text":
        raw = bytearray(b"this is no index\n" * 9)
    index.write_bytes(raw)
    if kind == "wal":
        (root / f"{INDEX}-wal").write_bytes(chance.randbytes(8 * 4152))
    if kind == "journal":
        (root / f"{INDEX}-journal").write_bytes(chance.randbytes(8192))


@pytest.mark.parametrize(
    "how",
    DAMAGES,
)
def test_damaged(how: str, root: Path, run: Run, made: Path) -> None:
    truth = true_rows(made)
    damage(root, how)
    copies = {path.name for path in (root / "files").rglob("*.dcm")}
    # Of a damaged index less may be listed, or nothing, but nothing that is not so:
    # only bits that flipped in a UID itself nobody can know.
    rows = use(root)
    if not how.startswith("bits"):
        assert rows <= truth
    for words in FEW:
        run(*words, "--db", root)
    # Nothing was lost with it: salvage finds every copy again, or says what it is.
    try:
        with Database.open(root) as database:
            damaged = database.check(full=True).damaged
    except DatabaseError:
        damaged = True
    if damaged:
        try:
            Database.salvage(root)
        except DatabaseError as error:
            assert error.reason in ("not-our-database", "database-version"), error
            return
    with Database.open(root) as database:
        database.repair(adopt=True)
        assert database.check(full=True).ok
        if not how.startswith("bits"):
            assert {(i.uid, i.series_uid) for i in database.instances()} == truth
    assert {path.name for path in (root / "files").rglob("*.dcm")} == copies


def test_another_programs_file_is_left_alone(root: Path, run: Run) -> None:
    (root / INDEX).unlink()
    with sqlite3.connect(root / INDEX) as raw:
        raw.execute("CREATE TABLE precious (x)")
    raw.close()
    before = (root / INDEX).read_bytes()
    use(root)
    for words in VERBS:
        run(*words, "--db", root)
    assert (root / INDEX).read_bytes() == before


@pytest.mark.parametrize("moment", range(0, 24, 3))
def test_a_share_that_vanishes(moment: int, root: Path, made: Path, tmp_path: Path) -> None:
    """The directory goes away while it is written, and comes back."""
    away = tmp_path / "away"
    folder = made.parent / "in"
    calls = 0

    def vanish(done: int, total: int | None, text: str) -> None:
        nonlocal calls
        calls += 1
        if calls == moment + 1 and root.exists():
            root.rename(away)

    truth = true_rows(made)
    with Database.open(root) as database:
        for work in (
            lambda: database.import_paths([folder], workers=0, progress=vanish),
            lambda: database.verify(progress=vanish),
            lambda: database.repair(progress=vanish),
            lambda: database.vacuum(progress=vanish),
            lambda: database.backup(tmp_path / f"backup{calls}", progress=vanish),
            lambda: database.remove(series="1.2.3.4"),
            database.series,
            database.statistics,
            lambda: database.change_counter,
            lambda: database.search("doe"),
        ):
            try:
                work()
            except DicomDbError as error:
                assert str(error)
    if away.exists():
        # What was made at the empty place, if anything, is no database.
        assert not (root / INDEX).exists()
        shutil.rmtree(root, ignore_errors=True)
        away.rename(root)
    with Database.open(root) as database:
        assert database.repair().ok
        assert database.check(full=True).ok
    assert true_rows(root) == truth


@pytest.mark.skipif(sys.platform == "win32", reason="permissions")
@pytest.mark.usefixtures("bound_by_permissions")
def test_a_read_only_directory(root: Path, made: Path, run: Run) -> None:
    truth = true_rows(made)
    places = [root, *[p for p in root.rglob("*") if p.is_dir()]]
    for place in places:
        place.chmod(0o555)
    (root / INDEX).chmod(0o444)
    try:
        assert use(root, read_only=True) <= truth
        use(root)
        for words in VERBS:
            run(*words, "--db", root)
    finally:
        for place in places:
            place.chmod(0o755)
        (root / INDEX).chmod(0o644)
    assert true_rows(root) == truth


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_locked_by_another_program(
    lock: str, root: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "wait_for_writer", 0.05)
    other = sqlite3.connect(root / INDEX, isolation_level=None)
    other.execute(lock)
    try:
        with Database.open(root) as database:
            assert len(database.instances()) == 72  # readers go on
            with pytest.raises(DatabaseBusyError, match="locked"):
                database.remove(patient="P1")
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert true_rows(root) == true_rows(made)


def test_rows_whose_files_are_gone(root: Path, run: Run) -> None:
    shutil.rmtree(root / "files")
    shutil.rmtree(root / "thumbnails")
    rows = use(root)
    assert len(rows) == 72
    for words in VERBS:
        run(*words, "--db", root)
    with Database.open(root) as database:
        report = database.remove(patient=database.patients()[0], delete_copies=True)
        assert report.rejected == []
        assert len(database.instances()) < 72


def test_files_where_folders_should_be(made: Path, tmp_path: Path, run: Run) -> None:
    for name in ("thumbnails", "files", "incoming", "writer.lock", "writer.json", f"{INDEX}-wal"):
        root = tmp_path / name
        shutil.copytree(made, root)
        if (root / name).is_dir():
            shutil.rmtree(root / name)
        if name in ("thumbnails", "files", "incoming"):
            (root / name).write_text("in the way")
        else:
            (root / name).unlink(missing_ok=True)
            (root / name).mkdir()
        use(root)
        run("repair", "--db", root)
        run("import", made.parent / "in", "--copy", "--db", root)


def test_no_directory_at_all(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "below", tmp_path / "missing"):
        for words in (*FEW, ("rm", "--yes", "1.2.3"), ("import", tmp_path)):
            run(*words, "--db", place)
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DicomDbError):
            Database.open(place)


@pytest.mark.parametrize("text", ["", "\0"])
def test_paths_that_name_nothing(text: str, database: Database, run: Run) -> None:
    with pytest.raises(DicomDbError) if not text else pytest.raises((DicomDbError, ValueError)):
        database.import_paths([text])
    assert database.instances() == []
    assert database.path is not None
    if not text:
        code, told = run("import", text, "--db", database.path)
        assert code == 2
        assert "empty path" in told
