"""What queries have told of servers in this session: where the rest of a study or series is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_dicomdb.widgets.models.match_rows import HERE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.network.query import Match

__all__ = ["RemoteKnown", "RemoteSeries", "remote_known"]

_MOST_SERIES = 20_000  # series; those heard of first are forgotten first


@dataclass(frozen=True, slots=True)
class RemoteSeries:
    """A series of which a server told.

    Parameters
    ----------
    node : str
    study_uid, series_uid : str
    count : int or None
        How many instances the server has; None: it did not say.
    match : Match
    """

    node: str
    study_uid: str
    series_uid: str
    count: int | None
    match: Match


class RemoteKnown(QObject):
    """Series of servers, by study. Nothing of it is written anywhere.

    Signals
    -------
    changed : no arguments
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._series: dict[str, dict[str, RemoteSeries]] = {}  # by series, then node
        self._studies: dict[str, dict[str, None]] = {}

    def note(self, matches: Iterable[Match]) -> None:
        """Keep what servers say of series."""
        heard = False
        for match in matches:
            if match.node == HERE or match.level != "series":
                continue
            if not match.series_uid or not match.study_uid:
                continue
            of_node = self._series.setdefault(match.series_uid, {})
            of_node[match.node] = RemoteSeries(
                match.node, match.study_uid, match.series_uid, match.count, match
            )
            self._studies.setdefault(match.study_uid, {})[match.series_uid] = None
            heard = True
        while len(self._series) > _MOST_SERIES:
            uid = next(iter(self._series))
            for one in self._series.pop(uid).values():
                self._studies.get(one.study_uid, {}).pop(uid, None)
        if heard:
            self.changed.emit()

    def of_series(self, uid: str) -> list[RemoteSeries]:
        """Return what each server said of a series."""
        return list(self._series.get(uid, {}).values())

    def of_study(self, uid: str) -> list[RemoteSeries]:
        """Return the series of a study that servers have, each as the first of them said."""
        found = [self.of_series(one) for one in self._studies.get(uid, ())]
        return [several[0] for several in found if several]

    def more_of(self, uid: str, here: int) -> RemoteSeries | None:
        """Return the server that has more of a series than the `here` instances of ours."""
        counted = [one for one in self.of_series(uid) if one.count is not None]
        most = max(counted, key=lambda one: one.count or 0, default=None)
        return most if most is not None and (most.count or 0) > here else None


def remote_known(session: QObject) -> RemoteKnown:
    """Return what is known in this session; made when it is first asked for.

    Parameters
    ----------
    session : NetworkSession
    """
    found = session.findChild(RemoteKnown)
    return RemoteKnown(session) if found is None else found
