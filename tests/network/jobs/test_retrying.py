"""Which failures pass."""

from __future__ import annotations

import pytest

from napari_dicomdb.network.jobs.retrying import DELAYS, is_passing, words_for


@pytest.mark.parametrize(
    "reason", ["timeout", "closed", "refused", "busy", "status-a700", "status-0213", "http-503"]
)
def test_passing(reason: str) -> None:
    assert is_passing(reason)


@pytest.mark.parametrize(
    "reason",
    [
        "wrong-called-aet", "no-context", "tls-unknown-ca", "unauthorized", "no-node", "internal",
        "disk-full", "missing-library", "status-0122", "http-404", "cancelled", "",
    ],
)  # fmt: skip
def test_not_passing(reason: str) -> None:
    assert not is_passing(reason)


def test_each_pause_is_longer() -> None:
    assert list(DELAYS) == sorted(set(DELAYS))
    assert words_for(59.6) == "60 s"
    assert words_for(61) == "2 min"
