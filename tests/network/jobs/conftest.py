"""The jobs of a database in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_dicomdb.network.jobs.store import JobStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    """Where jobs are kept."""
    made = JobStore(tmp_path)
    yield made
    made.close()
