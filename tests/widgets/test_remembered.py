"""What is remembered lies in the settings file, of each database apart."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from napari_dicomdb.settings import Settings, remember_database, settings_path
from napari_dicomdb.widgets._remembered import (
    flush,
    forget_view,
    move_view,
    recall,
    recall_view,
    remember,
    remember_view,
)
from napari_dicomdb.widgets._session import attach_session


def test_each_database_has_a_view_of_its_own(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    remember_view(one, "columns", ["Modality", "Size"])
    remember_view(other, "columns", ["Modality"])
    remember_view(None, "columns", [])
    assert recall_view(one, "columns", []) == ["Modality", "Size"]
    assert recall_view(str(other), "columns", []) == ["Modality"]
    assert recall_view(one, "zoom", 7) == 7
    assert recall_view(one, "columns", 7) == 7
    flush()
    stored = json.loads(settings_path().read_text())
    assert stored["views"][str(one)] == {"columns": ["Modality", "Size"]}


def test_the_views_of_fifty_databases_are_kept_the_latest_used(tmp_path):
    for number in range(50):
        remember_view(tmp_path / str(number), "zoom", number)
    flush()
    remember_view(tmp_path / "0", "zoom", 100)  # looked at again
    remember_view(tmp_path / "50", "zoom", 50)
    flush()
    assert recall_view(tmp_path / "0", "zoom", -1) == 100
    assert recall_view(tmp_path / "1", "zoom", -1) == -1
    assert recall_view(tmp_path / "2", "zoom", -1) == 2
    assert len(json.loads(settings_path().read_text())["views"]) == 50


def test_a_view_goes_along_and_is_forgotten(tmp_path):
    remember_view(tmp_path / "one", "zoom", 3)
    move_view(tmp_path / "one", tmp_path / "two")
    assert recall_view(tmp_path / "one", "zoom", 0) == 0
    assert recall_view(tmp_path / "two", "zoom", 0) == 3
    forget_view(tmp_path / "two")
    assert recall_view(tmp_path / "two", "zoom", 0) == 0


def test_choices_and_databases_do_not_disturb_each_other(tmp_path):
    remember("look", "cards")
    remember_view(tmp_path, "look", "tables")
    remember_database(tmp_path)
    assert recall("look", "") == "cards"
    assert recall_view(tmp_path, "look", "") == "tables"


def test_what_is_no_view_is_not_used(tmp_path):
    remember_view(tmp_path, "zoom", 3)
    flush()
    path = settings_path()
    stored = json.loads(path.read_text())
    stored["views"] = {str(tmp_path): "nonsense"}
    path.write_text(json.dumps(stored))
    assert recall_view(tmp_path, "zoom", 1) == 1
    remember_view(tmp_path, "zoom", 4)
    assert recall_view(tmp_path, "zoom", 1) == 4


def test_it_is_written_by_and_by_and_all_at_once(tmp_path, monkeypatch):
    """A splitter that is dragged does not write to the disk at each step."""
    written = []
    monkeypatch.setattr(
        "napari_dicomdb.settings.write_whole", lambda path, text: written.append(text)
    )
    # A busy machine may take longer than the pause for what follows.
    monkeypatch.setattr("napari_dicomdb.widgets._remembered._PAUSE", 3600.0)
    for width in range(200):
        remember_view(tmp_path, "sizes", [width, 10])
    assert written == []
    assert recall_view(tmp_path, "sizes", []) == [199, 10]
    flush()
    assert len(written) == 1
    assert json.loads(written[0])["views"][str(tmp_path)] == {"sizes": [199, 10]}
    flush()
    assert len(written) == 1


def test_what_others_write_meanwhile_stays(tmp_path):
    remember("look", "cards")
    remember_database(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(remember_database, tmp_path / str(n)) for n in range(20)]
        for number in range(20):
            remember("number", number)
            flush()
    assert all(one.result() for one in done)
    stored = json.loads(settings_path().read_text())
    assert stored["widgets"] == {"look": "cards", "number": 19}
    assert len(stored["recent_databases"]) == 21


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DICOMDB_SETTINGS", str(tmp_path / "file" / "settings.json"))
    monkeypatch.setattr("napari_dicomdb.widgets._remembered.load_settings", Settings)
    monkeypatch.setattr("napari_dicomdb.settings.load_settings", Settings)
    remember("look", "cards")
    flush()
    assert "cannot be remembered" in caplog.text


def test_the_end_of_the_session_writes(user_folders):
    _, detach = attach_session()
    remember("look", "cards")
    detach()
    assert json.loads(settings_path().read_text())["widgets"] == {"look": "cards"}
