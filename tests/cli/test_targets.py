"""What SERIES_UID|PATH... means."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
import typer

from napari_dicomdb import Database
from napari_dicomdb.cli.targets import choose, examined
from napari_dicomdb.errors import LoadError, NotFoundError
from napari_dicomdb.progress import no_progress


def _uids(phantom: Path) -> set[str]:
    files = [p for p in phantom.rglob("*") if p.is_file()]
    return {pydicom.dcmread(p, stop_before_pixels=True).SeriesInstanceUID for p in files}


def test_paths_need_no_database(phantom: Path, tmp_path: Path) -> None:
    with examined([str(phantom)], tmp_path / "none", no_progress) as found:
        assert found.are_paths
        assert {x.instances[0].series_uid for x in found.loadables} == _uids(phantom)
    assert not (tmp_path / "none").exists()


def test_uids_come_from_the_database(phantom: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "db") as database:
        database.import_paths([phantom])
    uid = min(_uids(phantom))
    with examined([uid], tmp_path / "db", no_progress) as found:
        assert not found.are_paths
        assert {x.instances[0].series_uid for x in found.loadables} == {uid}


def test_a_path_that_is_not_there(phantom: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(NotFoundError, match="no such file"),
        examined([str(phantom), "not/there.dcm"], tmp_path / "db", no_progress),
    ):
        pass


def test_paths_and_uids_do_not_mix(phantom: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(typer.BadParameter),
        examined([str(phantom), "1.2.3"], tmp_path / "db", no_progress),
    ):
        pass


def test_choosing_by_number(phantom: Path, tmp_path: Path) -> None:
    with examined([str(phantom)], None, no_progress) as found:
        assert choose(found, 1) == [found.loadables[0]]
        assert choose(found, None) == [x for x in found.loadables if x.selected]
        with pytest.raises(typer.BadParameter):
            choose(found, len(found.loadables) + 1)


def test_nothing_to_open(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no DICOM")
    with (
        pytest.raises(LoadError, match="no DICOM found"),
        examined([str(tmp_path / "a.txt")], None, no_progress),
    ):
        pass
