"""Killed before any call that reaches the disk, a database loses nothing and ends the same."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.database.conftest import module_here

from napari_dicomdb.database import Database, schema

HERE = Path(__file__).parent
MOST_KILLS = 18
"""Of one operation, spread evenly over it; all where it has no more."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

Act = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    return module_here("checker")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_series: Callable[..., Any]) -> Path:
    root = tmp_path_factory.mktemp("crash") / "in"
    write_series(root / "a", 5, series=1)
    write_series(root / "b", 4, series=2)
    write_series(
        root / "c",
        4,
        series=3,
        StudyInstanceUID="1.2.3.9",
        PatientID="P2",
        PatientName="Roe^Richard",
    )
    (root / "b" / "text").write_text("no DICOM")
    (root / "b" / "twin.dcm").write_bytes((root / "a" / "00001.dcm").read_bytes())
    with zipfile.ZipFile(root.parent / "all.zip", "w") as archive:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(root))
    return root


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give closed databases: empty, of linked files, of copies with pictures."""
    root = tmp_path_factory.mktemp("made")
    for name in ("empty", "linked", "copied"):
        with Database.open(root / name) as database:
            if name != "empty":
                database.import_paths([folder], copy=name == "copied", workers=0)
                assert database.make_thumbnails().ok
    return {path.name: path for path in root.iterdir()}


def said(root: Path, dump: Callable[..., Any]) -> str:
    """All that an index says, wherever it lies."""
    with Database.open(root) as database:
        changes = [c.kind for c in database.patient_changes()]
        pictures = sorted(
            path.name for path in (root / "thumbnails").glob("*") if path.suffix == ".png"
        )
        return str((dump(database), changes, pictures)).replace(str(root), "DATABASE")


def moments(calls: int, most: int = MOST_KILLS) -> list[int]:
    """Return which calls to die at."""
    step = max(calls / most, 1.0)
    return sorted({min(int(1 + k * step), calls) for k in range(most)})


class Trial:
    """Does one thing undisturbed, then killed at each moment, then once more."""

    def __init__(
        self, act: Act, checker: ModuleType, dump: Callable[..., Any], start: Path, at: Path
    ) -> None:
        self.act, self.checker, self.dump, self.start, self.at = act, checker, dump, start, at
        self.before = ""

    def fresh(self, name: str) -> Path:
        shutil.rmtree(self.at / name, ignore_errors=True)
        shutil.copytree(self.start, self.at / name, symlinks=True)
        return self.at / name

    def run(self, what: str, *, whole: bool = True, again: bool = True, **how: Any) -> None:
        """Kill `what` at each moment; `whole`: it is done wholly or not at all."""
        undisturbed = self.fresh("undisturbed")
        before = said(self.fresh("before"), self.dump)
        calls = self.act(what, undisturbed, **how)
        assert "refused" not in calls, calls
        assert self.checker.problems(undisturbed) == []
        after = said(undisturbed, self.dump)
        assert calls["calls"] > 3
        killed = 0
        for fatal in moments(calls["calls"]):
            root = self.fresh("killed")
            answer = self.act(what, root, fatal, **how)
            killed += answer["code"] != 0
            assert self.checker.problems(root, resting=False, left=set(root.rglob("*.dcm"))) == []
            now = said(root, self.dump)  # opened: what was interrupted is finished
            assert self.checker.problems(root) == [], fatal
            if whole:
                assert now in (before, after), fatal
            if again and now != after:
                answer = self.act(what, root, **how)
                assert "refused" not in answer, (fatal, answer)
                assert said(root, self.dump) == after, fatal
                assert self.checker.problems(root) == [], fatal
        assert killed >= min(calls["calls"], MOST_KILLS) - 3


@pytest.fixture
def trial(
    act: Act,
    checker: ModuleType,
    dump: Callable[..., Any],
    made: dict[str, Path],
    tmp_path: Path,
) -> Callable[[str], Trial]:
    return lambda start: Trial(act, checker, dump, made[start], tmp_path)


@pytest.mark.parametrize("mode", ["linked", "copied", "archive"])
def test_import(mode: str, trial: Callable[[str], Trial], folder: Path) -> None:
    place = folder.parent / "all.zip" if mode == "archive" else folder
    trial("empty").run("import", whole=False, paths=[str(place)], copy=mode == "copied")


def test_import_by_copy_of_what_is_linked(trial: Callable[[str], Trial], folder: Path) -> None:
    trial("linked").run("import", whole=False, paths=[str(folder)], copy=True)


def test_merge(trial: Callable[[str], Trial]) -> None:
    trial("linked").run("merge")


@pytest.mark.parametrize("what", ["split", "undo"])
def test_split_and_undo(what: str, trial: Callable[[str], Trial], act: Act) -> None:
    one = trial("linked")
    merged = one.fresh("merged")
    act("merge", merged)
    one.start = merged
    one.run(what)


def test_vacuum(trial: Callable[[str], Trial]) -> None:
    trial("copied").run("vacuum")


@pytest.mark.parametrize("start", ["linked", "copied"])
def test_remove(start: str, trial: Callable[[str], Trial]) -> None:
    trial(start).run("remove", patient="P1", delete_copies=True)


def test_thumbnails(trial: Callable[[str], Trial], act: Act) -> None:
    one = trial("copied")
    bare = one.fresh("bare")
    with Database.open(bare) as database:
        database.clear_thumbnails()
    one.start = bare
    act("thumbnails", one.fresh("undisturbed"), -1)
    one.run("thumbnails", whole=False)


def test_relink(trial: Callable[[str], Trial], folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    trial("linked").run("relink", old_root=str(folder), new_root=str(moved))


def test_repair(trial: Callable[[str], Trial], dump: Callable[..., Any], tmp_path: Path) -> None:
    one = trial("copied")
    broken = one.fresh("broken")
    with sqlite3.connect(broken / "dicomdb.sqlite") as raw:
        raw.execute("UPDATE series SET instance_count = 77")
        raw.execute("DELETE FROM series_text WHERE rowid = 1")
        raw.execute("DELETE FROM alternate")
        raw.execute(
            "DELETE FROM instance WHERE id IN (SELECT id FROM instance ORDER BY uid LIMIT 3)"
        )
    raw.close()
    undisturbed = one.fresh("undisturbed")
    one.start = broken
    undisturbed = one.fresh("undisturbed")
    calls = one.act("repair", undisturbed, adopt=True)["calls"]
    after = said(undisturbed, dump)
    assert one.checker.problems(undisturbed) == []
    for fatal in moments(calls):
        root = one.fresh("killed")
        one.act("repair", root, fatal, adopt=True)
        one.act("repair", root, adopt=True)
        assert one.checker.problems(root) == [], fatal
        assert said(root, dump) == after, fatal


def test_write_a_result(trial: Callable[[str], Trial], act: Act) -> None:
    one = trial("linked")
    how = {"study": "1.2.3.9", "slices": 4, "folder": None, "into_database": True}
    # Not counted: pydicom's imports.
    act("write", one.fresh("undisturbed"), -1, **how)
    one.run("write", **how)


@pytest.mark.parametrize(
    ("is_there", "into_database"), [(True, True), (False, True), (True, False)]
)
def test_write_a_result_to_a_folder(
    into_database: bool, is_there: bool, trial: Callable[[str], Trial], tmp_path: Path
) -> None:
    one = trial("linked")
    place = tmp_path / "place" / "out"

    def prepare() -> dict[str, Any]:
        shutil.rmtree(tmp_path / "place", ignore_errors=True)
        if is_there:
            place.mkdir(parents=True)
            (place / "mine").write_text("mine")
        root = one.fresh("killed")
        return {"root": root, "study": "1.2.3.9", "slices": 3, "folder": str(place),
                "into_database": into_database}  # fmt: skip

    one.act("write", fatal=-1, **prepare())
    calls = one.act("write", **prepare())["calls"]
    for fatal in moments(calls, 15 if into_database else 9):
        how = prepare()
        one.act("write", fatal=fatal, **how)
        found = list(place.glob("Result/*.dcm"))
        assert len(found) in (0, 3), fatal
        with Database.open(one.at / "killed") as database:
            there = [s.instance_count for s in database.series() if s.uid == "1.2.3.77"]
        # Both have it or neither: what came into the folder is brought in by the next.
        assert there == ([3] if found and into_database else []), fatal
        assert one.checker.problems(one.at / "killed") == []
        # The next who writes there finds nothing in the way, and tidies up.
        if not there and not found:
            assert "refused" not in one.act("write", **how), fatal
        else:
            near = place if is_there else place.parent
            one.act("export", one.at / "killed", target=str(near / "next"))
        hidden = [p for p in (tmp_path / "place").rglob(".*") if list(p.iterdir())]
        assert hidden == [], fatal
    assert not is_there or (place / "mine").read_text() == "mine"


@pytest.mark.parametrize("how", [{}, {"archive": True}, {"dicomdir": True}])
def test_export(how: dict[str, bool], trial: Callable[[str], Trial], tmp_path: Path) -> None:
    one = trial("linked")
    root = one.fresh("root")
    place = tmp_path / "out" / ("all.zip" if how.get("archive") else "all")
    place.parent.mkdir()
    (tmp_path / "warm").mkdir()

    def found() -> int:
        if not place.exists():
            return 0
        if place.is_file():
            with zipfile.ZipFile(place) as archive:
                assert archive.testzip() is None
                return len(archive.namelist())
        return sum(path.is_file() for path in place.rglob("*"))

    one.act("export", root, -1, target=str(tmp_path / "warm" / place.name), **how)
    calls = one.act("export", root, target=str(place), **how)["calls"]
    whole = found()
    assert whole >= 13
    for fatal in moments(calls, 9):
        shutil.rmtree(place.parent)
        place.parent.mkdir()
        one.act("export", root, fatal, target=str(place), **how)
        assert found() in (0, whole), fatal
        if not place.exists():
            assert "refused" not in one.act("export", root, target=str(place), **how)
            assert [p.name for p in place.parent.iterdir()] == [place.name], fatal


@pytest.mark.parametrize("target", ["backup", "backup.zip"])
def test_backup(
    target: str, trial: Callable[[str], Trial], dump: Callable[..., Any], tmp_path: Path
) -> None:
    one = trial("copied")
    root = one.fresh("root")
    before = said(root, dump)
    calls = one.act("backup", root, target=str(tmp_path / "first" / target), with_copies=True)
    for fatal in moments(calls["calls"]):
        place = tmp_path / f"to{fatal}" / target
        one.act("backup", root, fatal, target=str(place), with_copies=True)
        # There wholly, or not at all.
        if place.exists():
            report = Database.restore(place, tmp_path / f"from{fatal}")
            assert (report.instances, report.copies) == (13, 13)
        assert one.checker.problems(root) == []
    assert said(root, dump) == before


# Without copies and over nothing, the restored one would have no files.
@pytest.mark.parametrize(
    ("overwrite", "with_copies"), [(False, True), (True, False), (True, True)]
)
def test_restore(
    overwrite: bool,
    with_copies: bool,
    trial: Callable[[str], Trial],
    dump: Callable[..., Any],
    tmp_path: Path,
) -> None:
    one = trial("copied")
    root = one.fresh("root")
    backup = tmp_path / "backup"
    with Database.open(root) as database:
        database.backup(backup, with_copies=with_copies)
    place = tmp_path / "place"

    def prepare() -> None:
        shutil.rmtree(place, ignore_errors=True)
        if overwrite:
            shutil.copytree(root, place)

    prepare()
    how = {"backup": str(backup), "overwrite": overwrite}
    calls = one.act("restore", place, **how)["calls"]
    with Database.open(place) as database:
        expected = dump(database)
    for fatal in moments(calls):
        prepare()
        one.act("restore", place, fatal, **how)
        if not (place / "dicomdb.sqlite").exists():
            assert not place.exists() or not any(place.iterdir())
            kept = list(tmp_path.glob("place.replaced-*"))
            assert not overwrite or kept, fatal
            one.act("restore", place, **how)
        with Database.open(place) as database:
            assert dump(database) == expected, fatal
            assert database.verify(content=True).ok
        for aside in tmp_path.glob("place.replaced-*"):
            shutil.rmtree(aside)


@pytest.mark.parametrize("across", [False, True])
def test_move(
    across: bool, trial: Callable[[str], Trial], dump: Callable[..., Any], tmp_path: Path
) -> None:
    one = trial("copied")
    expected = said(one.fresh("killed"), dump)
    target = tmp_path / "target"
    told = one.act("move", tmp_path / "killed", target=str(target), across=across)
    assert "refused" not in told, told
    calls = told["calls"]
    assert said(target, dump) == expected
    for fatal in moments(calls):
        shutil.rmtree(target, ignore_errors=True)
        root = one.fresh("killed")
        one.act("move", root, fatal, target=str(target), across=across)
        # One of the two is whole, whatever is left of the other.
        there = target if (target / "dicomdb.sqlite").exists() else root
        assert one.checker.problems(there) == [], fatal
        assert said(there, dump) == expected, fatal


def version_3(root: Path, new: Path) -> None:
    """Make an index of version 3 with the rows of a newer one."""
    shutil.copytree(new, root)
    (root / "dicomdb.sqlite").unlink()
    old = sqlite3.connect(root / "dicomdb.sqlite", isolation_level=None)
    for step in schema.STEPS[:3]:
        old.executescript(step)
    old.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    old.execute("PRAGMA user_version = 3")
    old.execute("ATTACH ? AS new", (str(new / "dicomdb.sqlite"),))
    for table in ("patient", "study", "series", "directory", "file", "instance", "alternate"):
        names = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
        old.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
    old.execute(
        "INSERT INTO thumbnail (series, name, made) SELECT series, name, made FROM new.thumbnail"
    )
    old.close()


def test_migration_at_every_statement(
    trial: Callable[[str], Trial],
    made: dict[str, Path],
    dump: Callable[..., Any],
    tmp_path: Path,
) -> None:
    version_3(tmp_path / "v3", made["linked"])
    one = trial("linked")
    expected = said(made["linked"], dump)
    one.start = tmp_path / "v3"
    calls = one.act("open", one.fresh("undisturbed"))["calls"]
    assert calls > 60
    assert said(tmp_path / "undisturbed", dump) == expected
    for fatal in range(1, calls + 1):
        root = one.fresh("killed")
        assert one.act("open", root, fatal)["code"] == -signal.SIGKILL
        with sqlite3.connect(root / "dicomdb.sqlite") as raw:
            version = raw.execute("PRAGMA user_version").fetchone()[0]
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            fresh = raw.execute(
                "SELECT count(*) FROM sqlite_master WHERE name IN ('going_file', 'activity')"
            ).fetchone()[0]
        raw.close()
        assert (version, fresh) in ((3, 0), (schema.SCHEMA_VERSION, 2)), fatal
        if fatal % 5 == 0:
            assert said(root, dump) == expected, fatal
            assert one.checker.problems(root) == [], fatal
