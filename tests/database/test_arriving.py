"""One object on its way in: looked through, refused, discarded, on a full disk."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from tests.database.conftest import ROOT_UID, data_set, receive

from napari_dicomdb.database import Database, arriving
from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.errors import DatabaseError, HeaderError, NotDicomError

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


def test_partial_is_nowhere_visible(
    database: Database, inbox: Inbox, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    assert database.path is not None
    raw = data_set(write_instance(tmp_path / "1.dcm"))
    arrival = inbox.open(CT, f"{ROOT_UID}.1.1", EXPLICIT)
    arrival.write(raw[:-10])
    inbox.flush()
    assert not database.instances()
    arrival.discard()
    arrival.discard()
    assert not list(database.path.rglob("*.part"))
    assert not list((database.path / "received").rglob("*.dcm"))


@pytest.mark.parametrize(
    ("values", "uid", "reason"),
    [
        ({}, "1.2.3", "uid-mismatch"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}, "", "uid-mismatch"),
        ({"SeriesInstanceUID": None}, "", "missing-uid"),
        ({"PixelData": bytes(30)}, "", "truncated"),
    ],
)
def test_what_is_wrong_is_refused(
    database: Database,
    inbox: Inbox,
    tmp_path: Path,
    write_instance: Callable[..., Path],
    values: dict[str, Any],
    uid: str,
    reason: str,
) -> None:
    path = write_instance(tmp_path / "1.dcm", **values)
    arrival = inbox.open(CT, uid or f"{ROOT_UID}.1.1", EXPLICIT)
    arrival.write(data_set(path))
    with pytest.raises(HeaderError) as caught:
        arrival.commit()
    assert caught.value.reason == reason
    inbox.flush()
    assert not database.instances()
    assert database.path is not None
    assert not list((database.path / "received").rglob("*.[dp]*"))


def test_another_study_than_expected(
    database: Database, inbox: Inbox, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    arrival = inbox.open(CT, f"{ROOT_UID}.1.1", EXPLICIT)
    arrival.expected = {"StudyInstanceUID": "1.2.3"}
    arrival.write(data_set(write_instance(tmp_path / "1.dcm")))
    with pytest.raises(HeaderError) as caught:
        arrival.commit()
    assert caught.value.reason == "uid-mismatch"


def test_no_data_set_at_all(inbox: Inbox) -> None:
    for raw in (b"", b"hello there, this is no DICOM at all", bytes(4000)):
        arrival = inbox.open(CT, "1.2.3", EXPLICIT)
        arrival.write(raw)
        with pytest.raises((HeaderError, NotDicomError)):
            arrival.commit()


def test_hostile_uids(
    database: Database, inbox: Inbox, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    assert database.path is not None
    for bad in ("", " ", "1" * 65, "1.2\n3", "1.é", "1.2\x003"):
        with pytest.raises(HeaderError) as caught:
            inbox.open(CT, bad, EXPLICIT)
        assert caught.value.reason == "bad-uid"
    with pydicom.config.disable_value_validation():
        path = write_instance(tmp_path / "1.dcm", SOPInstanceUID="../../../escaped")
        with pytest.raises(HeaderError) as caught:
            receive(inbox, path, "../../../escaped")
    assert caught.value.reason == "bad-uid"
    assert str(database.path) not in str(caught.value)
    inbox.flush()
    assert not database.instances()
    assert not list(tmp_path.rglob("escaped*"))


def test_full_disk(
    database: Database,
    inbox: Inbox,
    tmp_path: Path,
    write_instance: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert database.path is not None
    path = write_instance(tmp_path / "1.dcm")
    arrival = inbox.open(CT, f"{ROOT_UID}.1.1", EXPLICIT)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(arriving.os, "replace", full)
    arrival.write(data_set(path))
    with pytest.raises(DatabaseError) as caught:
        arrival.commit()
    assert caught.value.reason == "disk-full"
    monkeypatch.undo()
    monkeypatch.setattr(
        arriving.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0)
    )
    with pytest.raises(DatabaseError) as caught:
        inbox.open(CT, f"{ROOT_UID}.1.1", EXPLICIT)
    assert caught.value.reason == "disk-full"
    monkeypatch.undo()
    assert not list(database.path.rglob("*.part"))
    receive(inbox, path)
    inbox.flush()
    assert len(database.instances()) == 1


def test_written_through(
    database: Database,
    tmp_path: Path,
    write_instance: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced: list[int] = []
    true = os.fsync
    monkeypatch.setattr(arriving.os, "fsync", lambda h: (synced.append(h), true(h))[1])
    path = write_instance(tmp_path / "1.dcm")
    with Inbox(database, sync=True, settle_seconds=60, batch=1000) as inbox:
        receive(inbox, path)
        assert len(synced) >= (1 if os.name == "nt" else 2)
    assert len(database.instances()) == 1
