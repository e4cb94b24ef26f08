"""The file of jobs: made, put aside when damaged, and made to forget who was removed."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, job_table
from napari_dicomdb.database.job_table import FILE_NAME, forget, open_table, words_in


def put(root: Path, state: str = "waiting", **values: Any) -> int:
    connection, is_kept, remark = open_table(root)
    assert (is_kept, remark) == (True, "")
    row = {
        "place": 1, "kind": "send", "title": "Send 1 series", "node": "PACS", "lane": "",
        "what": {}, "at_added": 1.0, "state": state, **values,
    }  # fmt: skip
    row |= {key: json.dumps(row[key]) for key in ("what", "report") if key in row}
    with contextlib.closing(connection):
        return int(
            connection.execute(
                f"INSERT INTO job ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            ).lastrowid
            or 0
        )


def rows(root: Path) -> dict[int, dict[str, Any]]:
    with contextlib.closing(sqlite3.connect(root / FILE_NAME)) as raw:
        raw.row_factory = sqlite3.Row
        return {row["id"]: dict(row) for row in raw.execute("SELECT * FROM job")}


def every_byte(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.iterdir() if path.is_file())


def test_without_a_directory_it_is_in_memory() -> None:
    connection, is_kept, remark = open_table(None)
    with contextlib.closing(connection):
        assert connection.execute("SELECT count(*) FROM job").fetchone() == (0,)
    assert (is_kept, remark) == (False, "")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"nothing of the kind" * 99),
        lambda path: path.write_bytes(path.read_bytes()[:5000] + b"\xff" * 20_000),
        lambda path: _sql(path, "DROP TABLE acknowledged"),
        lambda path: _sql(path, "ALTER TABLE job DROP COLUMN wanted"),
    ],
)
def test_damage(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    put(tmp_path)
    damage(tmp_path / FILE_NAME)
    connection, is_kept, remark = open_table(tmp_path)
    connection.close()
    assert is_kept
    assert "damaged" in remark
    assert rows(tmp_path) == {}
    assert len(list(tmp_path.glob(f"{FILE_NAME}.broken-*"))) == 1
    put(tmp_path)  # and it is sound again


def _sql(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute(statement)
        raw.commit()


def test_of_a_newer_version(tmp_path: Path) -> None:
    id = put(tmp_path)
    _sql(tmp_path / FILE_NAME, "PRAGMA user_version = 99")
    connection, is_kept, remark = open_table(tmp_path)
    connection.close()
    assert not is_kept
    assert "newer version" in remark
    assert rows(tmp_path).keys() == {id}


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.usefixtures("bound_by_permissions")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        (folder / "x").touch()
    connection, is_kept, remark = open_table(folder)
    connection.close()
    assert not is_kept
    assert str(folder / FILE_NAME) in remark
    assert list(folder.iterdir()) == []


def test_a_file_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    connection, is_kept, remark = open_table(tmp_path)
    connection.close()
    assert (is_kept, bool(remark)) == (False, True)


def test_words() -> None:
    what = {
        "keys": {"PatientName": "DOE*"}, "wanted": [{"patient_id": "P1", "study_uid": "1.2"}],
        "paths": ["/in/x"], "to": "/out", "series": ["1.2"], "copy": True,
    }  # fmt: skip
    assert set(words_in(what)) == {"DOE*", "P1", "/in/x", "/out"}


GONE = {"qxzvkw", "p77"}


@pytest.mark.parametrize(
    "values",
    [
        {"what": {"keys": {"PatientName": "QXZVKW^A*"}}},
        {"what": {"wanted": [{"level": "patient", "patient_id": "P77"}]}},
        {"what": {"paths": ["/in/scans of Qxzvkw"]}},
        {"what": {"paths": ["/in/xQxzvkwx"]}},
        {"what": {"series": ["1.2.3"]}},
        {"what": {"wanted": [{"instance_uids": ["1.2.3"]}]}},
        {"what": {"series": ["9"]}, "report": {"failed": [{"uid": "1.2.3"}]}},
        {"what": {}, "error": "no Qxzvkw"},
        {"what": {}, "title": "Qxzvkw"},
    ],
)
@pytest.mark.parametrize("state", ["waiting", "paused", "failed", "done", "cancelled", "running"])
def test_forgetting(tmp_path: Path, values: dict[str, Any], state: str) -> None:
    id = put(tmp_path, state, **values)
    other = put(tmp_path, state, what={"series": ["1.2"], "paths": ["/in/p778"]}, text="of p 77")
    before = rows(tmp_path)[other]
    assert forget(tmp_path, GONE, {"1.2.3"})
    row = rows(tmp_path)[id]
    assert row["what"] == "{}"
    assert row["report"] is None
    assert row["state"] == ("cancelled" if state in ("waiting", "paused", "failed") else state)
    assert row["wanted"] == ("cancel" if state == "running" else "")
    assert rows(tmp_path)[other] == before
    raw = every_byte(tmp_path).lower()
    assert b"qxzvkw" not in raw
    assert b"1.2.3" not in raw


def test_the_short_word_of_an_id_is_not_found_within_others(tmp_path: Path) -> None:
    id = put(tmp_path, what={"series": ["1.2.77"], "paths": ["/in/a77b"]})
    assert forget(tmp_path, {"77"}, ())
    assert rows(tmp_path)[id]["state"] == "waiting"


def test_lists_put_aside_go(tmp_path: Path) -> None:
    (tmp_path / f"{FILE_NAME}.broken-x").write_bytes(b"Qxzvkw")
    assert job_table.is_there(tmp_path)
    assert forget(tmp_path, GONE, ())
    assert list(tmp_path.iterdir()) == []
    assert not job_table.is_there(tmp_path)


def test_of_a_damaged_list_it_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"Qxzvkw" * 1000)
    assert not forget(tmp_path, GONE, ())


def test_removal_of_a_patient_reaches_the_jobs(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    write_series(tmp_path / "in", 3, PatientName="Qxzvkw^A", PatientID="P77")
    write_series(
        tmp_path / "other", 2, series=2, PatientID="B", PatientName="Else", StudyInstanceUID="9.9"
    )
    root = tmp_path / "db"
    with Database.open(root) as database:
        database.import_paths([tmp_path / "in", tmp_path / "other"], workers=0)
        patient = next(p for p in database.patients() if p.patient_id == "P77")
        (series,) = database.series(patient=patient)
        uids = [i.uid for i in database.instances(series)]
        kept = database.series(study="9.9")[0].uid
        first = put(root, what={"series": [series.uid]})
        put(root, "failed", what={"keys": {"PatientName": "qxzvkw*"}})
        put(root, "done", what={"series": ["1"]}, report={"failed": [{"uid": uids[1]}]})
        last = put(root, what={"series": [kept]})
        assert b"qxzvkw" in every_byte(root).lower()
        report = database.remove(patient=patient)
        assert not [note for note in report.notes if note[1] == "kept-jobs"]
    raw = every_byte(root).lower()
    for word in (b"qxzvkw", series.uid.encode(), uids[1].encode()):
        assert word not in raw
    assert rows(root)[first]["state"] == "cancelled"
    assert rows(root)[last]["state"] == "waiting"


def test_removal_says_of_a_list_that_it_could_not_read(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    write_series(tmp_path / "in", 1)
    with Database.open(tmp_path / "db") as database:
        database.import_paths(tmp_path / "in", workers=0)
        (tmp_path / "db" / FILE_NAME).write_bytes(b"damaged" * 1000)
        report = database.remove(patient=database.patients()[0])
    assert [note[1] for note in report.notes] == ["kept-jobs"]
