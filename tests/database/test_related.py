"""What was made from what: found from both ends, in any order of import, and after removals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset

from napari_dicomdb.database import Database
from napari_dicomdb.database.related import UNRELATED
from napari_dicomdb.errors import NotFoundError


def item(**values) -> list[Dataset]:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return [made]


def by_series(*uids: str) -> list[Dataset]:
    return [item(SeriesInstanceUID=uid)[0] for uid in uids]


def uids(records) -> list[str]:
    return [record.uid for record in records]


@pytest.fixture
def make(tmp_path: Path, write_instance: Callable[..., Path]):
    def made(series: str, number: int = 1, *, instance: int = 1, **values) -> Path:
        return write_instance(
            tmp_path / "in" / f"{series}.{instance}",
            instance,
            SeriesInstanceUID=series,
            SeriesNumber=number,
            StudyInstanceUID=values.pop("study", "1.2.1"),
            SOPInstanceUID=f"{series}.{instance}",
            **values,
        )

    return made


def test_a_result_is_linked_whichever_comes_first(database: Database, make) -> None:
    result = make("1.2.9", 9, ReferencedSeriesSequence=by_series("1.2.3"), Modality="SEG")
    database.import_paths(result, workers=0)
    alone = database.related("1.2.9")
    assert (alone.sources, alone.results, alone.missing) == ((), (), 1)
    database.import_paths(make("1.2.3", 3), workers=0)
    assert uids(database.related("1.2.9").sources) == ["1.2.3"]
    assert database.related("1.2.9").missing == 0
    assert uids(database.related("1.2.3").results) == ["1.2.9"]
    assert database.related("1.2.3").sources == ()


def test_removing_the_image_leaves_a_result_that_says_so(database: Database, make) -> None:
    paths = [make("1.2.3"), make("1.2.9", ReferencedSeriesSequence=by_series("1.2.3"))]
    database.import_paths(paths, workers=0)
    database.remove(series="1.2.3")
    related = database.related("1.2.9")
    assert (related.sources, related.missing) == ((), 1)
    with pytest.raises(NotFoundError):
        database.related("1.2.3")


def test_several_sources_several_results_and_other_studies(database: Database, make) -> None:
    paths = [
        make("1.2.3", 3),
        make("1.2.4", 4, study="1.2.2"),
        make("1.2.8", 8, ReferencedSeriesSequence=by_series("1.2.3", "1.2.4", "1.2.5")),
        make("1.2.9", 9, ReferencedSeriesSequence=by_series("1.2.3", "1.2.9")),
        make("1.2.7", 7, PatientID="another", study="1.2.6",
             ReferencedSeriesSequence=by_series("1.2.3")),
    ]  # fmt: skip
    database.import_paths(paths, workers=0)
    each = database.related_each(database.series())
    assert uids(each["1.2.8"].sources) == ["1.2.3", "1.2.4"]
    assert each["1.2.8"].missing == 1
    assert uids(each["1.2.3"].results) == ["1.2.8", "1.2.9"]  # not of another patient
    assert uids(each["1.2.4"].results) == ["1.2.8"]
    assert uids(each["1.2.9"].sources) == ["1.2.3"]  # itself is nothing new
    assert each["1.2.3"] == database.related("1.2.3")


def test_reports_plans_and_objects_that_differ_within_a_series(database: Database, make) -> None:
    def evidence(uid: str) -> list[Dataset]:
        return item(ReferencedSeriesSequence=by_series(uid))

    contours = item(RTReferencedStudySequence=item(RTReferencedSeriesSequence=by_series("1.2.3")))
    paths = [
        make("1.2.3", 3),
        make("1.2.4", 4),
        *(
            make("1.2.5", 5, instance=k, Modality="SEG",
                 ReferencedSeriesSequence=by_series(f"1.2.{k + 2}"))
            for k in (1, 2)
        ),
        make("1.2.6", 6, CurrentRequestedProcedureEvidenceSequence=evidence("1.2.4")),
        make("1.2.7", 7, ReferencedFrameOfReferenceSequence=contours),
        make("1.2.8", 8, ReferencedStructureSetSequence=item(ReferencedSOPInstanceUID="1.2.7.1")),
    ]  # fmt: skip
    database.import_paths(paths, workers=0)
    each = database.related_each(database.series())
    assert uids(each["1.2.5"].sources) == ["1.2.3", "1.2.4"]
    assert uids(each["1.2.6"].sources) == ["1.2.4"]
    assert uids(each["1.2.7"].sources) == ["1.2.3"]
    assert uids(each["1.2.8"].sources) == ["1.2.7"]
    assert uids(each["1.2.3"].results) == ["1.2.5", "1.2.7"]


def test_original_images_are_nobodys_result(database: Database, make) -> None:
    localizer = by_series("1.2.3")
    image = make("1.2.4", ImageType=["ORIGINAL", "PRIMARY"], ReferencedSeriesSequence=localizer)
    database.import_paths([make("1.2.3"), image], workers=0)
    assert database.related("1.2.3") == database.related("1.2.4") == UNRELATED


def test_nothing_is_asked_of_nothing(database: Database) -> None:
    assert database.related_each([]) == {}


def named_images(*uids: str) -> list[Dataset]:
    return [item(ReferencedSOPInstanceUID=uid, ReferencedSOPClassUID="1.2")[0] for uid in uids]


DERIVED = ["DERIVED", "SECONDARY", "MPR"]


def test_images_that_name_the_images_they_were_made_from(database: Database, make) -> None:
    """A subtraction: the differences of two series, slice by slice, in a study of their own."""
    count = 40  # more than are noted
    paths = [
        make(series, k, instance=n) for k, series in enumerate(("1.2.3", "1.2.4"), 3)
        for n in range(1, count + 1)
    ]  # fmt: skip
    paths += [
        make("1.2.9", 9, instance=n, study="1.2.2", ImageType=DERIVED,
             SourceImageSequence=named_images(f"1.2.3.{n}", f"1.2.4.{n}"))
        for n in range(1, count + 1)
    ]  # fmt: skip
    database.import_paths(paths, workers=0)
    each = database.related_each(database.series())
    assert uids(each["1.2.9"].sources) == ["1.2.3", "1.2.4"]
    assert each["1.2.9"].missing == 0
    assert uids(each["1.2.3"].results) == uids(each["1.2.4"].results) == ["1.2.9"]
    # Half of them removed: it is counted anew, and the rest still says it.
    for n in range(1, count // 2):
        database.remove(instance=f"1.2.9.{n}")
    assert uids(database.related("1.2.9").sources) == ["1.2.3", "1.2.4"]
    # Some images of a series may be gone without the series.
    for n in range(1, count // 2):
        database.remove(instance=f"1.2.3.{n}")
    assert database.related("1.2.9").missing == 0
    database.remove(series="1.2.3")
    database.remove(series="1.2.4")
    # Reformats without what they were made from are what many archives hold.
    assert database.related("1.2.9") == UNRELATED


def test_a_projection_that_names_a_thousand_images(database: Database, make) -> None:
    of_all = named_images(*(f"1.2.{series}.{n}" for series in (3, 4) for n in range(1, 501)))
    paths = [make("1.2.3", 3, instance=250), make("1.2.4", 4, instance=1),
             make("1.2.4", 4, instance=500)]  # fmt: skip
    paths += [
        make("1.2.9", 9, instance=n, ImageType=DERIVED, SourceImageSequence=of_all) for n in (1, 2)
    ]
    database.import_paths(paths, workers=0)
    related = database.related("1.2.9")
    assert uids(related.sources) == ["1.2.4"]  # the first and the last are always known
    (instance, _) = database.instances("1.2.9")
    kept = instance.values["SourceImageSequence.ReferencedSOPInstanceUID"].split("\\")
    assert len(kept) == 8
    assert (kept[0], kept[-1]) == ("1.2.3.1", "1.2.4.500")
    assert sum(uid.startswith("1.2.3.") for uid in kept) == 4


def test_original_images_that_name_others_are_no_results(database: Database, make) -> None:
    """As Siemens' do: what was filtered is original all the same."""
    image = make("1.2.4", ImageType=["ORIGINAL", "PRIMARY", "M", "ND"],
                 SourceImageSequence=named_images("1.2.3.1"))  # fmt: skip
    database.import_paths([make("1.2.3"), image], workers=0)
    assert database.related("1.2.3") == database.related("1.2.4") == UNRELATED


@pytest.mark.parametrize("where", ["shared", "per frame"])
def test_frames_that_name_what_they_were_made_from(database: Database, make, where: str) -> None:
    def group(*uids: str) -> Dataset:
        made = item(SourceImageSequence=named_images(*uids))
        return item(DerivationImageSequence=made)[0]

    if where == "shared":
        shared, frames = [group("1.2.3.1", "1.2.4.1")], [Dataset(), Dataset()]
    else:
        shared, frames = [Dataset()], [group("1.2.3.1"), group("1.2.4.1")]
    groups = {
        "SharedFunctionalGroupsSequence": shared,
        "PerFrameFunctionalGroupsSequence": frames,
        "NumberOfFrames": 2,
        "PixelData": bytes(64),
    }
    paths = [
        make("1.2.3", 3),
        make("1.2.4", 4),
        make("1.2.8", 8, ImageType=["ORIGINAL", "PRIMARY", "VOLUME"], **groups),
        make("1.2.9", 9, ImageType=["DERIVED", "PRIMARY", "VOLUME"], **groups),
    ]
    database.import_paths(paths, workers=0)
    each = database.related_each(database.series())
    assert uids(each["1.2.9"].sources) == ["1.2.3", "1.2.4"]
    assert each["1.2.8"] == UNRELATED
    assert uids(each["1.2.3"].results) == ["1.2.9"]
    database.remove(series="1.2.3")
    assert (uids(database.related("1.2.9").sources), database.related("1.2.9").missing) == (
        ["1.2.4"], 0,
    )  # fmt: skip
    database.remove(series="1.2.4")
    assert (database.related("1.2.9").sources, database.related("1.2.9").missing) == ((), 1)


def test_all_series_that_an_object_names_at_any_depth(database: Database, make) -> None:
    both = by_series("1.2.3", "1.2.4")
    study = item(ReferencedSeriesSequence=both)
    contours = item(RTReferencedStudySequence=item(RTReferencedSeriesSequence=both))
    moved = [
        item(ReferencedImageSequence=named_images(f"1.2.{k}.1"))[0] for k in (3, 4)
    ]  # fmt: skip
    named = {
        "1.2.11": {"ReferencedSeriesSequence": both},
        "1.2.12": {"StudiesContainingOtherReferencedInstancesSequence": study},
        "1.2.13": {"CurrentRequestedProcedureEvidenceSequence": study, "Modality": "SR"},
        "1.2.14": {"PertinentOtherEvidenceSequence": study, "Modality": "KO"},
        "1.2.15": {"ReferencedFrameOfReferenceSequence": contours, "Modality": "RTSTRUCT"},
        "1.2.16": {"RegistrationSequence": moved, "Modality": "REG"},
        "1.2.17": {"SourceInstanceSequence": named_images("1.2.3.1", "1.2.4.1")},
    }
    paths = [make("1.2.3", 3), make("1.2.4", 4)]
    paths += [make(uid, k, study="1.2.2", **of) for k, (uid, of) in enumerate(named.items(), 11)]
    dose = item(ReferencedSOPInstanceUID="1.2.19.1", ReferencedSOPClassUID="1.2")
    paths += [make("1.2.18", 18, ReferencedDoseSequence=dose, Modality="RTPLAN"),
              make("1.2.19", 19, Modality="RTDOSE")]  # fmt: skip
    database.import_paths(paths, workers=0)
    each = database.related_each(database.series())
    found = {uid: (uids(each[uid].sources), each[uid].missing) for uid in named}
    assert found == dict.fromkeys(named, (["1.2.3", "1.2.4"], 0))
    assert uids(each["1.2.3"].results) == uids(each["1.2.4"].results) == list(named)
    assert uids(each["1.2.18"].sources) == ["1.2.19"]


def test_what_an_older_scan_read_is_linked_after_the_next_import(database: Database, make) -> None:
    """That kept the first series of a list only."""
    study = item(ReferencedSeriesSequence=by_series("1.2.3", "1.2.4"))
    named = {"CurrentRequestedProcedureEvidenceSequence": study, "Modality": "SR"}
    paths = [make("1.2.3", 3), make("1.2.4", 4), make("1.2.9", 9, **named)]
    database.import_paths(paths, workers=0)
    with database._connections.transaction() as connection:
        changed = connection.execute(
            """UPDATE series SET defaults = replace(defaults, '"1.2.3","1.2.4"', '"1.2.3"')"""
            " WHERE uid = '1.2.9'"
        )
        assert changed.rowcount == 1
        connection.execute("UPDATE file SET scan_version = 4")
    assert uids(database.related("1.2.9").sources) == ["1.2.3"]
    database.import_paths(paths, workers=0)
    assert uids(database.related("1.2.9").sources) == ["1.2.3", "1.2.4"]
    assert uids(database.related("1.2.4").results) == ["1.2.9"]
