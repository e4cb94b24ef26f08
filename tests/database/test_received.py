"""What a killed process had received is adopted; what lives is left alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.database.conftest import data_set, module_here

from napari_dicomdb.database import Database
from napari_dicomdb.database.received import Folder, has_left
from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.errors import DatabaseError

HERE = Path(__file__).parent
MOST_KILLS = 40
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    return module_here("checker")


def test_killed_at_any_moment(
    act: Callable[..., dict[str, Any]],
    checker: ModuleType,
    tmp_path: Path,
    write_series: Callable[..., list[Path]],
) -> None:
    paths = write_series(tmp_path / "in", 8)
    by_uid = {f"1.2.826.0.1.3680043.8.498.77.1.{n}": p for n, p in enumerate(paths, 1)}
    root, told = tmp_path / "database", tmp_path / "acknowledged"
    how = {"paths": [str(p) for p in paths], "acknowledged": str(told)}
    start = tmp_path / "start"
    Database.open(start).close()

    def fresh() -> None:
        shutil.rmtree(root, ignore_errors=True)
        told.unlink(missing_ok=True)
        shutil.copytree(start, root)

    fresh()
    calls = act("receive", root, **how)["calls"]
    assert checker.problems(root) == []
    step = max(calls / MOST_KILLS, 1.0)
    killed = 0
    for fatal in sorted({min(int(1 + k * step), calls) for k in range(MOST_KILLS)}):
        fresh()
        killed += act("receive", root, fatal=fatal, **how)["code"] != 0
        acknowledged = told.read_text().split() if told.exists() else []
        with Database.open(root) as database:
            held = {record.uid: record.path for record in database.instances()}
        assert set(acknowledged) <= set(held), fatal
        for uid, path in held.items():
            assert data_set(path) == data_set(by_uid[uid])
        assert checker.problems(root) == []
        assert not (root / "received").exists(), fatal
    assert killed > MOST_KILLS // 2


def test_killed_while_adopting(
    act: Callable[..., dict[str, Any]],
    checker: ModuleType,
    tmp_path: Path,
    write_series: Callable[..., list[Path]],
) -> None:
    paths = write_series(tmp_path / "in", 5)
    start = tmp_path / "start"
    with Database.open(start) as database:
        folder = Folder.make(start, database._connections.path)
        for number, path in enumerate(paths):
            (folder.path / f"{number:010x}.dcm").write_bytes(path.read_bytes())
        (folder.path / "ffff.part").write_bytes(b"half")
        folder._lock.close()  # as when its process ends
    root = tmp_path / "database"
    shutil.copytree(start, root)
    calls = act("open", root)["calls"]
    assert checker.problems(root) == []
    for fatal in range(1, calls + 1, max(calls // MOST_KILLS, 1)):
        shutil.rmtree(root)
        shutil.copytree(start, root)
        act("open", root, fatal=fatal)
        with Database.open(root) as database:
            assert len(database.instances()) == 5, fatal
        assert checker.problems(root) == []
        assert not (root / "received").exists()


def test_a_live_inbox_is_left_alone(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    assert database.path is not None
    one, two = (write_instance(tmp_path / f"{n}.dcm", n) for n in (1, 2))
    uids = [f"1.2.826.0.1.3680043.8.498.77.1.{n}" for n in (1, 2)]
    with Inbox(database) as inbox, Database.open(database.path) as other:
        arrival = inbox.open(CT, uids[0], EXPLICIT)
        arrival.write(data_set(one)[:50])
        assert not has_left(database.path)
        with Inbox(other) as second, second.open(CT, uids[1], EXPLICIT) as theirs:
            theirs.write(data_set(two))
            theirs.commit()
            second.flush()
        with Database.open(database.path) as third:
            assert len(third.instances()) == 1
        arrival.write(data_set(one)[50:])
        arrival.commit()
        inbox.flush()
        assert {record.uid for record in other.instances()} == set(uids)


def test_torn_by_a_power_cut(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    assert database.path is not None
    folder = Folder.make(database.path, database._connections.path)
    (folder.path / "00.dcm").write_bytes(b"")
    whole = write_instance(tmp_path / "1.dcm").read_bytes()
    (folder.path / "01.dcm").write_bytes(whole)
    (folder.path / "02.dcm").write_bytes(whole[:200])
    folder._lock.close()
    assert has_left(database.path)
    with Database.open(database.path) as opened:
        assert len(opened.instances()) == 1
    assert not (database.path / "received").exists()


def test_nothing_is_left_of_a_removed_patient(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    assert database.path is not None
    path = write_instance(tmp_path / "1.dcm", PatientName="Secret^Very")
    with Inbox(database) as inbox:
        with inbox.open(CT, "1.2.826.0.1.3680043.8.498.77.1.1", EXPLICIT) as arrival:
            arrival.write(data_set(path))
            arrival.commit()
        inbox.flush()
        # Left by a process that was killed, after this one has looked.
        folder = Folder.make(database.path, database._connections.path)
        (folder.path / "00.dcm").write_bytes(path.read_bytes())
        (folder.path / "01.part").write_bytes(path.read_bytes()[:-10])
        folder._lock.close()
        (patient,) = database.patients()
        assert database.remove(patient=patient, delete_copies=True).instances == 1
    for file in database.path.rglob("*"):
        if file.is_file():
            assert b"Secret" not in file.read_bytes(), file


def test_adopted_when_an_import_ends(
    database: Database, ct: Path, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    assert database.path is not None
    folder = Folder.make(database.path, database._connections.path)
    path = write_instance(tmp_path / "1.dcm", series=9)
    (folder.path / "00.dcm").write_bytes(path.read_bytes())
    folder._lock.close()
    assert database.import_paths([ct], workers=0, dry_run=True).added == 6
    assert has_left(database.path)
    assert database.import_paths([ct], workers=0).added == 6
    assert len(database.instances()) == 7
    assert not (database.path / "received").exists()


def test_a_disk_that_has_no_locks_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_dicomdb.database.received._locked", lambda _path: None)
    with pytest.raises(DatabaseError) as refused:
        Folder.make(tmp_path, None)
    assert refused.value.reason == "no-locks"
