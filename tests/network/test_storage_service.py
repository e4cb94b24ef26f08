"""One object of C-STORE: its status, whatever comes."""

from __future__ import annotations

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.storage_service import StoreOperation


@pytest.fixture
def inbox(tmp_path):
    with Database.open(tmp_path / "db", create=True) as database, Inbox(database) as opened:
        yield opened


@pytest.fixture
def operation(inbox, phantom_paths):
    meta = pydicom.filereader.read_file_meta_info(phantom_paths[0])

    def start(**changes):
        known = {
            "AffectedSOPClassUID": str(meta.MediaStorageSOPClassUID),
            "AffectedSOPInstanceUID": str(meta.MediaStorageSOPInstanceUID),
            **{k: v for k, v in changes.items() if k[0].isupper()},
        }
        return StoreOperation(
            inbox,
            known,
            str(meta.MediaStorageSOPClassUID),
            str(meta.TransferSyntaxUID),
            source="PEER",
            largest=changes.get("largest", 1 << 30),
        )

    return start


def feed(one, content, step=1000):
    for place in range(0, len(content), step):
        one.write(memoryview(content)[place : place + step])
    return one.finish()


def test_stored(operation, inbox, phantom_paths, data_set_of):
    content = data_set_of(phantom_paths[0])
    result = feed(operation(), content)
    assert (result.status, result.reason, result.size) == (0, "", len(content))
    assert data_set_of(result.path) == content
    meta = pydicom.filereader.read_file_meta_info(result.path)
    assert meta.SourceApplicationEntityTitle == "PEER"


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"AffectedSOPInstanceUID": "1.2.3"}, 0xA900, "uid-mismatch"),
        ({"AffectedSOPInstanceUID": "..\\..\\x"}, 0x0117, "bad-uid"),
        ({"AffectedSOPClassUID": "1.2.3"}, 0x0122, "wrong-class"),
        ({"largest": 500}, 0xA700, "too-large"),
    ],
)
def test_refused(operation, inbox, phantom_paths, data_set_of, changes, status, reason):
    result = feed(operation(**changes), data_set_of(phantom_paths[0]))
    assert (result.status, result.reason, result.path) == (status, reason, None)
    assert result.comment
    assert len(result.comment) <= 64
    assert inbox.waiting == 0


def test_object_without_end(operation, monkeypatch):
    one = operation(largest=10)
    with pytest.raises(NetworkError) as caught:
        for _ in range(100):
            one.write(memoryview(bytes(1 << 20)))
    assert caught.value.reason == "too-large"


def test_given_up(operation, inbox):
    one = operation()
    one.write(memoryview(b"abcd"))
    one.discard()
    assert list(inbox.database.path.rglob("*.part*")) == []
    assert one.finish().status == 0xC000


def test_closed_inbox(operation, inbox):
    inbox.close()
    assert operation().finish().status == 0x0110


def test_nested_too_deep(operation, phantom_paths, data_set_of, monkeypatch):
    from napari_dicomdb.database import arriving

    def deep(*args, **kwargs):
        raise RecursionError

    monkeypatch.setattr(arriving, "scan_file", deep)
    result = feed(operation(), data_set_of(phantom_paths[0]))
    assert (result.status, result.reason) == (0xC000, "bad-header")


def test_what_is_no_storage_is_not_stored(inbox):
    verification = "1.2.840.10008.1.1"
    command = {"AffectedSOPClassUID": verification, "AffectedSOPInstanceUID": "1.2.3"}
    one = StoreOperation(
        inbox, command, verification, "1.2.840.10008.1.2", source="PEER", largest=1 << 20
    )
    assert feed(one, bytes(20)).status == 0x0122
