"""Opening never makes a database by a slip, and falls back to read-only."""

from __future__ import annotations

import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import DatabaseError, NotFoundError
from napari_dicomdb.settings import load_settings, remember_database
from napari_dicomdb.widgets import _opening
from napari_dicomdb.widgets._opening import OpenFailure, OpenRequest, open_database


def test_a_new_one_is_made_and_remembered(tmp_path):
    with open_database(OpenRequest(tmp_path / "new")) as made:
        assert made.path == tmp_path / "new"
        assert not made.read_only
    assert load_settings().database == tmp_path / "new"


def test_the_default_one_is_not_put_among_the_chosen(user_folders):
    with open_database(OpenRequest()) as made:
        assert made.path == user_folders / "database"
    assert load_settings().recent_databases == ()


@pytest.mark.parametrize("read_only", [False, True])
def test_one_that_was_there_is_not_made_anew(tmp_path, read_only):
    remember_database(tmp_path / "share")
    with pytest.raises(NotFoundError, match="There is no database in") as caught:
        open_database(OpenRequest(tmp_path / "share", read_only))
    assert caught.value.reason == "database-gone"
    assert not (tmp_path / "share").exists()
    with open_database(OpenRequest(tmp_path / "share", create=True)) as made:
        assert made.path == tmp_path / "share"


def test_a_folder_that_cannot_be_written_is_opened_read_only(tmp_path, monkeypatch):
    Database.open(tmp_path).close()
    monkeypatch.setattr(_opening, "is_writable", lambda folder: folder != tmp_path)
    with open_database(OpenRequest(tmp_path)) as opened:
        assert opened.read_only
        assert opened.patients() == []


def test_what_cannot_be_opened_fails_with_its_reason(tmp_path):
    (tmp_path / "dicomdb.sqlite").write_bytes(b"no index at all" * 1000)
    request = OpenRequest(tmp_path)
    with pytest.raises(DatabaseError) as caught:
        open_database(request)
    assert OpenFailure(request, caught.value).reason == "database-damaged"
    assert OpenFailure(request, ValueError()).reason == "cannot-open"
    assert load_settings().recent_databases == (), "what did not open is not remembered"
