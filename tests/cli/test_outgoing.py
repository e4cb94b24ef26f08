"""What verbs that give files away are told to take, and where to."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pydicom
import pytest
import typer

from napari_dicomdb import Database
from napari_dicomdb.cli.options import open_database
from napari_dicomdb.cli.outgoing import Goods, as_archive, goods
from napari_dicomdb.errors import LoadError, NotFoundError
from napari_dicomdb.export.files import instances_of
from napari_dicomdb.progress import no_progress


@pytest.fixture
def opened(phantom, tmp_path):
    """Open a database that holds the phantom study."""
    with Database.open(tmp_path / "db") as database:
        database.import_paths([phantom])
    return partial(open_database, tmp_path / "db", read_only=True)


def _headers(phantom):
    files = [p for p in phantom.rglob("*") if p.is_file()]
    return [pydicom.dcmread(p, stop_before_pixels=True) for p in files]


def _series(what, opened):
    with what.found(no_progress, opened) as (database, records, refused):
        assert refused == []
        assert instances_of(database, records)
        return {record.uid for record in records}


def test_uids_patients_and_searches(phantom, opened):
    first = _headers(phantom)[0]
    every = {ds.SeriesInstanceUID for ds in _headers(phantom)}
    assert _series(goods("send", [first.StudyInstanceUID], None, None), opened) == every
    assert _series(goods("send", None, [first.PatientID], None), opened) == every
    assert _series(goods("send", None, None, f"modality:{first.Modality}"), opened) <= every
    one = goods("send", [first.SeriesInstanceUID], None, None)
    assert _series(one, opened) == {first.SeriesInstanceUID}
    instance = goods("send", [first.SOPInstanceUID], None, None)
    with instance.found(no_progress, opened) as (_, records, _):
        assert [record.uid for record in records] == [first.SOPInstanceUID]
    for unknown in (goods("send", ["1.2.3"], None, None), goods("send", None, None, "nobody")):
        with pytest.raises(NotFoundError), unknown.found(no_progress, opened):
            pass


def test_paths_need_no_database(phantom, tmp_path):
    what = goods("export", [str(phantom)], None, None)
    with what.found(no_progress, lambda: pytest.fail("opened")) as (database, records, refused):
        held = {one.uid for one in instances_of(database, records)}
    assert held == {ds.SOPInstanceUID for ds in _headers(phantom)}
    assert refused == []
    (tmp_path / "note.txt").write_text("no DICOM")
    other = goods("export", [str(tmp_path / "note.txt")], None, None)
    with (
        pytest.raises(LoadError, match=r"no DICOM found in .*note\.txt"),
        other.found(no_progress, lambda: pytest.fail("opened")),
    ):
        pass


def test_wrong_usage(phantom):
    with pytest.raises(typer.BadParameter, match="say what to send"):
        goods("send", [], None, None)
    for more in ({"patients": ["1"], "search": None}, {"patients": None, "search": ""}):
        with pytest.raises(typer.BadParameter, match="not both"):
            goods("send", [str(phantom)], **more)
    with pytest.raises(typer.BadParameter, match="not both"):
        goods("send", [str(phantom), "1.2.3"], None, None)
    # An empty word is not the working folder.
    assert goods("send", [""], None, None) == Goods([], [""], [], None)


@pytest.mark.parametrize(
    ("name", "asked", "place", "is_archive"),
    [
        ("out", False, "out", False),
        ("out", True, "out.zip", True),
        ("out.ZIP", False, "out.ZIP", True),
        ("out.zip", True, "out.zip", True),
        ("a.b", True, "a.b.zip", True),
    ],
)
def test_a_zip_by_name_or_by_option(name, asked, place, is_archive):
    assert as_archive(Path(name), asked) == (Path(place), is_archive)
