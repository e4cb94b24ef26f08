"""What the server says it offers."""

from __future__ import annotations

from typing import Any


def test_every_path_that_is_told_is_there(web: Any) -> None:
    root = web.client.get(web.server.url.removesuffix("/dicom-web") + "/")
    told = web.get("/").json()
    assert root.json() == told == web.get("").json()
    assert told["base"] == web.server.url
    record = web.named("CT1_UNC")
    series = web.database.find_series(record.series_uid)
    names = {
        "study": series.study_uid,
        "series": series.uid,
        "instance": record.uid,
        "frames": "1",
        "tags": "7FE00010",
    }
    asked = 0
    for service in told["services"].values():
        for path in service["paths"]:
            if path != "/wado":
                assert web.get(path.format(**names)).status_code == 200, path
                asked += 1
    assert asked > 20
    assert "STOW-RS" not in told["services"]
