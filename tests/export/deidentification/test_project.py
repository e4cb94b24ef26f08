"""Keys that stay, and that nobody else can read."""

from __future__ import annotations

import json
import os
import stat
import sys

import pytest

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.deidentification.project import (
    open_project,
    project_names,
    projects_folder,
)


def test_a_project_is_the_same_again() -> None:
    first = open_project("Trial 7")
    assert [first.number("a"), first.number("b"), first.number("a")] == [1, 2, 1]
    first.save()
    again = open_project("Trial 7")
    assert again.key == first.key
    assert again.code("id\0\0004711") == first.code("id\0\0004711")
    assert [again.number("c"), again.number("b")] == [3, 2]
    assert project_names() == ["Trial 7"]


def test_other_projects_are_others() -> None:
    codes = {open_project(name).code("4711") for name in ("a", "b", "", "")}
    assert len(codes) == 4
    assert project_names() == ["a", "b"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of POSIX")
def test_only_the_owner_may_read_the_key() -> None:
    open_project("secret")
    path = projects_folder() / "secret.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    project = open_project("secret")
    project.number("4711 Jane Doe")
    project.save()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "Jane" not in path.read_text()


def test_a_dry_run_leaves_no_project() -> None:
    open_project("later", create=False)
    assert project_names() == []


def test_shifts_are_one_to_ten_years_back() -> None:
    project = open_project()
    days = {project.days(str(n)) for n in range(500)}
    assert len(days) > 300
    assert min(days) >= -3650
    assert max(days) <= -365


@pytest.mark.parametrize("name", ["../up", "a/b", "x" * 65, ".hidden", "a\n"])
def test_names_that_are_no_names(name: str) -> None:
    with pytest.raises(ExportError, match="cannot name a project"):
        open_project(name)


@pytest.mark.parametrize("content", ["", "{}", '{"key": "00", "numbers": {}}', "[1]"])
def test_a_damaged_project_is_not_made_anew(content: str) -> None:
    open_project("old")
    path = projects_folder() / "old.json"
    path.write_text(content)
    with pytest.raises(ExportError, match="other pseudonyms"):
        open_project("old")
    assert path.read_text() == content


def test_key_is_not_in_its_repr() -> None:
    project = open_project("quiet")
    assert project.key.hex() not in repr(project)
    assert json.loads((projects_folder() / "quiet.json").read_text())["key"] == project.key.hex()


def test_two_programs_at_the_same_time() -> None:
    first, second = open_project("shared"), open_project("shared")
    assert first.key == second.key
    assert first.number("a") == 1
    first.save()
    assert second.number("b") == 1  # taken, which it cannot know
    with pytest.raises(ExportError) as caught:
        second.save()
    assert caught.value.reason == "project-changed"
    third, fourth = open_project("shared"), open_project("shared")
    assert third.number("b") == 2
    third.save()
    fourth.save()  # nothing of its own
    assert (fourth.number("b"), open_project("shared").number("b")) == (2, 2)


def test_a_project_made_meanwhile_is_not_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    late = open_project("new", create=False)
    assert not (projects_folder() / "new.json").exists()
    early = open_project("new")
    with pytest.raises(ExportError, match="another program"):
        late.save()
    assert open_project("new").key == early.key
    # Looked for and not there, and made before it is written.
    made = (projects_folder() / "new.json").read_bytes()
    (projects_folder() / "new.json").unlink()
    fsync = os.fsync

    def meanwhile(handle: int) -> None:
        (projects_folder() / "new.json").write_bytes(made)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", meanwhile)
    assert open_project("new").key == early.key
