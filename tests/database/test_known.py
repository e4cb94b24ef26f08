"""What the index knows of paths, whatever their bytes."""

from __future__ import annotations

import os
from pathlib import Path

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
