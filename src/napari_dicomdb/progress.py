"""The plain callback by which long work reports where it is and can be cancelled."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "no_progress"]


class Progress(Protocol):
    """Called now and then by long work, from the thread that does the work.

    Raise :class:`napari_dicomdb.errors.Cancelled` in it to stop the work.
    """

    def __call__(self, done: int, total: int | None, text: str) -> None:
        """Report that `done` of `total` (None: not known yet) steps are done."""


def no_progress(done: int, total: int | None, text: str) -> None:
    """Report nothing; the default callback."""
