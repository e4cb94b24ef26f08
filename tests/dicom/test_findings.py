"""Findings: what machines get, and which is the gravest."""

from __future__ import annotations

import json

import pytest

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity, worst


def test_finding_is_json() -> None:
    finding = Finding(
        FindingCode.GANTRY_TILT, Severity.WARNING, "Tilted by 14 degrees", {"degrees": 14.0}
    )
    assert json.loads(json.dumps(finding.to_json())) == {
        "code": "gantry-tilt",
        "severity": "warning",
        "text": "Tilted by 14 degrees",
        "numbers": {"degrees": 14.0},
    }


def test_finding_is_a_fact() -> None:
    finding = Finding(FindingCode.DRIFT, Severity.INFO, "x")
    with pytest.raises(AttributeError):
        finding.text = "y"  # type: ignore[misc]
    with pytest.raises(TypeError):
        finding.numbers["a"] = 1  # type: ignore[index]


def test_worst_of_several() -> None:
    made = [Finding(FindingCode.DRIFT, s, "") for s in (Severity.INFO, Severity.WARNING)]
    assert worst(made) is Severity.WARNING
    assert worst(tuple(made[:1])) is Severity.INFO
    assert worst([]) is None


def test_codes_are_kebab_case_and_unique() -> None:
    values = [code.value for code in FindingCode]
    assert len(set(values)) == len(values)
    for code in FindingCode:
        assert code.value == code.name.lower().replace("_", "-")
