"""Searches by DICOM keys in the index, against pydicom's reading of every file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.database import key_search
from napari_dicomdb.database.key_search import KeySearch, level_of, vr_of
from napari_dicomdb.errors import DicomDbError


@pytest.fixture(scope="module")
def files(reference_data: Path) -> list[pydicom.Dataset]:
    found = []
    with Database.in_memory() as database:
        for name in ("compressed", "charset", "enhanced", "multiecho"):
            database.import_paths([reference_data / name], workers=0)
        for record in database.instances():
            found.append(pydicom.dcmread(record.path, stop_before_pixels=True))
    return found


@pytest.fixture(scope="module")
def database(files: list[pydicom.Dataset]) -> Iterator[Database]:
    with Database.in_memory() as made:
        made.import_paths([str(one.filename) for one in files], workers=0)
        yield made


def uids(database: Database, level: str, **keys: Any) -> set[str]:
    keyword = {"study": "Study", "series": "Series", "instance": "SOP"}[level] + "InstanceUID"
    search = KeySearch(level, keys, limit=100_000)
    found = [str(one[keyword]) for one in database.search_keys(search).values]
    assert len(found) == len(set(found))
    return set(found)


def expected(files: list[pydicom.Dataset], level: str, test: Any) -> set[str]:
    keyword = {"study": "Study", "series": "Series", "instance": "SOP"}[level] + "InstanceUID"
    return {str(one[keyword].value) for one in files if test(one)}


@pytest.mark.parametrize("level", key_search.LEVELS)
def test_everything(database: Database, files: list[pydicom.Dataset], level: str) -> None:
    found = uids(database, level)
    assert found == expected(files, level, lambda one: True)
    assert len(found) > 20


@pytest.mark.parametrize("level", key_search.LEVELS)
@pytest.mark.parametrize(
    ("keyword", "wanted", "test"),
    [
        ("PatientID", "*1*", lambda one: "1" in str(one.get("PatientID", ""))),
        ("StudyDate", "20040101-20041231", lambda one: str(one.StudyDate)[:4] == "2004"),
        ("StudyDate", "-20031231", lambda one: "0" < str(one.get("StudyDate")) <= "20031231"),
        ("Modality", "MR,CT", lambda one: one.Modality in ("MR", "CT")),
        (
            "Manufacturer",
            "*SIEMENS*",
            lambda one: "SIEMENS" in str(one.get("Manufacturer", "")),
        ),
        ("Rows", "64", lambda one: one.get("Rows") == 64),
        ("EchoTime", "4.92", lambda one: str(one.get("EchoTime", "")) == "4.92"),
        ("InstanceNumber", "1", lambda one: str(one.get("InstanceNumber", "")) == "1"),
        ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2", lambda one: one.SOPClassUID.endswith(".1.2")),
    ],
)
def test_keys(
    database: Database,
    files: list[pydicom.Dataset],
    level: str,
    keyword: str,
    wanted: str,
    test: Any,
) -> None:
    if keyword == "EchoTime":
        echoes = {str(one.EchoTime) for one in files if one.get("EchoTime")}
        wanted = sorted(echoes)[-1]
        test = lambda one: str(one.get("EchoTime", "")) == wanted  # noqa: E731
    found = uids(database, level, **{keyword: wanted})
    assert found == expected(files, level, test)
    assert found


def test_names_in_any_script(database: Database, files: list[pydicom.Dataset]) -> None:
    named = [one for one in files if not str(one.get("PatientName", "")).isascii()]
    assert len(named) > 5
    for one in named:
        whole = str(one.PatientName)
        assert str(one.StudyInstanceUID) in uids(database, "study", PatientName=whole)
    assert uids(database, "study", PatientName="äneas^rüdiger")


def test_a_page_and_what_remains(database: Database) -> None:
    every = database.search_keys(KeySearch("instance", limit=10_000))
    assert every.remaining == 0
    total = len(every.values)
    found: list[str] = []
    while len(found) < total:
        page = database.search_keys(KeySearch("instance", limit=7, offset=len(found)))
        found += [one["SOPInstanceUID"] for one in page.values]
        assert page.remaining == total - len(found)
    assert found == [one["SOPInstanceUID"] for one in every.values]
    assert database.search_keys(KeySearch("instance", limit=0)).remaining == total
    assert database.search_keys(KeySearch("instance", offset=total + 5)).values == []


def test_within_a_study_and_a_series(database: Database, files: list[pydicom.Dataset]) -> None:
    one = files[0]
    study, series = str(one.StudyInstanceUID), str(one.SeriesInstanceUID)
    found = database.search_keys(KeySearch("series", study_uid=study))
    assert {v["SeriesInstanceUID"] for v in found.values} == expected(
        files, "series", lambda other: other.StudyInstanceUID == study
    )
    found = database.search_keys(KeySearch("instance", study_uid=study, series_uid=series))
    assert {v["SOPInstanceUID"] for v in found.values} == expected(
        files, "instance", lambda other: other.SeriesInstanceUID == series
    )
    assert not database.search_keys(
        KeySearch("instance", study_uid="1.2", series_uid=series)
    ).values


def test_values_are_those_of_the_file(database: Database, files: list[pydicom.Dataset]) -> None:
    by_uid = {str(one.SOPInstanceUID): one for one in files}
    for values in database.search_keys(KeySearch("instance", limit=10_000)).values:
        one = by_uid[values["SOPInstanceUID"]]
        for keyword in ("StudyDate", "PatientID", "PatientName", "SeriesDescription", "StudyTime"):
            there = str(one.get(keyword, "") or "").strip()
            assert str(values.get(keyword, "") or "") == there.rstrip("="), keyword
        assert values["AvailableTransferSyntaxUID"] == one.file_meta.TransferSyntaxUID


def test_counts(database: Database, files: list[pydicom.Dataset]) -> None:
    for values in database.search_keys(KeySearch("study", limit=10_000)).values:
        own = [one for one in files if one.StudyInstanceUID == values["StudyInstanceUID"]]
        assert values["NumberOfStudyRelatedInstances"] == len(own)
        assert values["NumberOfStudyRelatedSeries"] == len({o.SeriesInstanceUID for o in own})
        assert set(values["ModalitiesInStudy"].split("\\")) == {o.Modality for o in own}
    assert uids(database, "study", NumberOfStudyRelatedSeries="2") == {
        study
        for study in {str(one.StudyInstanceUID) for one in files}
        if len({o.SeriesInstanceUID for o in files if o.StudyInstanceUID == study}) == 2
    }


def test_of_a_merged_patient_the_files_are_right(
    tmp_path: Path, reference_data: Path, files: list[pydicom.Dataset]
) -> None:
    with Database.open(tmp_path / "db") as database:
        database.import_paths([reference_data / "charset"], workers=0)
        first, second = database.patients()[:2]
        theirs = database.studies(second)[0].uid
        database.merge_patients(first, [second])
        found = database.search_keys(KeySearch("study", {"PatientID": second.patient_id}))
        values = next(one for one in found.values if one["StudyInstanceUID"] == theirs)
        assert values["PatientName"] == second.name


@pytest.mark.parametrize(
    "keyword", ["Nonsense", "PixelData", "ReferencedSeriesSequence", "'; DROP"]
)
def test_unknown_keys_are_refused(database: Database, keyword: str) -> None:
    assert vr_of(keyword) == ""
    with pytest.raises(DicomDbError) as refused:
        database.search_keys(KeySearch("study", {keyword: "x"}))
    assert refused.value.reason == "unknown-key"


def test_a_search_that_takes_too_long_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_search, "_LONGEST_SECONDS", -1.0)
    monkeypatch.setattr(key_search, "_STEPS", 1)
    with pytest.raises(DicomDbError) as refused:
        database.search_keys(KeySearch("instance", {"ImageComments": "x"}))
    assert refused.value.reason == "too-slow"
    monkeypatch.undo()
    assert database.search_keys(KeySearch("study")).values


def test_levels() -> None:
    assert [level_of(k) for k in ("PatientName", "Modality", "EchoTime", "StudyDate")] == [
        "study",
        "series",
        "instance",
        "study",
    ]
