"""Fixtures shared by all tests: where the reference data is, which peers must be there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the reference sets; skips, with a message, where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get("DICOMDB_REFERENCE_DATA") or default)
    if not root.is_dir():
        if os.environ.get("DICOMDB_REQUIRE_PEERS") == "1":
            pytest.fail(f"reference data not found in {root}: set DICOMDB_REFERENCE_DATA")
        pytest.skip(f"no reference data in {root}: set DICOMDB_REFERENCE_DATA")
    return root
