"""Counts beside patients, studies and series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_dicomdb.database import Database

SECRET = "Zyxwvutsrq"


def test_counts_of_what_remains(database: Database, ct: Path, dump: Callable[..., Any]) -> None:
    database.import_paths([ct / "a"])
    expected = dump(database)
    database.import_paths([ct / "b"])
    series = next(s for s in database.series() if s.number == 2)
    database.remove(series=series)
    assert dump(database) == expected
    (instance, *_) = database.instances()
    database.remove(instance=instance.uid)
    assert database.patients()[0].instance_count == 2
    assert database.series()[0].instance_count == 2
