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
