"""A note that ties staged objects to files in a folder: kept only where all of these are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_dicomdb.database.promised import is_kept, promise


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    folder = tmp_path / "new.part"
    folder.mkdir()
    for k in range(2):
        (folder / f"{k}.dcm").write_bytes(bytes(k + 1))
    return folder


def promised(stage: Path, place: Path, *, complete: bool = True) -> list[Path]:
    """Write files beside, promise them in `place`, and return where they were written."""
    made = []
    for k in range(2):
        made.append(stage.parent / f"made{k}")
        made[-1].write_bytes(bytes(10 + k))
    files = [(place / path.name, path.stat()) for path in made]
    promise(stage, files, complete=complete)
    return made


def test_kept_when_all_are_renamed(stage: Path, tmp_path: Path) -> None:
    assert not is_kept(stage)  # nothing was promised
    place = tmp_path / "plåce \udce4"
    place.mkdir()
    one, two = promised(stage, place)
    assert not is_kept(stage)
    os.rename(one, place / one.name)
    assert not is_kept(stage)
    os.rename(two, place / two.name)
    assert is_kept(stage)
    (place / two.name).unlink()  # taken back
    assert not is_kept(stage)


def test_files_of_others_do_not_keep_it(stage: Path, tmp_path: Path) -> None:
    made = promised(stage, tmp_path / "place")
    (tmp_path / "place").mkdir()
    for path in made:
        (tmp_path / "place" / path.name).write_bytes(b"something else")
    assert not is_kept(stage)


def test_not_before_the_last_is_promised(stage: Path, tmp_path: Path) -> None:
    promised(stage, tmp_path, complete=False)  # they lie there already
    assert not is_kept(stage)
    promised(stage, tmp_path)
    assert is_kept(stage)


@pytest.mark.parametrize(
    "text",
    [
        *("", '{"complete": true', "[]", '{"complete": true}', "{}", "[" * 200_000),
        '{"complete": true, "files": [[1, 0, 0]]}',
        f'{{"complete": true, "files": [[1{"0" * 30}, 0, 0]]}}',
    ],
    ids=range(8),
)
def test_a_torn_note_keeps_nothing(stage: Path, text: str) -> None:
    (stage / "promised.json").write_text(text)
    assert not is_kept(stage)


def test_a_file_is_no_stage(tmp_path: Path) -> None:
    (tmp_path / "1.part").write_bytes(b"")
    assert not is_kept(tmp_path / "1.part")
