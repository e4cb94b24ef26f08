"""QIDO-RS, asked by dicomweb-client and by hand, against pydicom's reading of the files."""

from __future__ import annotations

from typing import Any

import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

INSTANCE = "00080018"


@pytest.fixture
def client(web: Any) -> DICOMwebClient:
    return DICOMwebClient(web.server.url)


def test_studies(web: Any, client: DICOMwebClient) -> None:
    found = client.search_for_studies(get_remaining=True)
    assert {one["0020000D"]["Value"][0] for one in found} == {
        s.uid for s in web.database.studies()
    }
    for one in found:
        dataset = pydicom.Dataset.from_json(one)
        study = next(s for s in web.database.studies() if s.uid == dataset.StudyInstanceUID)
        assert dataset.NumberOfStudyRelatedInstances == study.instance_count
        assert dataset.RetrieveURL == f"{web.server.url}/studies/{study.uid}"
        assert dataset.InstanceAvailability == "ONLINE"
        assert dataset.SpecificCharacterSet == "ISO_IR 192"


def test_names_in_any_script(web: Any, client: DICOMwebClient) -> None:
    record = web.named("chrH31.dcm")
    name = pydicom.dcmread(record.path).PatientName
    (found,) = client.search_for_studies(search_filters={"PatientName": "Yamada^Tarou*"}, limit=1)
    assert pydicom.Dataset.from_json(found).PatientName == name
    assert found["00100010"]["Value"][0]["Ideographic"] == "山田^太郎"
    by_sign = client.search_for_studies(search_filters={"PatientName": "山田*"})
    assert found in by_sign
    fuzzy = client.search_for_studies(
        fuzzymatching=True, search_filters={"PatientName": "tarou ya"}
    )
    assert found in fuzzy


def test_series_and_instances_at_each_level(web: Any, client: DICOMwebClient) -> None:
    series = web.database.series(limit=1)[0]
    told = client.search_for_series(series.study_uid)
    assert series.uid in {one["0020000E"]["Value"][0] for one in told}
    uids = {i.uid for i in web.database.instances(series)}
    for found in (
        client.search_for_instances(series.study_uid, series.uid),
        client.search_for_instances(search_filters={"SeriesInstanceUID": series.uid}),
    ):
        assert {one[INSTANCE]["Value"][0] for one in found} == uids
    everywhere = client.search_for_instances(get_remaining=True)
    assert len(everywhere) == web.database.info()["instances"]
    assert "00100010" in everywhere[0]  # what it belongs to is told, as nothing names it
    within = client.search_for_instances(series.study_uid, series.uid)[0]
    assert "00100010" not in within


def test_pages(web: Any) -> None:
    total = web.database.info()["studies"]
    first = web.get("/studies?limit=2")
    assert len(first.json()) == 2
    assert first.headers["Warning"] == (
        f'299 {web.server.url} "There are {total - 2} additional results that can be requested"'
    )
    rest = web.get(f"/studies?limit={total}&offset=2")
    assert len(rest.json()) == total - 2
    assert "Warning" not in rest.headers
    assert not [one for one in first.json() if one in rest.json()]
    nothing = web.get(f"/studies?offset={total}")
    assert (nothing.status_code, nothing.content) == (204, b"")


def test_fields(web: Any) -> None:
    series = web.database.series(modality="MR", limit=1)[0]
    path = f"/studies/{series.study_uid}/series/{series.uid}/instances"
    plain = web.get(path).json()[0]
    assert "00180087" not in plain
    for name in ("MagneticFieldStrength", "00180087", "Rows,MagneticFieldStrength,00189999"):
        asked = web.get(f"{path}?includefield={name}").json()[0]
        assert asked["00180087"]["vr"] == "DS"
    every = web.get(f"{path}?includefield=all").json()[0]
    assert len(every) > len(plain) + 10
    record = web.database.instances(series)[0]
    theirs = pydicom.dcmread(record.path, stop_before_pixels=True).to_json_dict()
    same = [tag for tag in every if tag in theirs and every[tag] == theirs[tag]]
    assert len(same) > 30
    assert {tag for tag in every if tag not in theirs} <= {
        *("00080005", "00080056", "00080061", "00081190", "00083002", "00201206", "00201208"),
        *("00201209", "00080050", "00201002"),
    }


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "0010ZZZZ=1",
        "7FE00010=x",
        "PixelData=x",
        "StudyDate=yesterday",
        "StudyDate=20200101-20209999",
        "limit=-1",
        "limit=many",
        "offset=1e9",
        "fuzzymatching=perhaps",
        "emptyvaluematching=perhaps",
        "PatientID=a&PatientID=b",
        "includefield=../../etc",
        "PatientID[$ne]=1",
        "PatientName=" + "x" * 5000,
        "&".join(f"{tag:08X}=1" for tag in range(0x00100010, 0x00100090)),
    ],
)
def test_what_cannot_be_asked_is_refused(web: Any, query: str) -> None:
    answer = web.get(f"/studies?{query}")
    assert answer.status_code == 400
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "query", ["PatientID=';DROP TABLE study;--", "PatientName=%00", "PatientID=" + "%25" * 50]
)
def test_odd_values_find_nothing(web: Any, query: str) -> None:
    assert web.get(f"/studies?{query}").status_code in (200, 204)
    assert web.database.studies()


def test_lists_and_empty_values(web: Any) -> None:
    found = web.get("/studies?ModalitiesInStudy=CT,US&multiplevaluematching=true").json()
    modalities = {m for one in found for m in one["00080061"]["Value"]}
    assert {"CT", "US"} <= modalities
    assert all({"CT", "US"} & set(one["00080061"]["Value"]) for one in found)
    uids = [one["0020000D"]["Value"][0] for one in found][:2]
    assert len(web.get(f"/studies?StudyInstanceUID={','.join(uids)}").json()) == 2
    empty = web.get('/studies?AccessionNumber=""&emptyvaluematching=true&limit=1000').json()
    assert {one["0020000D"]["Value"][0] for one in empty} == {
        study.uid for study in web.database.studies() if not study.accession_number
    }


def test_media_types(web: Any) -> None:
    assert web.get("/studies?limit=1").headers["Content-Type"] == "application/dicom+json"
    plain = web.get("/studies?limit=1", "application/json")
    assert plain.headers["Content-Type"] == "application/json"
    xml = web.get("/studies", 'multipart/related; type="application/dicom+xml"')
    assert xml.status_code == 406


def test_the_server_cuts_long_lists(start: Any, web: Any) -> None:
    short = start(database=web.database, most_results=3)
    answer = short.get("/instances")
    assert len(answer.json()) == 3
    assert "additional results" in answer.headers["Warning"]
    assert len(short.get("/instances?limit=100").json()) == 3
