"""What a content window turns over, and where references lead."""

from __future__ import annotations

from pydicom.data import get_testdata_file

from napari_dicomdb import examine
from napari_dicomdb.widgets.content_pages import (
    pages_of_instances,
    pages_of_loadables,
    series_referred_to,
)


def test_a_page_for_each_object():
    loadables = examine(get_testdata_file("test-SR.dcm"), get_testdata_file("reportsi.dcm"))
    pages = pages_of_loadables(loadables)
    assert [p.record.uid for p in pages] == [i.uid for one in loadables for i in one.instances]
    for page in pages:
        assert page.read().sop_instance_uid == page.record.uid
        assert not page.has_document


def test_images_have_attributes(database, phantom):
    instances = database.instances(phantom["axial-ct"].series_uid)
    pages = pages_of_instances("CT", instances)
    assert len(pages) == len(instances)
    assert {n.label: n.value for n in pages[-1].read().nodes}["Modality"] == "CT"


def test_references_lead_to_series(database, phantom):
    ct, mr = phantom["axial-ct"], phantom["oblique-mr"]
    image = database.instances(ct.series_uid)[0].uid
    found = series_referred_to(database, [image, mr.series_uid, "1.2.3"])
    assert {uid: s.uid for uid, s in found.items()} == {
        image: ct.series_uid,
        mr.series_uid: mr.series_uid,
    }
    others = series_referred_to(
        database, [image, mr.series_uid], apart_from=frozenset({ct.series_uid})
    )
    assert list(others) == [mr.series_uid]
