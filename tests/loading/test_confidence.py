from __future__ import annotations

import pytest

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.confidence import Claim, assess


def finding(severity, code=FindingCode.UNEVEN_SPACING):
    return Finding(code, severity, f"{code} {severity}")


def test_nothing_is_certain_and_evidence_counts():
    one, two = assess([Claim("a")])[0], assess([Claim("a"), Claim("b")])[0]
    assert 0 < one < two < 1
    assert assess([Claim("a", False)])[0] == 0


def test_findings_lower_it_once_per_kind_and_by_severity():
    claims = [Claim("a"), Claim("b"), Claim("c")]
    clean = assess(claims)[0]
    warned = assess(claims, [finding(Severity.WARNING)] * 5)[0]
    wrong = assess(claims, [finding(Severity.WARNING), finding(Severity.ERROR)])[0]
    assert clean == assess(claims, [finding(Severity.INFO)])[0]
    assert warned == pytest.approx(0.9 * clean)
    assert wrong == pytest.approx(0.5 * clean)


def test_every_reason_is_told():
    _, reasons = assess([Claim("good"), Claim("bad", False)], [finding(Severity.ERROR)])
    assert reasons[0] == "good"
    assert reasons[1] == "but bad"
    assert "error" in reasons[2]
    assert "uneven spacing" in reasons[2]
