"""Reports: counts by attribute."""

from __future__ import annotations

import json
from collections import Counter

from napari_dicomdb.export.deidentification.report import DeidentificationReport, effects_of


def test_effects_by_attribute() -> None:
    counted = Counter({(0x00100020, "replaced"): 2, (0x00290000, "removed"): 3,
                       (0x60003000, "removed"): 1, (0x00080018, "new UID"): 2,
                       (0x00080018, "removed"): 1, (0x00180003, "removed"): 1})  # fmt: skip
    effects = {e.tag: e for e in effects_of(counted)}
    assert list(effects) == [
        "(0008,0018)", "(0010,0020)", "(0018,0003)", "(0029,xxxx)", "(60xx,3000)",
    ]  # fmt: skip
    assert effects["(0010,0020)"].keyword == "PatientID"
    assert effects["(0008,0018)"].actions == {"removed": 1, "new UID": 2}
    assert effects["(0029,xxxx)"].name == "Private attributes"
    assert effects["(0018,0003)"].name == "Unknown"


def test_summary_and_json() -> None:
    report = DeidentificationReport("/out", instances=7, written=6, unchanged=1, blackened=2)
    report.rejected.append(("/in/a", "burned-in", "text"))
    assert report.summary() == (
        "6 anonymised files written to /out, 1 were there already, "
        "2 with parts blacked out, 1 left out"
    )
    report.dry_run = True
    assert report.summary().startswith("7 files would be written")
    assert json.loads(json.dumps(report.to_json()))["instances"] == 7
