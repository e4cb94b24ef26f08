from __future__ import annotations

from dataclasses import replace

import pytest

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine


def test_an_object_without_an_image_is_named_and_opens_as_content(series, records):
    series.write(
        series.header(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", Modality="RTSTRUCT"), None
    )
    (only,) = examine(records(series.paths))
    assert only.kind == "content"
    assert only.selected
    assert "RT Structure Set" in only.content().title
    assert "RT Structure Set Storage" in only.name
    with pytest.raises(
        LoadError, match=r"RT Structure Set.*holds no image \(it has no pixel data\)"
    ) as caught:
        only.load()
    assert caught.value.reason == "no-pixels"


def test_what_an_rtstruct_refers_to_is_offered_with_it(reference_data, records):
    folder = reference_data / "ctmrpet_rtstruct/STS_002_CT"
    known = records(p for p in folder.rglob("*.dcm"))
    struct = [one for one in examine(known) if one.kind == "content"]
    images = {i.series_uid for i in known if i.pixel_keyword}
    assert struct
    assert images & set(struct[0].referenced_uids)


def test_an_unknown_class_is_called_what_it_says(series, records):
    series.write(series.header(SOPClassUID="1.2.3.4", Modality="XYZ"), None)
    (only,) = examine(records(series.paths))
    assert "1.2.3.4" in only.name


def test_many_of_one_kind_are_one_line(series, records):
    for _ in range(5):
        series.write(series.header(), None)
    (only,) = examine(records(series.paths))
    assert len(only.instances) == 5
    assert "5 x CT Image Storage" in only.name


def test_one_impossible_image_does_not_spoil_the_others(series, records):
    series.axial([0, 2, 4, 6])
    known = records(series.paths)
    for attributes, why in (
        ({"bits_allocated": 0}, "BitsAllocated 0"),
        ({"bits_allocated": 65528}, "BitsAllocated 65528"),
        ({"samples": 12}, "SamplesPerPixel 12"),
        ({"rows": 0}, "Rows or Columns"),
    ):
        odd = replace(known[3], **attributes)
        best, *_, other = examine([*known[:3], odd])
        assert best.selected
        assert best.load().shape == (3, *best.shape[1:])
        assert (other.kind, other.selected, other.instances) == ("content", True, (odd,))
        assert why in " ".join(other.reasons)
