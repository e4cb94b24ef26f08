"""The log of the network: the last entries, by level, peer and association.

Modules of `napari_dicomdb.network` log UIDs, counts and reason codes, never values of
patients, with ``extra={"association": number, "peer": "AET at host:port"}`` where they know.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import place_of
from napari_dicomdb.network.diagnostics import diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping
    from types import TracebackType

__all__ = [
    "CAPACITY",
    "LEVELS",
    "LOGGER",
    "AssociationSummary",
    "Entry",
    "LogBook",
    "PeerLog",
    "diagnostics",
]

LOGGER = "napari_dicomdb.network"
"""Name of the logger whose entries are kept, with all below it."""
CAPACITY = 5000
"""Entries that are kept; the oldest go first."""
LEVELS = ("debug", "info", "warning", "error")

_LONGEST = 2000  # characters of an entry
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log.

    Parameters
    ----------
    number : int
        Counts all entries; those of a book ascend.
    at : float
        Seconds since the epoch.
    level : str
        One of `LEVELS`.
    source : str
        Which module says it: "sending".
    association : int or None
        Number of the association, or of the connection, within this process.
    peer : str
        With whom: "ORTHANC at localhost:4242"; "" unknown.
    text : str
        One line.
    """

    number: int
    at: float
    level: str
    source: str
    association: int | None
    peer: str
    text: str

    def line(self) -> str:
        """Return the entry as it is copied: time (UTC), level, association, peer, text."""
        at = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        where = "" if self.association is None else f" #{self.association}"
        peer = f" {self.peer}:" if self.peer else ""
        return f"{at} {self.level:<7}{where}{peer} {self.text}"

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a dict that `json.dumps` accepts."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class AssociationSummary:
    """What the log knows of one association.

    Parameters
    ----------
    association : int
    peer : str
    began, ended : float
        Times of its first and of its last entry, seconds since the epoch.
    entries : int
    level : str
        The worst of its entries.
    text : str
        Its last entry.
    """

    association: int
    peer: str
    began: float
    ended: float
    entries: int
    level: str
    text: str


class PeerLog(logging.LoggerAdapter[logging.Logger]):
    """A logger for one association, or one connection: it puts number and peer with each entry.

    Parameters
    ----------
    logger : logging.Logger
        Of the module.
    peer : str
        With whom: "ORTHANC at localhost:4242".

    Attributes
    ----------
    number : int
        Counts associations and connections of both sides within this process.
    """

    def __init__(self, logger: logging.Logger, peer: str) -> None:
        self.number = next(_numbers)
        self.peer = peer
        if not logger.handlers:
            # What goes wrong is told as an error; where nobody keeps a log, Python would
            # print it on the terminal as well.
            logger.addHandler(logging.NullHandler())
        super().__init__(logger, {"association": self.number, "peer": peer})

    def name_peer(self, peer: str) -> None:
        """Say with whom it is, where that was not known from the start."""
        self.peer = peer
        self.extra = {"association": self.number, "peer": peer}

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Add number and peer."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class LogBook(logging.Handler):
    """Keeps the last entries of the network's loggers. Any thread may log and look.

    Parameters
    ----------
    capacity : int
        Entries that are kept.
    is_detailed : bool
        Also keep what is of interest only when something is looked for.

    Examples
    --------
    >>> import logging
    >>> with LogBook() as book:
    ...     logging.getLogger("napari_dicomdb.network.test").warning("it is late")
    >>> [entry.text for entry in book.entries(level="warning")]
    ['it is late']
    """

    def __init__(self, capacity: int = CAPACITY, *, is_detailed: bool = False) -> None:
        super().__init__(logging.DEBUG)
        self._kept: deque[Entry] = deque(maxlen=capacity)
        self._count = 0
        self._callbacks: list[Callable[[], None]] = []
        self._guard = threading.Lock()
        self._is_detailed = is_detailed
        self._level_before: int | None = None

    # -- attached to the loggers --------------------------------------------------------------

    def attach(self) -> LogBook:
        """Begin to keep entries; returns the book."""
        logger = logging.getLogger(LOGGER)
        if self not in logger.handlers:
            self._level_before = logger.level
            logger.addHandler(self)
            self._set_level()
        return self

    def detach(self) -> None:
        """End it; what is kept can still be looked at."""
        logger = logging.getLogger(LOGGER)
        if self in logger.handlers:
            logger.removeHandler(self)
            logger.setLevel(self._level_before or logging.NOTSET)

    def __enter__(self) -> LogBook:
        """Attach it."""
        return self.attach()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Detach it."""
        self.detach()

    @property
    def is_detailed(self) -> bool:
        """Whether entries of level "debug" are kept, too."""
        return self._is_detailed

    @is_detailed.setter
    def is_detailed(self, value: bool) -> None:
        self._is_detailed = value
        if self in logging.getLogger(LOGGER).handlers:
            self._set_level()

    def _set_level(self) -> None:
        level = logging.DEBUG if self._is_detailed else logging.INFO
        logging.getLogger(LOGGER).setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as an entry."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError, KeyError):  # its format does not fit its values
            text = str(record.msg)
        if record.exc_info and record.exc_info[0] is not None:
            # What an error of another library says may quote a value: name it only.
            text = f"{text} ({place_of(record.exc_info[1])})"
        association = getattr(record, "association", None)
        with self._guard:
            self._count += 1
            self._kept.append(
                Entry(
                    self._count,
                    record.created,
                    _level_name(record.levelno),
                    record.name.rpartition(".")[2],
                    association if isinstance(association, int) else None,
                    _one_line(str(getattr(record, "peer", "") or "")),
                    _one_line(text),
                )
            )
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()

    def on_entry(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have a function called after each entry, from the thread that logs; it must be quick.

        Returns
        -------
        callable
            Ends it.
        """
        with self._guard:
            self._callbacks.append(callback)

        def end() -> None:
            with self._guard:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

        return end

    # -- looked at ----------------------------------------------------------------------------

    def entries(
        self,
        *,
        level: str = "debug",
        association: int | None = None,
        peer: str = "",
        text: str = "",
        after: int = 0,
        limit: int | None = None,
    ) -> list[Entry]:
        """List entries, oldest first.

        Parameters
        ----------
        level : str
            This one of `LEVELS` and worse.
        association : int, optional
            Of this one only.
        peer : str
            Only with this in the name of the peer; upper and lower case are the same.
        text : str
            Words that must all be in the entry.
        after : int
            Number of the last entry that is known already.
        limit : int, optional
            The last so many of them.
        """
        least = LEVELS.index(level)
        words = text.casefold().split()
        with self._guard:
            kept = list(self._kept)
        found = [
            entry
            for entry in kept
            if entry.number > after
            and LEVELS.index(entry.level) >= least
            and association in (None, entry.association)
            and peer.casefold() in entry.peer.casefold()
            and _has_all(words, entry)
        ]
        return found if limit is None else found[max(len(found) - limit, 0) :]

    def associations(self) -> list[AssociationSummary]:
        """List the associations of which there are entries, latest first."""
        with self._guard:
            kept = list(self._kept)
        found: dict[int, list[Entry]] = {}
        for entry in kept:
            if entry.association is not None:
                found.setdefault(entry.association, []).append(entry)
        return [_summary(number, found[number]) for number in sorted(found, reverse=True)]

    def peers(self) -> list[str]:
        """List the peers of whom there are entries, by name."""
        with self._guard:
            return sorted({entry.peer for entry in self._kept if entry.peer})

    def clear(self) -> None:
        """Forget all entries."""
        with self._guard:
            self._kept.clear()


def _summary(number: int, entries: list[Entry]) -> AssociationSummary:
    worst = max(entries, key=lambda entry: LEVELS.index(entry.level))
    peer = next((entry.peer for entry in entries if entry.peer), "")
    last = entries[-1]
    return AssociationSummary(
        number, peer, entries[0].at, last.at, len(entries), worst.level, last.text
    )


def _has_all(words: Iterable[str], entry: Entry) -> bool:
    said = f"{entry.text} {entry.peer} {entry.source}".casefold()
    return all(word in said for word in words)


def _level_name(number: int) -> str:
    bounds = (logging.INFO, logging.WARNING, logging.ERROR)
    return LEVELS[sum(number >= bound for bound in bounds)]


def _one_line(text: str) -> str:
    """Return a text without what could drive a terminal or begin a line of its own."""
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short)
