"""Whole sets of objects: references that hold, pixels that stay, all or nothing."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from tests.export.deidentification.conftest import write_ultrasound

from napari_dicomdb.api import Database
from napari_dicomdb.errors import Cancelled, ExportError, NotFoundError
from napari_dicomdb.export.deidentification.profile import RETAINABLE, Profile, Rectangle
from napari_dicomdb.export.deidentification.project import project_names
from napari_dicomdb.export.deidentification.running import deidentify

EVERYTHING = Profile.retaining([o.name for o in RETAINABLE if o.name != "uids"], dates="shift")


@pytest.fixture
def load() -> Iterator[Callable[..., Database]]:
    """Give a database in memory of some paths."""
    opened: list[Database] = []

    def loaded(*paths: Path) -> Database:
        database = Database.in_memory()
        opened.append(database)
        database.import_paths(list(paths), workers=0)
        return database

    yield loaded
    for database in opened:
        database.close()


def _run(database: Database, target: Path, profile: Profile | None = None, **more: Any) -> Any:
    return deidentify(database, database.patients(), target, profile or Profile(), **more)


def _read(folder: Path) -> list[Dataset]:
    return [pydicom.dcmread(p) for p in sorted(folder.rglob("*.dcm"))]


def _references(dataset: Dataset) -> set[str]:
    """UIDs of instances that a data set refers to, at any depth."""
    found: set[str] = set()
    for element in dataset.iterall():
        if element.keyword == "ReferencedSOPInstanceUID" and element.value:
            found.add(str(element.value))
    return found


@pytest.mark.filterwarnings("ignore:The value length:UserWarning")  # of the originals
def test_every_reference_resolves_as_before(
    load: Callable[..., Database], reference_data: Path, tmp_path: Path
) -> None:
    """CT, RTSTRUCT, RTDOSE, RTPLAN, SEG and SR: what was found before is found after."""
    data = reference_data
    database = load(data / "rt_dvh", data / "seg", data / "sr", data / "ctmrpet_rtstruct")
    originals = [pydicom.dcmread(i.path, stop_before_pixels=True) for i in _instances(database)]
    report = _run(database, tmp_path / "out")
    assert report.rejected == []
    copies = _read(tmp_path / "out")
    assert len(copies) == len(originals)
    kinds = {c.Modality for c in copies}
    assert {"CT", "MR", "PT", "RTSTRUCT", "RTDOSE", "RTPLAN", "SEG", "SR"} <= kinds

    def resolved(sets: list[Dataset]) -> tuple[int, int]:
        there = {str(s.SOPInstanceUID) for s in sets}
        links = [(s, uid) for s in sets for uid in _references(s)]
        return sum(uid in there for _, uid in links), len(links)

    assert resolved(originals) == resolved(copies)
    assert resolved(copies)[0] > 20
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        before = Counter(str(s.get(keyword)) for s in originals)
        after = Counter(str(s.get(keyword)) for s in copies)
        assert sorted(before.values()) == sorted(after.values())
        if keyword != "FrameOfReferenceUID":
            assert not set(before) & set(after)


def _instances(database: Database) -> list[Any]:
    return [i for series in database.series() for i in database.instances(series)]


def _factor(dataset: Dataset) -> float:
    """SUV by body weight per Bq/ml, as of the start of the series."""
    dose = dataset.RadiopharmaceuticalInformationSequence[0]
    start = datetime.strptime(dataset.SeriesDate + dataset.SeriesTime[:6], "%Y%m%d%H%M%S")
    if dose.get("RadiopharmaceuticalStartDateTime"):
        given = datetime.strptime(dose.RadiopharmaceuticalStartDateTime[:14], "%Y%m%d%H%M%S")
    else:
        day = dataset.SeriesDate + dose.RadiopharmaceuticalStartTime[:6]
        given = datetime.strptime(day, "%Y%m%d%H%M%S")
    if given > start:
        given -= timedelta(days=1)
    decay = 2 ** (-(start - given).total_seconds() / float(dose.RadionuclideHalfLife))
    return float(dataset.PatientWeight) * 1000 / (float(dose.RadionuclideTotalDose) * decay)


@pytest.mark.parametrize("name", ["suv_factor_SIEMENS", "suv_factor_GE_MEDICAL_AND_BQML"])
def test_suv_factor_is_unchanged(
    load: Callable[..., Database], reference_data: Path, tmp_path: Path, name: str
) -> None:
    database = load(reference_data / "pet_suv" / name)
    originals = {i.number: pydicom.dcmread(i.path) for i in _instances(database)}
    upstream = json.loads((reference_data / "pet_suv" / name / "expected.json").read_text())
    expected = upstream["expected_suvbw_factor"]
    profile = Profile(dates="shift", retain_characteristics=True)
    _run(database, tmp_path / "out", profile)
    copies = _read(tmp_path / "out")
    assert len(copies) == len(originals) == 3
    for copy in copies:
        original = originals[copy.InstanceNumber]
        assert copy.SeriesDate != original.SeriesDate
        assert _factor(copy) == _factor(original) == pytest.approx(expected, rel=1e-3)
        assert copy.PixelData == original.PixelData


def test_suv_factor_that_a_maker_keeps_apart_is_safe(
    load: Callable[..., Database], reference_data: Path, tmp_path: Path
) -> None:
    """Philips writes it into a private attribute that the standard lists as safe."""
    database = load(reference_data / "pet_suv" / "suv_factor_PHILIPS_CNTS_AND_SUV")
    originals = {i.number: pydicom.dcmread(i.path) for i in _instances(database)}
    profile = Profile(dates="shift", retain_characteristics=True, retain_safe_private=True)
    _run(database, tmp_path / "out", profile)
    copies = _read(tmp_path / "out")
    assert len(copies) == len(originals)
    for copy in copies:
        assert copy[0x70531000].value == originals[copy.InstanceNumber][0x70531000].value
        assert copy.PatientWeight == originals[copy.InstanceNumber].PatientWeight


def _errors(path: Path, program: str) -> set[str]:
    """Error lines of dciodvfy, without the UIDs in them."""
    done = subprocess.run([program, str(path)], capture_output=True, check=False, timeout=60)
    text = (done.stdout + done.stderr).decode("latin_1")
    lines = [line for line in text.splitlines() if line.startswith("Error")]
    return {"".join(" " if c.isdigit() or c == "." else c for c in x).strip() for x in lines}


@pytest.mark.parametrize("profile", [Profile(), EVERYTHING], ids=["basic", "everything"])
def test_copies_are_as_valid_as_the_originals(
    load: Callable[..., Database],
    reference_data: Path,
    tmp_path: Path,
    program: Callable[[str], str],
    profile: Profile,
) -> None:
    dciodvfy = program("dciodvfy")
    data = reference_data
    folders = ("rt_dvh", "seg", "sr", "enhanced", "dwi", "mosaic", "parametric_map")
    database = load(*(data / name for name in folders))
    firsts = [database.instances(series)[0] for series in database.series()]
    report = deidentify(database, firsts, tmp_path / "out", profile, mapping=tmp_path / "map")
    assert {reason for _, reason, _ in report.rejected} <= {"burned-in"}
    new_of = json.loads((tmp_path / "map").read_text())["uids"]
    paths = {pydicom.dcmread(p, specific_tags=["SOPInstanceUID"]).SOPInstanceUID: p
             for p in (tmp_path / "out").rglob("*.dcm")}  # fmt: skip
    checked = 0
    for instance in firsts:
        if (copy := paths.get(new_of.get(instance.uid))) is not None:
            assert _errors(copy, dciodvfy) <= _errors(instance.path, dciodvfy), instance.path
            checked += 1
    assert checked > 15


def test_pixels_and_files_stay_as_they_are(
    database: Database, source: Path, tmp_path: Path
) -> None:
    before = {p: p.read_bytes() for p in source.rglob("*") if p.is_file()}
    pixels = Counter(pydicom.dcmread(p).PixelData for p in before)
    report = _run(database, tmp_path / "out")
    assert (report.written, report.patients, report.series) == (9, 2, 3)
    assert Counter(c.PixelData for c in _read(tmp_path / "out")) == pixels
    assert {p: p.read_bytes() for p in before} == before


def test_names_of_folders_are_pseudonyms(database: Database, tmp_path: Path) -> None:
    _run(database, tmp_path / "out", Profile(patient_id="S{number:02d}", patient_name="Anon"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["S01 Anon", "S02 Anon"]
    names = " ".join(p.as_posix() for p in (tmp_path / "out").rglob("*"))
    assert "ller" not in names


def test_the_same_again_is_unchanged(database: Database, tmp_path: Path) -> None:
    profile = Profile(project="twice", dates="shift")
    _run(database, tmp_path / "out", profile)
    again = _run(database, tmp_path / "out", profile)
    assert (again.written, again.unchanged, again.rejected) == (0, 9, [])


def test_dry_run_tells_the_same_and_writes_nothing(database: Database, tmp_path: Path) -> None:
    dry = _run(database, tmp_path / "out", Profile(project="dry"), dry_run=True)
    assert not (tmp_path / "out").exists()
    assert project_names() == []
    real = _run(database, tmp_path / "out", Profile(project="dry"))
    assert dry.effects == real.effects
    assert (dry.instances, dry.patients) == (real.instances, real.patients)
    text = json.dumps(dry.to_json())
    for patient in database.patients():
        assert patient.name not in text


def test_zip_and_dicomdir(database: Database, tmp_path: Path) -> None:
    report = _run(database, tmp_path / "a.zip", archive=True, dicomdir=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert len(archive.namelist()) == report.written == 10
        archive.extractall(tmp_path / "cd")
    for copy in (p for p in (tmp_path / "cd").rglob("*") if p.is_file()):
        assert b"ller" not in copy.read_bytes()
    directory = pydicom.dcmread(tmp_path / "cd" / "DICOMDIR")
    kinds = Counter(r.DirectoryRecordType for r in directory.DirectoryRecordSequence)
    assert kinds == {"PATIENT": 2, "STUDY": 3, "SERIES": 3, "IMAGE": 9} or kinds["IMAGE"] == 9


def test_copies_come_into_a_database(database: Database, tmp_path: Path) -> None:
    _run(database, tmp_path / "out", add_to=database)
    assert len(database.series()) == 6
    new = [s for s in database.series() if s.uid.startswith("2.25.")]
    assert len(new) == 3


def test_burned_in_text_is_held_back(
    load: Callable[..., Database], tmp_path: Path, source: Path
) -> None:
    write_ultrasound(tmp_path / "us" / "1.dcm")
    database = load(source, tmp_path / "us")
    report = _run(database, tmp_path / "out")
    assert report.written == 9
    (blocked,) = report.blocked
    assert (blocked.modality, blocked.series_uid, blocked.count) == ("US", "1.2.3.6.0", 1)
    assert [r[1] for r in report.rejected] == ["burned-in"]
    looked = Profile(pixels_confirmed=frozenset(["1.2.3.6.0"]))
    report = _run(database, tmp_path / "looked", looked)
    assert report.blocked == []
    (copy,) = [c for c in _read(tmp_path / "looked") if c.Modality == "US"]
    codes = [i.CodeValue for i in copy.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113101"]
    assert copy.BurnedInAnnotation == "NO"
    black = _run(database, tmp_path / "b", Profile(blackout=(Rectangle(0, 0, 9, 9, "US"),)))
    assert black.blackened == 1


def test_faces_are_left_to_whoever_knows(
    load: Callable[..., Database], tmp_path: Path, source: Path
) -> None:
    database = load(source / "a")
    seen: list[Any] = []

    def deface(header: Dataset, pixels: Any) -> Any:
        seen.append(header.Modality)
        return pixels * 0

    _run(database, tmp_path / "out", Profile(deface=deface))
    assert seen == ["CT"] * 3
    for copy in _read(tmp_path / "out"):
        assert copy.RecognizableVisualFeatures == "NO"
        assert not any(copy.PixelData)


def test_documents_are_left_out(load: Callable[..., Database], tmp_path: Path) -> None:
    path = write_ultrasound(
        tmp_path / "in" / "1.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC"
    )
    document = pydicom.dcmread(path)
    del document.PixelData
    document.file_meta.MediaStorageSOPClassUID = document.SOPClassUID
    document.EncapsulatedDocument = b"%PDF Jane Doe"
    document.save_as(path)
    report = _run(load(path), tmp_path / "out")
    assert [reason for _, reason, _ in report.rejected] == ["encapsulated-document"]
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.dcm"))


def test_missing_and_changed_files_are_reported(
    database: Database, source: Path, tmp_path: Path
) -> None:
    first, second, *_ = sorted((source / "a").glob("*.dcm"))
    first.unlink()
    shutil.copy(source / "b" / "00001.dcm", second)
    report = _run(database, tmp_path / "out")
    assert sorted(reason for _, reason, _ in report.rejected) == ["file-changed", "file-missing"]
    assert report.written == 7


def test_cancelled_at_any_time_leaves_nothing(database: Database, tmp_path: Path) -> None:
    calls = 0

    def count(done: int, total: int | None, text: str) -> None:
        nonlocal calls
        calls += 1

    _run(database, tmp_path / "whole", progress=count)
    for stop in range(0, calls, 3):
        left = stop

        def cancel(done: int, total: int | None, text: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Cancelled("cancelled")

        with pytest.raises(Cancelled):
            _run(database, tmp_path / f"out{stop}", progress=cancel)
        assert not list(tmp_path.glob(f"out{stop}/**/*"))
        assert not list(tmp_path.glob(".dicomdb-export-*"))


def test_a_full_disk_leaves_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 4

    def full(handle: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("napari_dicomdb.export.deidentification.rewriting.os.fsync", full)
    with pytest.raises(ExportError, match=r"disk of .* is full"):
        _run(database, tmp_path / "out")
    assert not list(tmp_path.glob("out/**/*"))
    assert not list(tmp_path.glob(".dicomdb-export-*"))


def test_no_canary_beside_blackened_pixels(load: Callable[..., Database], tmp_path: Path) -> None:
    path = write_ultrasound(
        tmp_path / "in" / "1.dcm", InstitutionName="CANARY", ImageComments="CANARY"
    )
    image = pydicom.dcmread(path)
    image.preamble = b"CANARY".ljust(128)
    image.file_meta.SourceApplicationEntityTitle = "CANARY"
    image.add_new(0x7FE10010, "LO", "CANARY")
    image.add_new(0x7FE11001, "LO", "CANARY")
    image.add_new(0xFFFCFFFC, "OB", b"CANARY")
    image.save_as(path)
    _run(load(path), tmp_path / "out", Profile(blackout=(Rectangle(0, 0, 5, 5),)))
    (copy,) = (tmp_path / "out").rglob("*.dcm")
    assert b"CANARY" not in copy.read_bytes()
    assert b"Jane" not in copy.read_bytes()


def test_targets_that_cannot_be(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="is a file"):
        _run(database, tmp_path / "file")
    with pytest.raises(ExportError, match="keep the mapping elsewhere"):
        _run(database, tmp_path / "out", mapping=tmp_path / "out" / "map.json")
    with pytest.raises(ExportError, match="exists"):
        _run(database, tmp_path / "out", mapping=tmp_path / "file")
    with pytest.raises(NotFoundError):
        deidentify(database, [], tmp_path / "out", Profile())
    assert (tmp_path / "file").read_text() == "x"


def test_mr_images_tell_what_they_lose(
    load: Callable[..., Database], reference_data: Path, tmp_path: Path
) -> None:
    database = load(reference_data / "mosaic")
    firsts = [database.instances(s)[0] for s in database.series()]
    lost = deidentify(database, firsts, tmp_path / "a", Profile(), dry_run=True)
    assert any("diffusion directions" in remark for remark in lost.remarks)
    kept = deidentify(database, firsts, tmp_path / "b", Profile(extended_private=True))
    assert kept.remarks == []
    with Database.in_memory() as copies:
        copies.import_paths([tmp_path / "b"], workers=0)
        tiles = [i.values.get("SIEMENS_CSA_NumberOfImagesInMosaic") for i in _instances(copies)]
    before = [i.values.get("SIEMENS_CSA_NumberOfImagesInMosaic") for i in firsts]
    assert sorted(map(str, tiles)) == sorted(map(str, before))
    assert any(before)
