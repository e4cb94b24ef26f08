"""QIDO-RS: real Orthanc, and servers that page, warn, repeat and lie."""

from __future__ import annotations

import json
import re

import pydicom
import pytest

from napari_dicomdb.errors import Cancelled
from napari_dicomdb.network.dicomweb import searching
from napari_dicomdb.network.dicomweb.searching import search_dicomweb
from napari_dicomdb.network.query import Query


def search(node, **query):
    found = []
    outcome = search_dicomweb(node, Query(**query), found.extend)
    return outcome, found


def uid(tag, value):
    return {tag: {"vr": "UI", "Value": [value]}}


def studies(*numbers):
    return json.dumps([uid("0020000D", f"1.2.{n}") for n in numbers])


@pytest.fixture(scope="module")
def cts(reference_data, web):
    paths = sorted((reference_data / "ctmrpet_rtstruct" / "STS_002_CT").rglob("*.dcm"))[:6]
    web.add(*paths)
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]


def test_studies_series_and_instances(web, cts) -> None:
    first = cts[0]
    keys = {"PatientID": first.PatientID, "StudyInstanceUID": first.StudyInstanceUID}
    outcome, (study,) = search(web.node, keys=keys)
    assert outcome.ok
    assert (study.study_uid, study.patient_id) == (first.StudyInstanceUID, first.PatientID)
    assert study.text("StudyDate") == first.StudyDate
    assert study.text("ModalitiesInStudy") == "CT"
    assert study.count == len(cts)
    del keys["PatientID"]
    outcome, (series,) = search(web.node, level="series", keys=keys)
    assert series.series_uid == first.SeriesInstanceUID
    assert series.text("Modality") == "CT"
    keys["SeriesInstanceUID"] = first.SeriesInstanceUID
    outcome, instances = search(web.node, level="instance", keys=keys)
    assert {one.instance_uid for one in instances} == {ds.SOPInstanceUID for ds in cts}
    assert {one.series_uid for one in instances} == {first.SeriesInstanceUID}
    assert outcome.count == len(cts)


def test_pages(web, cts, monkeypatch) -> None:
    monkeypatch.setattr(searching, "PAGE", 2)
    keys = {"SeriesInstanceUID": cts[0].SeriesInstanceUID}
    pages = []
    outcome = search_dicomweb(web.node, Query(level="instance", keys=keys), pages.append)
    assert [len(page) for page in pages] == [2, 2, 2]
    assert not outcome.cut


def test_a_limit_cuts_and_says_so(web, cts) -> None:
    keys = {"SeriesInstanceUID": cts[0].SeriesInstanceUID}
    outcome, found = search(web.node, level="instance", keys=keys, limit=3)
    assert (len(found), outcome.cut, outcome.reason) == (3, True, "limit")
    assert "3 instances" in outcome.text
    outcome, found = search(web.node, level="instance", keys=keys, limit=6)
    assert (len(found), outcome.cut) == (6, False)


def test_wildcards_ranges_and_lists(web, cts) -> None:
    first = cts[0]
    name, date = str(first.PatientName), first.StudyDate
    for keys in (
        {"PatientName": f"{name[:3]}*"},
        {"PatientName": f"?{name[1:]}"},
        {"PatientName": name},
        {"PatientID": first.PatientID, "StudyDate": f"{date}-{date}"},
        {"StudyInstanceUID": f"1.2.3\\{first.StudyInstanceUID}"},
        {"PatientID": first.PatientID, "ModalitiesInStudy": "MR\\CT"},
    ):
        _, found = search(web.node, keys=keys)
        assert first.StudyInstanceUID in [one.study_uid for one in found], keys
    _, found = search(web.node, keys={"PatientName": name, "StudyDate": "19000101-19000102"})
    assert found == []


def test_patients_are_made_of_their_studies(web, cts) -> None:
    outcome, found = search(web.node, level="patient", keys={"PatientID": cts[0].PatientID})
    assert [one.patient_id for one in found] == [cts[0].PatientID]
    assert found[0].count == len(cts)
    assert found[0].text("NumberOfPatientRelatedStudies") == "1"
    assert outcome.count == 1


def test_names_in_other_scripts(web, reference_data) -> None:
    path = reference_data / "charset" / "chrH31.dcm"
    web.add(path)
    dataset = pydicom.dcmread(path)
    _, (found,) = search(web.node, keys={"StudyInstanceUID": dataset.StudyInstanceUID})
    # Orthanc's JSON leaves the ideographic group out of its index, or has all three.
    assert found.text("PatientName").split("=")[0] == "Yamada^Tarou"


def test_servers_that_know_no_offset_do_not_keep_us(scripted, answer) -> None:
    server = scripted(lambda request: answer(studies(1, 2, 3)))
    outcome, found = search(server.node)
    assert len(found) == 3
    assert len(server.requests) == 2
    assert outcome.ok


def test_servers_whose_pages_are_shorter_than_asked_for(scripted, answer) -> None:
    def answering(request):
        offset = int(re.search(r"offset=(\d+)", request.line)[1])
        chosen = range(offset, min(offset + 2, 7))
        return answer(studies(*chosen)) if chosen else answer("", "204 No Content")

    server = scripted(answering)
    outcome, found = search(server.node)
    assert len({one.study_uid for one in found}) == len(found) == 7
    assert outcome.ok


def test_a_search_that_never_ends_is_cut(scripted, answer) -> None:
    def answering(request):
        offset = int(re.search(r"offset=(\d+)", request.line)[1])
        return answer(studies(*range(offset, offset + 200)))

    outcome, found = search(scripted(answering).node, limit=450)
    assert (len(found), outcome.cut) == (450, True)


def test_warnings_are_handed_on(scripted, answer) -> None:
    warning = '299 host "The fuzzymatching parameter is not supported"'
    server = scripted(lambda request: answer(studies(1), Warning=warning))
    outcome, _ = search(server.node, fuzzy=True, keys={"PatientName": "Doe"})
    assert "fuzzymatching parameter is not supported" in outcome.text
    assert "fuzzymatching=true" in server.requests[0].line


def test_a_server_that_knows_no_includefield_is_asked_without(scripted, answer) -> None:
    def answering(request):
        if "includefield" in request.line:
            return answer("", "400 Bad Request")
        return answer(studies(1))

    outcome, found = search(scripted(answering).node)
    assert (outcome.state, len(found)) == ("done", 1)


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        ("<html>", "text/html", "not-dicomweb"),
        ("[{", "application/dicom+json", "not-json"),
        ('{"a": 1}', "application/dicom+json", "not-dicomweb"),
        ("[1, 2]", "application/dicom+json", "not-dicomweb"),
    ],
)
def test_malformed_answers_fail_the_search_alone(scripted, answer, content, kind, reason) -> None:
    outcome, found = search(scripted(lambda request: answer(content, kind=kind)).node)
    assert (outcome.state, outcome.reason, found) == ("failed", reason, [])


def test_what_was_found_before_a_failure_counts(scripted, answer) -> None:
    server = scripted(
        lambda r: answer(studies(1, 2)) if "offset=0" in r.line else answer("", "404 Gone")
    )
    outcome, found = search(server.node)
    assert (outcome.state, outcome.count, len(found)) == ("failed", 2, 2)


def test_hostile_values_neither_crash_nor_act(scripted, answer) -> None:
    strange = [
        uid("0020000D", "1.2.9"),
        {"0020000D": {"vr": "UI", "Value": ["../../etc"]}, "00100010": {"vr": "PN", "Value": [7]}},
        {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "\u001b[2J"}]}},
        {"0020000D": {"vr": "UI", "Value": {"a": 1}}},
        {},
    ]
    outcome, found = search(scripted(lambda request: answer(json.dumps(strange))).node)
    assert [one.study_uid for one in found] == ["1.2.9", "../../etc"]
    assert "3 answers without a UID" in outcome.text or "without a UID" in outcome.text


def test_values_cannot_add_parameters(scripted, answer) -> None:
    server = scripted(lambda request: answer("[]"))
    search(server.node, keys={"PatientName": "A&limit=9#x y+z%2a\u00e9"})
    line = server.requests[0].line
    assert "00100010=A%26limit%3D9%23x%20y%2Bz%252a%C3%A9" in line
    assert line.count("limit=") == 1


def test_cancelled(scripted, answer) -> None:
    server = scripted(lambda request: answer("", "503 Busy", Retry_After="50"))

    def waiting() -> None:
        if server.requests:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        search_dicomweb(server.node, Query(), list.append, waiting)
