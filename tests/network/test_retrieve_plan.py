"""The requests that bring what is missing."""

from __future__ import annotations

from napari_dicomdb.network.inventory import Listed
from napari_dicomdb.network.retrieve_plan import plan_requests, requests_of
from napari_dicomdb.network.retrieve_report import Wanted

LISTED = [Listed("1", f"1.{s}", f"1.{s}.{n}", f"9.{s}", n) for s in (1, 2) for n in range(1, 61)]


def test_whole_series() -> None:
    one, two = plan_requests(LISTED, {x.uid for x in LISTED})
    assert one.level == "series"
    assert one.keys == one.expected == {"StudyInstanceUID": "1", "SeriesInstanceUID": "1.1"}
    assert (len(one.uids), one.sop_classes) == (60, ("9.1",))
    assert two.keys["SeriesInstanceUID"] == "1.2"


def test_what_is_missing_only() -> None:
    missing = {x.uid for x in LISTED if x.series_uid == "1.2" and x.number > 5}
    first, second = plan_requests(LISTED, missing)
    assert first.level == second.level == "instance"
    assert first.keys["SOPInstanceUID"].split("\\") == list(first.uids)
    assert len(first.uids) == 50
    assert set(first.uids) | set(second.uids) == missing
    assert plan_requests(LISTED, set()) == []


def test_first_soon() -> None:
    first, rest, *_ = plan_requests(LISTED, {x.uid for x in LISTED}, first_soon=True)
    assert (first.level, first.uids) == ("instance", ("1.1.1",))
    assert rest.level == "series"
    few = LISTED[:3]
    first, rest = plan_requests(few, {x.uid for x in few}, first_soon=True)
    assert (first.uids, rest.uids) == (("1.1.1",), ("1.1.2", "1.1.3"))


def test_singly() -> None:
    requests = plan_requests(LISTED[:4], {x.uid for x in LISTED[:4]}, singly=True)
    assert [r.uids for r in requests] == [(x.uid,) for x in LISTED[:4]]


def test_unknown_sop_class_is_any() -> None:
    (request,) = plan_requests([Listed("1", "2", "3", "", 1)], {"3"})
    assert request.sop_classes == ()


def test_without_an_inventory() -> None:
    wanted = [
        Wanted("patient", patient_id="P"),
        Wanted("study", "P", "1"),
        Wanted("instance", "P", "1", "2", tuple(map(str, range(60)))),
    ]
    patient, study, some, others = requests_of(wanted)
    assert (patient.level, patient.keys) == ("patient", {"PatientID": "P"})
    assert (study.level, study.keys) == ("study", {"StudyInstanceUID": "1"})
    assert some.uids + others.uids == wanted[2].instance_uids
    assert some.expected == {"StudyInstanceUID": "1", "SeriesInstanceUID": "2"}
