"""Fills what a migration has added: search text, spacings, notes of what series differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

__all__ = ["fill_lived_in"]


def fill_lived_in(connection: sqlite3.Connection) -> None:
    """Fill the columns of version 4 from what an older index knows, within its migration.

    Parameters
    ----------
    connection : sqlite3.Connection
        In the transaction of the migration.
    """
    keys = [row[0] for row in connection.execute("SELECT id FROM series")]
    if not keys:
        return
    from napari_dicomdb.database import series_notes, series_text, spacing
    from napari_dicomdb.database.folding import folded

    # Ş beside S, not after Z: names are ordered as they are searched, without accents.
    names = connection.execute("SELECT id, sort_name FROM patient").fetchall()
    connection.executemany(
        "UPDATE patient SET sort_name = ? WHERE id = ?",
        [(folded(name), key) for key, name in names],
    )

    for key in keys:
        series_text.file_series(connection, (key,))
        spacing.measure(connection, (key,))
        series_notes.recount(connection, key)
