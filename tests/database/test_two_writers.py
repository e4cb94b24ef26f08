"""Two processes at one database: everything in, nothing twice, nobody told a lie."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from napari_dicomdb.database import Database, schema

HERE = Path(__file__).parent

# Both say that they are ready and wait for a line, so that they run at the same time.
PARTNER = """
import sys
from napari_dicomdb.database import Database, importing
importing.BATCH_INSTANCES, importing.CHUNK_SIZE = 3, 2
what, root, *rest = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
with Database.open(root) as database:
    if what == "import":
        report = database.import_paths(rest[1:], copy=rest[0] == "copy", workers=0)
        assert not report.stopped, report
    elif what == "remove":
        for uid in rest:
            database.remove(series=uid, delete_copies=True)
    elif what == "read":
        for _ in range(40):
            database.check()
            # The import goes on between the two questions.
            assert len(database.search("doe")) <= len(database.series(patient="P1"))
    elif what == "upkeep":
        for _ in range(4):
            database.vacuum()
            database.repair()
            database.verify()
print("done")
"""


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("checker", HERE / "checker.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def together(*commands: list[str]) -> None:
    """Run partners at the same time; each must end well."""
    partners = [
        subprocess.Popen(
            [sys.executable, "-c", PARTNER, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    for partner in partners:
        assert partner.stdout is not None
        assert partner.stdout.readline() == "ready\n"
    for partner in partners:
        assert partner.stdin is not None
        partner.stdin.write("go\n")
        partner.stdin.flush()
    for partner in partners:
        told, errors = partner.communicate()
        assert (told, partner.returncode) == ("done\n", 0), errors


@pytest.fixture
def folder(tmp_path: Path, write_series: Callable[..., Any]) -> Path:
    for series in range(1, 5):
        write_series(tmp_path / "in" / f"{series}", 12, series=series)
    return tmp_path / "in"


def comparable(dumped: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in dumped.items() if key != "alternates"}


@pytest.mark.parametrize("modes", [("link", "link"), ("copy", "copy"), ("link", "copy")])
def test_both_import_overlapping_folders(
    modes: tuple[str, str],
    folder: Path,
    tmp_path: Path,
    checker: ModuleType,
    dump: Callable[..., Any],
) -> None:
    root = tmp_path / "db"
    together(
        ["import", str(root), modes[0], *(str(folder / n) for n in "123")],
        ["import", str(root), modes[1], *(str(folder / n) for n in "432")],
    )
    assert checker.problems(root) == []
    with Database.open(root) as database, Database.open(tmp_path / "alone") as alone:
        for mode, numbers in zip(modes, ("123", "432"), strict=True):
            alone.import_paths([folder / n for n in numbers], copy=mode == "copy", workers=0)
        mine, expected = dump(database), dump(alone)
        for level in ("patients", "studies", "text"):
            assert mine[level] == expected[level]
        assert [i[0] for i in mine["instances"]] == [i[0] for i in expected["instances"]]
        assert len(mine["instances"]) == 48
        if modes[0] == modes[1]:
            assert len(mine["files"]) == len(expected["files"])


@pytest.mark.parametrize("mode", ["link", "copy"])
def test_one_imports_and_one_removes(
    mode: str, folder: Path, tmp_path: Path, checker: ModuleType
) -> None:
    root = tmp_path / "db"
    with Database.open(root) as database:
        database.import_paths([folder / "1", folder / "2"], copy=mode == "copy", workers=0)
        uids = [s.uid for s in database.series()]
    together(
        ["import", str(root), mode, str(folder / "3"), str(folder / "4")],
        ["remove", str(root), *uids],
    )
    assert checker.problems(root) == []
    with Database.open(root) as database:
        assert {s.instance_count for s in database.series()} == {12}
        assert {s.number for s in database.series()} == {3, 4}


def test_one_imports_and_one_reads(folder: Path, tmp_path: Path, checker: ModuleType) -> None:
    root = tmp_path / "db"
    with Database.open(root) as database:
        database.import_paths([folder / "1"], workers=0)
    together(["import", str(root), "link", str(folder)], ["read", str(root)])
    assert checker.problems(root) == []


def test_one_imports_and_one_tidies(folder: Path, tmp_path: Path, checker: ModuleType) -> None:
    root = tmp_path / "db"
    with Database.open(root) as database:
        database.import_paths([folder / "1"], copy=True, workers=0)
    together(["import", str(root), "copy", str(folder)], ["upkeep", str(root)])
    assert checker.problems(root) == []
    with Database.open(root) as database:
        assert len(database.instances()) == 48


def test_two_make_the_same_database(tmp_path: Path, folder: Path, checker: ModuleType) -> None:
    root = tmp_path / "new" / "db"
    together(["open", str(root)], ["open", str(root)], ["import", str(root), "link", str(folder)])
    assert checker.problems(root) == []


def test_both_migrate_and_read(tmp_path: Path, folder: Path, checker: ModuleType) -> None:
    import sqlite3

    with Database.open(tmp_path / "new") as database:
        database.import_paths([folder], workers=0)
    root = tmp_path / "old"
    root.mkdir()
    old = sqlite3.connect(root / "dicomdb.sqlite", isolation_level=None)
    for step in schema.STEPS[:3]:
        old.executescript(step)
    old.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    old.execute("PRAGMA user_version = 3")
    old.execute("ATTACH ? AS new", (os.fspath(tmp_path / "new" / "dicomdb.sqlite"),))
    for table in ("patient", "study", "series", "directory", "file", "instance"):
        names = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
        old.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
    old.close()
    together(["read", str(root)], ["read", str(root)], ["import", str(root), "link", str(folder)])
    assert checker.problems(root) == []
    with Database.open(root) as database:
        assert len(database.instances()) == 48
