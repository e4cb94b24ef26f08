"""What an address names."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from napari_dicomdb.network.serving.resources import Service, base_url, find_instances
from napari_dicomdb.network.serving.settings import ServerSettings


def asking(host: str, scheme: str = "http", port: int = 8043) -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "scheme": scheme,
            "server": ("127.0.0.1", port),
            "headers": [(b"host", host.encode())],
        }
    )


@pytest.mark.parametrize(
    ("host", "scheme", "port", "url"),
    [
        ("localhost:8043", "http", 8043, "http://localhost:8043/dicom-web"),
        ("127.0.0.1", "http", 8043, "http://127.0.0.1:8043/dicom-web"),
        ("localhost", "http", 80, "http://localhost/dicom-web"),
        ("[::1]:8043", "https", 8043, "https://[::1]:8043/dicom-web"),
        ("pacs.example.org", "https", 8043, "https://pacs.example.org/dicom-web"),
    ],
)
def test_the_address_that_clients_are_told(host: str, scheme: str, port: int, url: str) -> None:
    assert base_url(asking(host, scheme, port)) == url


@pytest.mark.parametrize("host", ["", "a b", "x/../y", "a@b", 'x"y', "x:port"])
def test_hosts_that_are_none(host: str) -> None:
    with pytest.raises(HTTPException):
        base_url(asking(host))


def test_instances_at_each_level(web: Any) -> None:
    service = Service(web.database, ServerSettings())
    record = web.named("CT1_UNC")
    series = web.database.find_series(record.series_uid)
    uids = (series.study_uid, series.uid, record.uid)
    assert find_instances(service, *uids) == [record]
    assert find_instances(service, *uids[:2]) == web.database.instances(series)
    assert record in find_instances(service, uids[0])
    other = web.named("chrH31.dcm")
    for wrong in (
        ("1.2",),
        ("1.2", uids[1]),
        (uids[0], "1.2"),
        (uids[0], uids[1], "1.2"),
        (uids[0], other.series_uid),
        (uids[0], other.series_uid, record.uid),
        ("1.2", uids[1], record.uid),
    ):
        assert find_instances(service, *wrong) == []


def test_nothing_is_taken_by_a_read_only_one(web: Any) -> None:
    assert Service(web.database, ServerSettings()).takes_objects
    assert not Service(web.database, ServerSettings(read_only=True)).takes_objects
