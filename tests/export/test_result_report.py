from __future__ import annotations

import json

from napari_dicomdb.export.result_report import ResultReport


def test_a_line_for_people_and_json_for_machines() -> None:
    report = ResultReport(instance_uids=["1.2"])
    assert report.summary() == "1 object written"
    report = ResultReport(
        instance_uids=["1.2", "1.3"],
        files=["/out/a.dcm"],
        imported=2,
        sent=1,
        rejected=[("1.3", "network", "no")],
    )
    assert report.summary() == (
        "2 objects written to /out, added to the database, 1 sent, 1 not sent"
        " (send the series again, they are in the database)"
    )
    assert json.loads(json.dumps(report.to_json()))["rejected"] == [["1.3", "network", "no"]]
    report.imported = 0
    assert report.summary().endswith("(send the files again, they are in the folder)")
    report.files = []
    assert report.summary().endswith("(they are kept nowhere, write them again)")
