"""Which database a verb opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.cli.options import open_database
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.settings import remember_database


def test_the_one_named(tmp_path: Path) -> None:
    with open_database(tmp_path / "a", create=True) as database:
        assert database.path == tmp_path / "a"


def test_the_default_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DICOMDB_DATABASE", raising=False)
    remember_database(tmp_path / "chosen", as_default=True)
    with open_database(None, create=True) as database:
        assert database.path == tmp_path / "chosen"


def test_an_absent_one_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no database"):
        open_database(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("ls", "--db", ""),
        ("info", "--db", ""),
        ("export", "1.2", "--to", ""),
        ("deidentify", "1.2", "--to", ""),
        ("edit", "1.2", "--set", "PatientID=1", "--to", ""),
        ("relink", "", ""),
        ("relink", "", "there"),
        ("relink", "there", ""),
    ],
)
def test_an_empty_path_is_wrong_usage(
    words: tuple[str, ...],
    dicomdb: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    outcome = dicomdb(*words)
    assert (outcome.code, "empty path" in outcome.err) == (2, True)
    assert list(tmp_path.iterdir()) == [tmp_path / "here"]
    assert not list((tmp_path / "here").iterdir())
