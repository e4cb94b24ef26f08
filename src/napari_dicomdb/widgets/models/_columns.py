"""What a column of a table is: its title, its text, its order in the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Column", "place_of"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a table can show.

    Parameters
    ----------
    name : str
        By which the user's choice is remembered: it must not change.
    title : str
        In the header.
    text : callable
        From a record to what the cell says.
    order : str
        The database's order behind it; "": it cannot be sorted by.
    sample : str
        The widest text that it should hold.
    rank : int
        A narrow table shows those of low rank first; 0 is always there and
        takes what room is left.
    right : bool
        Whether the text stands at the right, as numbers do.
    shown : bool
        Whether a wide table shows it before the user chose.
    hint : str
        What the title means.
    """

    name: str
    title: str
    text: Callable[[Any], str]
    order: str = ""
    sample: str = ""
    rank: int = 9
    right: bool = False
    shown: bool = True
    hint: str = ""


def place_of(columns: tuple[Column, ...], name: str) -> int:
    """Return the place of the column `name`, -1 when there is none."""
    return next((k for k, column in enumerate(columns) if column.name == name), -1)
