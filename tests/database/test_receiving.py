"""Objects that arrive: whole, checked, indexed soon, never twice, never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from tests.database.conftest import ROOT_UID, data_set, receive

from napari_dicomdb.database import Database, ImportReport
from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.errors import DatabaseBusyError, DatabaseError

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


def test_kept_whole_and_indexed(
    database: Database, inbox: Inbox, tmp_path: Path, write_series: Callable[..., list[Path]]
) -> None:
    assert database.path is not None
    paths = write_series(tmp_path / "in", 5)
    reports: list[ImportReport] = []
    inbox.on_indexed = reports.append
    for path in paths:
        kept = receive(inbox, path)
        assert kept.is_relative_to(database.path / "received")
        assert ROOT_UID not in str(kept)
    inbox.flush()
    assert inbox.waiting == 0
    held = {record.uid: record for record in database.instances()}
    assert len(held) == 5
    for path in paths:
        record = held[pydicom.dcmread(path).SOPInstanceUID]
        assert record.path.is_relative_to(database.path / "files")
        assert data_set(record.path) == data_set(path)
        ds = pydicom.dcmread(record.path)
        assert ds == pydicom.dcmread(path)
        meta = ds.file_meta
        assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (CT, record.uid)
        assert meta.SourceApplicationEntityTitle == "SENDER"
    assert sum(report.added for report in reports) == 5
    assert [series.storage for series in database.series()] == ["copied"]
    inbox.close()
    assert not (database.path / "received").exists()


def test_twice_is_a_duplicate(
    database: Database, inbox: Inbox, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    path = write_instance(tmp_path / "1.dcm")
    other = write_instance(tmp_path / "2.dcm", PatientComments="edited elsewhere")
    reports: list[ImportReport] = []
    inbox.on_indexed = reports.append
    for sent in (path, path, other, other, path):
        receive(inbox, sent, source="A" if sent is path else "B")
    inbox.flush()
    receive(inbox, other)
    inbox.flush()
    (record,) = database.instances()
    assert data_set(record.path) == data_set(path)
    assert sum(r.added for r in reports) == 1
    assert sum(r.duplicates for r in reports) == 5
    notes = [reason for report in reports for _, reason, _ in report.notes]
    assert notes == ["conflicting-copy"]  # both contents are kept, each once
    assert database.path is not None
    kept = [p for p in (database.path / "files").rglob("*") if p.is_file()]
    assert sorted(map(data_set, kept)) == sorted(map(data_set, (path, other)))


def test_linked_file_is_enough(
    database: Database, inbox: Inbox, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    path = write_instance(tmp_path / "in" / "1.dcm")
    database.import_paths([path], workers=0)
    receive(inbox, path)
    inbox.flush()
    (record,) = database.instances()
    assert record.path == path
    path.unlink()
    copy = write_instance(tmp_path / "again.dcm")
    receive(inbox, copy)
    inbox.flush()
    (record,) = database.instances()  # what was gone has come again
    assert data_set(record.path) == data_set(copy)


def test_many_threads(
    database: Database, tmp_path: Path, write_series: Callable[..., list[Path]]
) -> None:
    series = [write_series(tmp_path / str(n), 20, series=n) for n in range(1, 5)]
    with Inbox(database, batch=7) as inbox:
        threads = [
            threading.Thread(target=lambda paths=paths: [receive(inbox, p) for p in paths])
            for paths in series
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(s.instance_count for s in database.series()) == [20] * 4


def test_while_another_writes(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    assert database.path is not None
    path = write_instance(tmp_path / "1.dcm")
    with Database.open(database.path) as other, other._lock.held(wait_seconds=1):
        inbox = Inbox(database)
        receive(inbox, path)
        with pytest.raises(DatabaseBusyError):
            inbox.flush(timeout=0.2)
        inbox.close(wait_seconds=0.0)
        assert not database.instances()
        assert list((database.path / "received").rglob("*.dcm"))
    with Inbox(database) as next_one:
        next_one.flush()
        assert len(database.instances()) == 1
    assert not (database.path / "received").exists()


def test_in_memory_and_read_only(tmp_path: Path, write_instance: Callable[..., Path]) -> None:
    path = write_instance(tmp_path / "1.dcm")
    with Database.in_memory() as database:
        with Inbox(database) as inbox:
            receive(inbox, path)
        (record,) = database.instances()
        assert data_set(record.path) == data_set(path)
    Database.open(tmp_path / "db").close()
    with (
        Database.open(tmp_path / "db", read_only=True) as readable,
        pytest.raises(DatabaseError) as caught,
    ):
        Inbox(readable)
    assert caught.value.reason == "read-only"
