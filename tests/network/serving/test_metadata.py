"""Metadata, against pydicom's own JSON."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pydicom
from dicomweb_client.api import DICOMwebClient

from napari_dicomdb.network.serving.metadata import json_of_data_set


def without_empty(found: Any) -> Any:
    """As the standard has it: no "Value" of a sequence without items (PS3.18 F.2.5)."""
    if isinstance(found, dict):
        return {key: without_empty(one) for key, one in found.items() if one != []}
    return [without_empty(one) for one in found] if isinstance(found, list) else found


def test_every_instance_is_as_pydicom_says(web: Any, read: Any) -> None:
    compared = 0
    for study in web.database.studies():
        answer = web.get(f"/studies/{study.uid}/metadata", "application/dicom+json")
        assert answer.headers["Content-Type"] == "application/dicom+json"
        records = [i for s in web.database.series(study) for i in web.database.instances(s)]
        for record, ours in zip(records, answer.json(), strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = read(record.path).to_json_dict(1 << 40, None, suppress_invalid_tags=True)
                theirs = {tag: one for tag, one in theirs.items() if tag[4:] != "0000"}
            assert ours.keys() >= theirs.keys(), record.path
            for tag, value in theirs.items():
                if tag == "00080005":
                    assert ours[tag]["Value"] == ["ISO_IR 192"]
                elif "BulkDataURI" not in json.dumps(ours[tag]):
                    assert ours[tag] == without_empty(value), (record.path, tag)
                    compared += 1
            if record.pixel_keyword:
                assert ours["7FE00010"]["BulkDataURI"].endswith(
                    f"/instances/{record.uid}/bulkdata/7FE00010"
                )
    assert compared > 2000


def test_large_values_are_fetched_by_their_addresses(web: Any, read: Any) -> None:
    client = DICOMwebClient(web.server.url)
    fetched = 0

    def look(found: Any, there: pydicom.Dataset) -> None:
        nonlocal fetched
        for tag, one in found.items():
            element = there[int(tag, 16)]
            if "BulkDataURI" in one and tag != "7FE00010":
                (content,) = client.retrieve_bulkdata(one["BulkDataURI"])
                assert content == element.value
                fetched += 1
            elif one["vr"] == "SQ":
                for item, other in zip(one.get("Value", []), element.value, strict=True):
                    look(item, other)

    for record in web.database.instances():
        (found,) = web.get(f"{web.path(record)}/metadata").json()
        look(found, read(record.path))
    assert fetched > 2


def test_within_sequences() -> None:
    item, inner = pydicom.Dataset(), pydicom.Dataset()
    inner.add_new(0x00420011, "OB", b"%PDF" * 1000)
    item.add_new(0x0040A730, "SQ", [pydicom.Dataset(), inner])
    found = json_of_data_set(item, "http://x/bulkdata")
    assert found["0040A730"]["Value"][0] == {}
    assert found["0040A730"]["Value"][1]["00420011"] == {
        "vr": "OB",
        "BulkDataURI": "http://x/bulkdata/0040A730/2/00420011",
    }


def test_values_that_json_has_not() -> None:
    dataset = pydicom.Dataset()
    dataset.add_new(0x00189087, "FD", [1.5, float("nan"), float("inf")])
    dataset.add_new(0x00280010, "US", np.uint16(3).item())
    found = json_of_data_set(dataset, "")
    assert found["00189087"]["Value"] == [1.5, None, None]
    json.dumps(found, allow_nan=False)


def test_dicomweb_client(web: Any) -> None:
    record = web.named("chrH31.dcm")
    study = web.database.find_series(record.series_uid).study_uid
    client = DICOMwebClient(web.server.url)
    (found,) = client.retrieve_series_metadata(study, record.series_uid)
    name = pydicom.dcmread(record.path).PatientName
    assert pydicom.Dataset.from_json(found, lambda *_: b"").PatientName == name
    assert web.get(f"{web.path(record)}/metadata", "image/png").status_code == 406
