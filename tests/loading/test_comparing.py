"""Comparing instances, series and studies of a database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from napari_dicomdb import Database
from napari_dicomdb.dicom.editing import edited_copies, parse_edit
from napari_dicomdb.loading.comparing import compare_files, compare_records
from napari_dicomdb.viewer.phantom import PhantomSeries, write_phantom_study


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PhantomSeries]:
    folder = tmp_path_factory.mktemp("phantom")
    made = write_phantom_study(folder, ["axial-ct", "oblique-mr"], matrix=16, slices=5)
    return {one.name: one for one in made}


@pytest.fixture
def database(phantom: dict[str, PhantomSeries], tmp_path: Path) -> Iterator[Database]:
    """The phantom study, and its CT again in another study, thinner and with another kernel."""
    ct = phantom["axial-ct"]
    edits = [
        parse_edit("PatientID", "OTHER"),
        parse_edit("ConvolutionKernel", "B70f"),
        parse_edit("StudyDescription", "Later"),
    ]
    edited_copies(ct.paths[:4], edits, tmp_path / "copy")
    with Database.in_memory() as made:
        made.import_paths([one for s in phantom.values() for one in s.paths], workers=0)
        made.import_paths([tmp_path / "copy"], workers=0)
        yield made


def test_instances(database: Database, phantom: dict[str, PhantomSeries]) -> None:
    ct = phantom["axial-ct"]
    one, other = (database.instances(uid=uid)[0] for uid in ct.instance_uids[:2])
    found = compare_records(database, one, other)
    told = {d.path: (d.left, d.right) for d in found.differences}
    assert told["SOPInstanceUID"] == (one.uid, other.uid)
    assert "ImagePositionPatient" in told
    assert "PatientID" not in told
    assert found.level == "instance"


def test_series(database: Database, phantom: dict[str, PhantomSeries]) -> None:
    old = database.find_series(phantom["axial-ct"].series_uid)
    (new,) = [s for s in database.series(modality="CT") if s.uid != old.uid]
    found = compare_records(database, old, new)
    told = {d.path: (d.left, d.right) for d in found.differences}
    assert told["PatientID"][1] == "OTHER"
    assert told["ConvolutionKernel"][1] == "B70f"
    assert told["InstanceNumber"] == ("varies: 1 to 5", "varies: 1 to 4")
    assert "SOPInstanceUID" not in told
    assert "Rows" not in told
    everything = compare_records(database, old, new, everything=True)
    assert {"Rows", "SOPInstanceUID"} <= {d.path for d in everything.differences}


def test_studies(database: Database, phantom: dict[str, PhantomSeries]) -> None:
    uid = phantom["axial-ct"].study_uid
    old = next(s for s in database.studies() if s.uid == uid)
    new = next(s for s in database.studies() if s.uid != uid)
    found = compare_records(database, old, new)
    kinds = {d.path: d.kind for d in found.differences}
    (alone,) = [path for path, kind in kinds.items() if kind == "left-only" and ":" not in path]
    assert alone.startswith("MR")
    told = {d.path.rpartition(": ")[2]: (d.left, d.right) for d in found.differences}
    assert told["instances"] == ("5", "4")
    assert told["StudyDescription"][1] == "Later"
    assert found.to_json()["level"] == "study"


def test_what_cannot_be_compared(database: Database) -> None:
    with pytest.raises(TypeError, match="two instances, two series or two studies"):
        compare_records(database, database.studies()[0], database.series()[0])


def test_files_that_are_gone_are_told(
    database: Database, phantom: dict[str, PhantomSeries], tmp_path: Path
) -> None:
    old = database.find_series(phantom["axial-ct"].series_uid)
    (new,) = [s for s in database.series(modality="CT") if s.uid != old.uid]
    gone = database.instances(new)[0].path
    gone.unlink()
    found = compare_records(database, old, new)
    assert [path for path, _ in found.problems] == [gone]


def test_damaged_files(phantom: dict[str, PhantomSeries], tmp_path: Path) -> None:
    whole = phantom["axial-ct"].paths[0]
    (tmp_path / "cut.dcm").write_bytes(whole.read_bytes()[:900])
    found = compare_files(whole, tmp_path / "cut.dcm")
    assert found.problems
    assert any(d.kind == "left-only" for d in found.differences)
    assert dcmread(whole).Modality == "CT"
