"""Counts what an import would do, and writes nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.database import media
from napari_dicomdb.database.rows import encode_json
from napari_dicomdb.database.scanning import Refused, Scanned

if TYPE_CHECKING:
    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.database.pool import Chunk
    from napari_dicomdb.database.report import ImportReport

__all__ = ["DryRun"]


class DryRun:
    """Takes scanned chunks in the index's stead.

    A file whose SOP Instance UID is known under another path counts as a
    duplicate; its content is not compared.

    Parameters
    ----------
    connections : Connections
        Of the index, only read.
    report : ImportReport
        Takes the counts.
    """

    def __init__(self, connections: Connections, report: ImportReport) -> None:
        self._connections = connections
        self._report = report
        self._met: set[bytes] = set()
        self._series: dict[str, None] = {}

    def take(self, chunk: Chunk, scanned: Scanned) -> None:
        """Count one chunk."""
        report = self._report
        uids = [row.row[0] for row in scanned.accepted]
        with self._connections.borrow() as connection:
            known = dict(
                connection.execute(
                    "SELECT uid, file FROM instance WHERE uid IN (SELECT value FROM json_each(?))",
                    (encode_json(uids),),
                ).fetchall()
            )
        for file, entry in zip(chunk.files, scanned.files, strict=True):
            if file.temporary:
                Path(file.temporary).unlink()
            if isinstance(entry, Refused):
                report.rejected.append((file.path, entry.reason, entry.text))
            elif entry is None:
                report.missing += media.listed_files(file.path)[1]
            else:
                accepted = scanned.accepted[entry]
                uid = accepted.row[0]
                # Eight bytes tell a million UIDs apart and do not fill the memory.
                digest = hashlib.blake2b(uid.encode(), digest_size=8).digest()
                if file.known is not None:
                    report.updated += 1
                elif uid in known or digest in self._met:
                    report.duplicates += 1
                else:
                    report.added += 1
                self._met.add(digest)
                self._series[scanned.groups[accepted.group].series[0]] = None
                report.notes += [(file.path, *problem) for problem in accepted.problems]

    def flush(self) -> None:
        """Finish the report."""
        self._report.series_uids = list(self._series)

    def close(self) -> None:
        """Nothing is open."""
