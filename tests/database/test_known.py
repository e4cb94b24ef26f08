"""What the index knows of paths, whatever their bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.connection import Connections
from napari_dicomdb.database.known import Known, KnownFiles, path_of, to_sql


class Nothing(KnownFiles):
    """Knows no file; remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def between(self, directory: str, names: object) -> dict[str, Known]:
        assert isinstance(names, list)
        assert names == sorted(names)
        self.asked.append(len(names))
        return {}


def test_names_of_any_bytes() -> None:
    odd = os.fsdecode(b"caf\xe9")
    assert to_sql("café") == "café"
    assert to_sql(odd) == b"caf\xe9"
    assert path_of(Path("/db"), "files/aa", "x") == Path("/db/files/aa/x")
    assert (
        path_of(Path("/db"), b"/data/\xff", b"caf\xe9") == Path(os.fsdecode(b"/data/\xff")) / odd
    )


def test_unknown_directory() -> None:
    connections = Connections(None)
    with connections.borrow() as connection:
        connection.execute("CREATE TABLE directory (id, path)")
    assert KnownFiles(connections).between("/nowhere", ["a"]) == {}
    assert KnownFiles(connections).between("/nowhere", []) == {}
    connections.close()


@pytest.mark.parametrize("copy", [False, True])
def test_files_read_by_an_older_scan_are_read_anew(
    database: Database, ct: Path, copy: bool
) -> None:
    first = database.import_paths([ct], copy=copy)
    with database._connections.transaction() as connection:
        connection.execute("UPDATE file SET scan_version = scan_version - 1")
        # What an older version may have left out.
        connection.execute("UPDATE series SET defaults = json_remove(defaults, '$.BitsStored')")
    assert all("BitsStored" not in record.values for record in database.instances())
    again = database.import_paths([ct], copy=copy)
    assert (again.added, again.updated + again.unchanged) == (0, first.added)
    assert again.updated == first.added
    assert all(
        record.values["BitsStored"] == record.bits_stored for record in database.instances()
    )
    assert database.import_paths([ct], copy=copy).unchanged == first.added
