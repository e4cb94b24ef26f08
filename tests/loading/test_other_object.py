from __future__ import annotations

import pytest

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine


def test_an_object_without_an_image_is_named_and_not_chosen(series, records):
    series.write(
        series.header(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", Modality="RTSTRUCT"), None
    )
    (only,) = examine(records(series.paths))
    assert only.kind == "no-image"
    assert not only.selected
    assert only.confidence == 0
    assert "RT Structure Set Storage" in only.name
    with pytest.raises(LoadError, match=r"RT Structure Set.*holds no image") as caught:
        only.load()
    assert caught.value.reason == "no-pixels"


def test_what_an_rtstruct_refers_to_is_offered_with_it(reference_data, records):
    folder = reference_data / "ctmrpet_rtstruct/STS_002_CT"
    known = records(p for p in folder.rglob("*.dcm"))
    struct = [one for one in examine(known) if one.kind == "no-image"]
    images = {i.series_uid for i in known if i.pixel_keyword}
    assert struct
    assert images & set(struct[0].referenced_uids)


def test_an_unknown_class_is_called_what_it_says(series, records):
    series.write(series.header(SOPClassUID="1.2.3.4", Modality="XYZ"), None)
    (only,) = examine(records(series.paths))
    assert "1.2.3.4" in only.name
