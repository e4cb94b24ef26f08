"""Rendered images and thumbnails over HTTP."""

from __future__ import annotations

import io
from typing import Any

import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image


def shown(content: bytes) -> tuple[str | None, tuple[int, int]]:
    picture = Image.open(io.BytesIO(content))
    return picture.format, picture.size


def test_an_instance(web: Any) -> None:
    record = web.named("CT1_UNC")
    path = f"{web.path(record)}/rendered"
    size = (record.columns, record.rows)
    assert shown(web.get(path).content) == ("JPEG", size)
    assert shown(web.get(path, "image/png").content) == ("PNG", size)
    assert shown(web.get(path, "image/*;q=0.5, image/png").content)[0] == "PNG"
    assert shown(web.get(f"{path}?accept=image/png").content)[0] == "PNG"
    assert web.get(path, "image/gif").status_code == 406
    small = web.get(f"{path}?viewport=100,100&window=40,400,linear", "image/png")
    assert shown(small.content) == ("PNG", (100, 100))
    assert web.get(f"{path}?window=x").status_code == 400
    remark = web.get(f"{path}?annotation=patient")
    assert "annotation is not supported" in remark.headers["Warning"]


def test_frames(web: Any, split: Any) -> None:
    record = next(i for i in web.database.instances() if i.frame_count > 3 and i.samples == 1)
    path = f"{web.path(record)}/frames"
    assert shown(web.get(f"{path}/2/rendered", "image/png").content)[0] == "PNG"
    answer = web.get(f"{path}/1,3/rendered", 'multipart/related; type="image/png"')
    parts = split(answer)
    assert [(kind, shown(content)[0]) for kind, content in parts] == [("image/png", "PNG")] * 2
    assert parts[0][1] != parts[1][1]
    assert web.get(f"{path}/1,3/rendered", "image/png").status_code == 406
    assert web.get(f"{path}/99999/rendered").status_code == 404
    assert max(shown(web.get(f"{path}/2/thumbnail", "image/png").content)[1]) == 256


def test_a_series(web: Any, split: Any) -> None:
    series = next(s for s in web.database.series(modality="MR") if s.instance_count > 2)
    path = f"/studies/{series.study_uid}/series/{series.uid}/rendered"
    parts = split(web.get(path, 'multipart/related; type="image/jpeg"'))
    assert len(parts) == series.instance_count
    assert {shown(content)[0] for _, content in parts} == {"JPEG"}
    assert web.get(path, "image/jpeg").status_code == 406


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_thumbnails(web: Any, level: str) -> None:
    record = web.named("CT1_UNC")
    path = web.path(record)
    if level != "instance":
        path = path.split("/instances" if level == "series" else "/series")[0]
    answer = web.get(f"{path}/thumbnail", "image/png")
    assert shown(answer.content) == ("PNG", (256, 256))
    small = web.get(f"{path}/thumbnail?viewport=32,32")
    assert shown(small.content) == ("JPEG", (32, 32))


def test_what_has_no_picture(web: Any) -> None:
    record = next(i for i in web.database.instances() if i.get("Modality") == "SR")
    assert web.get(f"{web.path(record)}/rendered").status_code == 404
    assert web.get(f"{web.path(record)}/thumbnail").status_code == 404


def test_dicomweb_client(web: Any) -> None:
    client = DICOMwebClient(web.server.url)
    record = web.named("US1_UNC")
    study = web.database.find_series(record.series_uid).study_uid
    content = client.retrieve_instance_rendered(
        study, record.series_uid, record.uid, media_types=("image/png",)
    )
    assert shown(content) == ("PNG", (record.columns, record.rows))
