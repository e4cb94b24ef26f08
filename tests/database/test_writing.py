"""What is stored: shared values, first come first kept, patients apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from napari_dicomdb.database import Database, importing

Write = Callable[..., Any]


def test_values_shared_in_part_by_later_chunks(
    database: Database, tmp_path: Path, write_instance: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a series' first chunk has and a later one lacks or has otherwise is kept right."""
    monkeypatch.setattr(importing, "CHUNK_SIZE", 2)
    paths = []
    for number in range(1, 8):
        values: dict[str, Any] = {"KVP": 100 + number // 3}
        if number > 4:
            values["ProtocolName"] = "late"
        if number < 3:
            values["BodyPartExamined"] = "CHEST"
        paths.append(write_instance(tmp_path / "in" / f"{number}", number, **values))
    database.import_paths([tmp_path / "in"])
    for record in database.instances():
        expected = pydicom.dcmread(record.path)
        for keyword in ("KVP", "ProtocolName", "BodyPartExamined", "StudyDescription"):
            value = expected.get(keyword)
            assert record.get(keyword) == (None if value is None else str(value)), keyword


def test_other_patient_in_the_same_series(
    database: Database, tmp_path: Path, write_instance: Write
) -> None:
    write_instance(tmp_path / "in" / "1", 1)
    odd = write_instance(tmp_path / "in" / "2", 2, PatientName="Roe^Richard")
    report = database.import_paths([tmp_path / "in"])
    assert [(path, reason) for path, reason, _ in report.notes] == [(str(odd), "patient-mismatch")]
    assert [p.name for p in database.patients()] == ["Doe^Jane"]
    assert [i.get("PatientName") for i in database.instances()] == ["Doe^Jane", "Roe^Richard"]


def test_other_study_in_the_same_series(
    database: Database, tmp_path: Path, write_instance: Write
) -> None:
    write_instance(tmp_path / "in" / "1", 1)
    write_instance(tmp_path / "in" / "2", 2, StudyInstanceUID="1.2.3")
    report = database.import_paths([tmp_path / "in"])
    assert [reason for _, reason, _ in report.notes] == ["study-mismatch"]
    assert len(database.studies()) == 1


def test_patients_without_id_stay_apart(
    database: Database, tmp_path: Path, write_instance: Write
) -> None:
    for number in (1, 2):
        write_instance(
            tmp_path / "in" / str(number),
            number,
            series=number,
            PatientID="",
            StudyInstanceUID=f"1.2.{number}",
        )
    database.import_paths([tmp_path / "in"])
    assert len(database.patients()) == 2


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_hostile_uids_and_values(
    database: Database, tmp_path: Path, write_instance: Write
) -> None:
    write_instance(tmp_path / "in" / "1", 1)
    raw = bytearray((tmp_path / "in" / "1").read_bytes())
    uid = b"1.2.826.0.1.3680043.8.498.77.1.1"
    for name, evil in (
        ("slash", b"../../../../../../tmp/escaped.uid"),
        ("sql", b"x'; DROP TABLE"),
    ):
        (tmp_path / "in" / name).write_bytes(bytes(raw).replace(uid, evil[:32].ljust(32, b"9")))
    write_instance(
        tmp_path / "in" / "name", 9, PatientName="x" * 60_000, SeriesDescription="a\0b\nc"
    )
    write_instance(tmp_path / "in" / "huge", 10, Rows=65535, Columns=65535, SeriesNumber=None)
    before = {p for p in tmp_path.rglob("*") if not p.is_relative_to(tmp_path / "database")}
    report = database.import_paths([tmp_path / "in"], copy=True)
    assert report.added >= 3
    assert {
        p for p in tmp_path.rglob("*") if not p.is_relative_to(tmp_path / "database")
    } == before
    assert all(record.path.is_file() for record in database.instances())
    assert max(len(p.name) for p in database.patients()) <= 1024
