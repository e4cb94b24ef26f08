"""What is remembered lies in the settings file, of each database apart."""

from __future__ import annotations

import json

from napari_dicomdb.settings import remember_database, settings_path
from napari_dicomdb.widgets._remembered import (
    forget_view,
    move_view,
    recall,
    recall_view,
    remember,
    remember_view,
)


def test_each_database_has_a_view_of_its_own(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    remember_view(one, "columns", ["Modality", "Size"])
    remember_view(other, "columns", ["Modality"])
    remember_view(None, "columns", [])
    assert recall_view(one, "columns", []) == ["Modality", "Size"]
    assert recall_view(str(other), "columns", []) == ["Modality"]
    assert recall_view(one, "zoom", 7) == 7
    assert recall_view(one, "columns", 7) == 7
    stored = json.loads(settings_path().read_text())
    assert stored["views"][str(one)] == {"columns": ["Modality", "Size"]}


def test_the_views_of_fifty_databases_are_kept_the_latest_used(tmp_path):
    for number in range(50):
        remember_view(tmp_path / str(number), "zoom", number)
    remember_view(tmp_path / "0", "zoom", 100)  # looked at again
    remember_view(tmp_path / "50", "zoom", 50)
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
    path = settings_path()
    stored = json.loads(path.read_text())
    stored["views"] = {str(tmp_path): "nonsense"}
    path.write_text(json.dumps(stored))
    assert recall_view(tmp_path, "zoom", 1) == 1
    remember_view(tmp_path, "zoom", 4)
    assert recall_view(tmp_path, "zoom", 1) == 4
