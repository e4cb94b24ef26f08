"""Which failures may be over when a job is tried again, and how long to wait."""

from __future__ import annotations

__all__ = ["DELAYS", "is_passing", "words_for"]

DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0)
"""Seconds before each further attempt: so many attempts more than one there are."""

_PASSING = frozenset(
    {
        "aborted",
        "bad-answer",
        "busy",
        "closed",
        "database-busy",
        "incomplete",
        "interrupted",
        "name-not-resolved",
        "network",
        "refused",
        "server-error",
        "timeout",
        "tls-closed",
        "too-many-requests",
        "unavailable",
        "unreachable",
    }
)
# Of DIMSE, as reason codes "status-a700": out of resources, processing failure.
_PASSING_STATUSES = ("status-a7", "status-0110", "status-0213")
# Of HTTP: timeout, too many requests, and what lies with the server for now.
_PASSING_HTTP = frozenset(f"http-{code}" for code in (408, 425, 429, 500, 502, 503, 504))


def is_passing(reason: str) -> bool:
    """Tell whether what this reason code stands for may be over when it is tried again.

    Examples
    --------
    >>> is_passing("timeout"), is_passing("wrong-called-aet"), is_passing("status-a702")
    (True, False, True)
    """
    return reason in _PASSING or reason in _PASSING_HTTP or reason.startswith(_PASSING_STATUSES)


def words_for(seconds: float) -> str:
    """Return a span of time in words.

    Examples
    --------
    >>> words_for(5), words_for(90), words_for(1800), words_for(7200)
    ('5 s', '2 min', '30 min', '2 h')
    """
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 3600:
        return f"{-(-seconds // 60):.0f} min"
    return f"{-(-seconds // 3600):.0f} h"
