"""References to images: by frame, by series, by study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from pydicom import Dataset
from tests.export.sources import of_data

from napari_dicomdb import Database
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.segments.image_planes import SourceFrame
from napari_dicomdb.export.source_references import code_item, derivation_items, refer_to


def record(uid, series="1.9", study="1.8"):
    return SimpleNamespace(
        uid=uid, series_uid=series, sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
        get=lambda keyword, default=None: study if keyword == "StudyInstanceUID" else default,
    )  # fmt: skip


def test_every_frame_is_an_item_once():
    one, two = record("1.1"), record("1.2")
    (derivation,) = derivation_items(
        [SourceFrame(one, 3), SourceFrame(one, 4), SourceFrame(one, 3), SourceFrame(two, None)],
        preserved=False,
    )
    items = derivation.SourceImageSequence
    told = [(i.ReferencedSOPInstanceUID, i.get("ReferencedFrameNumber")) for i in items]
    assert told == [("1.1", 3), ("1.1", 4), ("1.2", None)]
    assert {i.SpatialLocationsPreserved for i in items} == {"NO"}
    assert derivation.DerivationCodeSequence[0].CodeValue == "113076"
    assert derivation_items([], preserved=True) == []


def test_images_of_other_studies_go_elsewhere():
    made = Dataset()
    made.StudyInstanceUID = "1.8"
    refer_to(made, [record("1.1"), record("1.2", "1.7"), record("1.3", "1.6", "1.5")])
    assert [s.SeriesInstanceUID for s in made.ReferencedSeriesSequence] == ["1.9", "1.7"]
    (other,) = made.StudiesContainingOtherReferencedInstancesSequence
    assert other.StudyInstanceUID == "1.5"
    assert other.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.6"
    assert len(made.SourceImageSequence) == 3


def test_a_code_goes_where_its_length_allows():
    assert code_item("1" * 16, "SCT", "x").CodeValue == "1" * 16
    assert code_item("1" * 17, "SCT", "x").LongCodeValue == "1" * 17
    assert code_item("urn:x", "", "x").URNCodeValue == "urn:x"
    assert len(code_item("1", "SCT", "x" * 70).CodeMeaning) == 64


def test_whatever_is_written_is_linked_to_its_images(reference_data: Path) -> None:
    with Database.in_memory() as database:
        source, target = of_data(database, reference_data / "seg" / "ct-3slice")
        image = database.find_series(source.meta["series_uid"])
        labels = replace(source, role="labels", array=(source.numpy() > 0).astype("uint8"))
        offers = [*examine_for_export(source), *examine_for_export(labels)]
        offers = [one for one in offers if not one.refusal]
        report = write_results(database, offers, target, into_database=True)
        assert len(report.series_uids) == len(offers) >= 5
        each = database.related_each(database.series())
        for uid in report.series_uids:
            assert each[uid].sources == (image,)
            assert each[uid].missing == 0
        assert {one.uid for one in each[image.uid].results} == set(report.series_uids)
