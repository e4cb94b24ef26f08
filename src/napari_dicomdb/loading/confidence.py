"""How sure a loader may be: one computation for all, from what it states and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LOWERED", "Claim", "assess"]

LOWERED = "lowered by a finding"
"""How a reason begins that repeats a finding."""

KEPT = {Severity.INFO: 1.0, Severity.WARNING: 0.9, Severity.ERROR: 0.5}
"""What is left of the confidence after one kind of finding: the same for every loader.

An error means that the result is wrong or incomplete as it stands, so one of them
leaves any reading less sure than one without; a warning only settles near-ties.
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """One question about the data that a loader answers before it loads.

    Parameters
    ----------
    text : str
        The answer in plain words: "every image has a position".
    holds : bool
        Whether the answer speaks for this way of opening the data.
    """

    text: str
    holds: bool = True


def assess(
    claims: Sequence[Claim], findings: Sequence[Finding] = ()
) -> tuple[float, tuple[str, ...]]:
    """Compute a confidence and the reasons for it.

    The share of claims that hold (with one open question always left, so that
    more evidence counts for more and nothing is ever certain), reduced once for
    every kind of finding according to its severity.

    Parameters
    ----------
    claims : sequence of Claim
    findings : sequence of Finding

    Returns
    -------
    confidence : float
        Between 0 and 1.
    reasons : tuple of str
        The claims, then what lowered the confidence.

    Examples
    --------
    >>> assess([Claim("every image has a position"), Claim("evenly spaced", False)])[0]
    0.3333333333333333
    >>> assess([Claim("every image has a position"), Claim("evenly spaced")])[0]
    0.6666666666666666
    """
    confidence = sum(claim.holds for claim in claims) / (len(claims) + 1)
    reasons = [claim.text if claim.holds else f"but {claim.text}" for claim in claims]
    by_code: dict[str, Finding] = {}
    for finding in findings:
        known = by_code.get(finding.code)
        if known is None or KEPT[finding.severity] < KEPT[known.severity]:
            by_code[finding.code] = finding
    for finding in by_code.values():
        factor = KEPT[finding.severity]
        confidence *= factor
        if factor < 1:
            name = str(finding.code).replace("-", " ")
            reasons.append(f"{LOWERED} ({finding.severity}): {name}")
    return confidence, tuple(reasons)
