"""Is a file open for writing?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from napari_dicomdb.database.being_written import is_being_written


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_open_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        seen = is_being_written(str(path))
        file.write(b"x")
    if not seen:
        pytest.skip("this file system has no leases")
    assert not is_being_written(str(path))
    with path.open("rb"):
        assert not is_being_written(str(path))
    assert path.read_bytes() == b"x"


def test_what_cannot_be_asked_is_not_held_up(tmp_path: Path) -> None:
    assert not is_being_written(str(tmp_path / "gone"))
    assert not is_being_written(str(tmp_path))
