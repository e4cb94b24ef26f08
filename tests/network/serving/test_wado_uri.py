"""WADO-URI: one object by a query."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest
from PIL import Image


def asked(web: Any, record: Any, **more: Any) -> Any:
    study = web.database.find_series(record.series_uid).study_uid
    query = {
        "requestType": "WADO",
        "studyUID": study,
        "seriesUID": record.series_uid,
        "objectUID": record.uid,
        **more,
    }
    return web.client.get("/wado", params={k: v for k, v in query.items() if v is not None})


def test_files(web: Any) -> None:
    record = web.named("CT1_RLE")
    plain = asked(web, record, contentType="application/dicom")
    assert pydicom.dcmread(io.BytesIO(plain.content)).file_meta.TransferSyntaxUID.endswith("1.2.1")
    stored = asked(
        web, record, contentType="application/dicom", transferSyntax=record.transfer_syntax_uid
    )
    assert stored.content == record.path.read_bytes()
    other = asked(web, record, contentType="application/dicom", transferSyntax="1.2.3")
    assert other.status_code == 406


def test_pictures(web: Any) -> None:
    record = web.named("CT1_UNC")
    picture = Image.open(io.BytesIO(asked(web, record).content))
    assert (picture.format, picture.size) == ("JPEG", (record.columns, record.rows))
    small = asked(
        web,
        record,
        contentType="image/png",
        columns=64,
        rows=32,
        windowCenter=40,
        windowWidth=400,
        frameNumber=1,
    )
    assert Image.open(io.BytesIO(small.content)).size == (32, 32)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"requestType": None}, 400),
        ({"studyUID": "1.2.3"}, 404),
        ({"objectUID": "../../etc/passwd"}, 400),
        ({"objectUID": None}, 400),
        ({"contentType": "text/html"}, 406),
        ({"frameNumber": "2"}, 404),
        ({"frameNumber": "x"}, 400),
        ({"windowCenter": "40"}, 400),
        ({"rows": "-1"}, 400),
    ],
)
def test_what_is_refused(web: Any, more: dict[str, Any], status: int) -> None:
    assert asked(web, web.named("CT1_UNC"), **more).status_code == status
