"""On a full disk every operation says so, loses nothing, and goes on when there is room again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.database.conftest import module_here

from napari_dicomdb.database import Database, schema

HERE = Path(__file__).parent
SIZE = 8 << 20
"""Of the disk."""
ROOM = (0, 4, 12, 40, 100, 200, 400)
"""KB that are left at the start of an operation."""
INSIDE = "DICOMDB_TEST_NAMESPACE"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")

Act = Callable[..., dict[str, Any]]


def mount_command() -> list[str] | None:
    """Return what makes a small disk here, None when nobody lets us."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},uid={os.getuid()}", "tmpfs"]
    for sudo in ([], ["sudo", "-n"]):
        if shutil.which((sudo or words)[0]) is None:
            continue
        place = Path(os.environ.get("TMPDIR", "/tmp")) / f"dicomdb-disk-{os.getpid()}"
        place.mkdir(exist_ok=True)
        try:
            done = subprocess.run([*sudo, *words, str(place)], capture_output=True)
            if done.returncode == 0:
                subprocess.run([*sudo, "umount", str(place)], check=True)
                return [*sudo, *words]
        finally:
            place.rmdir()
    return None


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give an empty disk of 8 MB."""
    mount = mount_command()
    if mount is None:
        pytest.skip("nobody lets us mount: test_in_a_namespace_of_its_own runs these")
    place = tmp_path_factory.mktemp("disk")
    subprocess.run([*mount, str(place)], check=True)
    yield place
    unmount = [*mount[: mount.index("mount")], "umount", "-l", str(place)]
    subprocess.run(unmount, check=True)


def test_in_a_namespace_of_its_own() -> None:
    """Where we are not root, these tests run as the root of a namespace."""
    if INSIDE in os.environ or mount_command() is not None:
        return
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*inside, "true"]).returncode:
        pytest.skip("a small disk needs root, sudo or user namespaces")
    done = subprocess.run(
        [*inside, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        env={**os.environ, INSIDE: "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_series: Callable[..., Any]) -> Path:
    root = tmp_path_factory.mktemp("full") / "in"
    for series in (1, 2, 3):
        write_series(
            root / f"{series}",
            12,
            series=series,
            Rows=64,
            Columns=64,
            PixelData=bytes(8192),
            PatientID=f"P{series % 2}",
            PatientName=f"Doe^{series % 2}",
            StudyInstanceUID=f"1.2.3.{series % 2}",
        )
    return root


class Trial:
    """Does one thing with little room, then with enough, and compares."""

    def __init__(self, act: Act, dump: Callable[..., Any], disk: Path, folder: Path) -> None:
        self.act, self.dump, self.disk, self.folder = act, dump, disk, folder
        self.checker = module_here("checker")
        self.copy: bool | None = False

    def prepare(self, copy: bool | None) -> Path:
        for path in self.disk.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with Database.open(self.disk / "db") as database:
            if copy is not None:
                database.import_paths([self.folder], copy=copy, workers=0)
        return self.disk / "db"

    def leave(self, room: int) -> Path:
        """Fill the disk but for `room` KB."""
        ballast = self.disk / "ballast"
        free = os.statvfs(self.disk).f_bavail * os.statvfs(self.disk).f_frsize
        ballast.write_bytes(bytes(max(free - room * 1024, 0)))
        return ballast

    def said(self, root: Path) -> str:
        with Database.open(root) as database:
            return str((self.dump(database), [c.kind for c in database.patient_changes()]))

    def run(self, what: str, start: bool | None, least_refused: int = 1, **how: Any) -> None:
        """Start empty (None), with links (False) or copies (True)."""
        root = self.prepare(start)
        if what != "import":
            before = self.said(root)
        self.act(what, root, **how)
        after = self.said(root)
        assert self.checker.problems(root) == []
        refused = 0
        for room in ROOM:
            root = self.prepare(start)
            ballast = self.leave(room)
            answer = self.act(what, root, **how)
            told = answer.get("refused") or answer.get("stopped")
            if told:
                refused += 1
                assert answer.get("refused", "disk-full") == "disk-full", answer
                assert "full" in answer.get("text", told) or "room" in answer["text"]
            ballast.unlink()
            assert self.checker.problems(root, resting=False) == [], room
            if what != "import":
                assert self.said(root) in (before, after), room
            if told:
                again = self.act(what, root, **how)
                assert not (again.get("refused") or again.get("stopped")), again
            assert self.said(root) == after, room
            assert self.checker.problems(root) == [], room
        assert refused >= least_refused


@pytest.fixture
def trial(act: Act, dump: Callable[..., Any], disk: Path, folder: Path) -> Trial:
    return Trial(act, dump, disk, folder)


@pytest.mark.parametrize("copy", [False, True])
def test_import(copy: bool, trial: Trial, folder: Path) -> None:
    trial.run("import", None, paths=[str(folder)], copy=copy)


def test_write_a_result(trial: Trial, act: Act) -> None:
    how = {"study": "1.2.3.1", "slices": 30, "folder": None, "into_database": True}
    act("write", trial.prepare(True), fatal=-1, **how)  # what is imported then, is for all
    trial.run("write", True, **how)


def test_write_a_result_to_a_folder(trial: Trial, act: Act) -> None:
    """What does not fit leaves nothing in the folder; the database is elsewhere or here."""
    refused = 0
    for room in (8, 60, 150, 2000):
        root = trial.prepare(False)
        place = trial.disk / "out"
        ballast = trial.leave(room)
        answer = act("write", root, study="1.2.3.1", slices=60, folder=str(place),
                     into_database=False)  # fmt: skip
        told = answer.get("refused")
        ballast.unlink()
        assert told in (None, "disk-full"), answer
        refused += told is not None
        assert len(list(place.rglob("*.dcm"))) == (0 if told else 60)
        assert not list(trial.disk.glob(".dicomdb*"))
        assert place.exists() == (not told)
    assert 1 <= refused < 4


def test_merge(trial: Trial) -> None:
    trial.run("merge", False)


def test_vacuum(trial: Trial) -> None:
    trial.run("vacuum", False)


@pytest.mark.parametrize("copy", [False, True])
def test_remove(copy: bool, trial: Trial) -> None:
    trial.run("remove", copy, patient="P1", delete_copies=True)


def test_repair(trial: Trial) -> None:
    trial.run("repair", True, least_refused=0, adopt=True)


def test_thumbnails(trial: Trial, act: Act) -> None:
    """A picture that cannot be kept is no failure of its series."""
    expected = trial.prepare(True)
    act("thumbnails", expected)
    pictures = {path.name for path in (expected / "thumbnails").iterdir()}
    assert len(pictures) == 3
    for room in ROOM:
        root = trial.prepare(True)
        ballast = trial.leave(room)
        answer = act("thumbnails", root)
        assert answer.get("refused", "disk-full") == "disk-full", answer
        ballast.unlink()
        assert trial.checker.problems(root) == []
        with Database.open(root) as database:
            assert database.make_thumbnails().ok
        assert {path.name for path in (root / "thumbnails").iterdir()} == pictures


@pytest.mark.parametrize("name", ["backup", "backup.zip"])
def test_backup(name: str, trial: Trial, act: Act) -> None:
    root = trial.prepare(True)
    before = trial.said(root)
    for room in ROOM:
        ballast = trial.leave(room)
        target = trial.disk / "to" / name
        answer = act("backup", root, target=str(target), with_copies=True)
        assert answer.get("refused") == "disk-full", answer
        assert not list(trial.disk.rglob("*.part"))
        assert not target.exists()
        ballast.unlink()
        assert trial.checker.problems(root) == []
    assert trial.said(root) == before
    assert "refused" not in act("backup", root, target=str(target), with_copies=True)


def test_migration(trial: Trial, act: Act) -> None:
    new = trial.prepare(False)
    expected = trial.said(new)
    old = trial.disk.parent / "old"
    shutil.rmtree(old, ignore_errors=True)
    old.mkdir()
    raw = sqlite3.connect(old / "dicomdb.sqlite", isolation_level=None)
    for step in schema.STEPS[:3]:
        raw.executescript(step)
    raw.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    raw.execute("PRAGMA user_version = 3")
    raw.execute("ATTACH ? AS new", (str(new / "dicomdb.sqlite"),))
    for table in ("patient", "study", "series", "directory", "file", "instance"):
        names = ", ".join(row[1] for row in raw.execute(f"PRAGMA main.table_info({table})"))
        raw.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
    raw.close()
    refused = 0
    for room in ROOM:
        shutil.rmtree(new)
        shutil.copytree(old, new)
        ballast = trial.leave(room)
        answer = act("open", new)
        refused += answer.get("refused", "") == "disk-full"
        assert answer.get("refused", "disk-full") == "disk-full", answer
        ballast.unlink()
        with sqlite3.connect(new / "dicomdb.sqlite") as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            version = raw.execute("PRAGMA user_version").fetchone()[0]
        raw.close()
        assert version == (3 if "refused" in answer else schema.SCHEMA_VERSION)
        assert trial.said(new) == expected
        assert trial.checker.problems(new) == []
    assert refused
