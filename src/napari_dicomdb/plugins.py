"""Parts that third parties may add by entry points: loaders, exporters, defacers.

A part that cannot be imported, or fails while it is asked, never takes the others
down: `Plugins.failures` says what happened.
"""

from __future__ import annotations

import inspect
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar

from napari_dicomdb.errors import Cancelled, DicomDbError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.metadata import EntryPoint

__all__ = ["PluginFailure", "Plugins", "failing_as", "guarded"]

_log = logging.getLogger(__name__)


class _Named(Protocol):
    name: str


_Part = TypeVar("_Part", bound=_Named)


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A part that could not be used.

    Parameters
    ----------
    name : str
        Name of its entry point, or of the part.
    text : str
        What happened, for a person.
    """

    name: str
    text: str


@contextmanager
def guarded(tell: Callable[[Exception], object]) -> Iterator[None]:
    """Run third parties' code, which may raise anything: `tell` gets what it raised.

    That somebody cancelled is no failure of theirs, and is raised. `tell` may raise an
    error of its own.
    """
    try:
        yield
    except Exception as error:
        if getattr(error, "reason", None) == Cancelled.default_reason:
            raise
        tell(error)


@contextmanager
def failing_as(error_type: type[DicomDbError], who: str, reason: str) -> Iterator[None]:
    """Run third parties' code; what nobody expects of it is raised as `error_type`.

    Errors of ours, of the disk and of the memory are raised as they are.
    """

    def tell(error: Exception) -> NoReturn:
        if isinstance(error, DicomDbError | OSError | MemoryError):
            raise error
        text = f"the {who} failed: {type(error).__name__}: {error}"
        raise error_type(text, reason=reason) from error

    with guarded(tell):
        yield


class Plugins(Generic[_Part]):
    """What is registered in this process or by the entry points of one group.

    Parameters
    ----------
    group : str
        Of the entry points; each names a class (called without arguments) or an object.
    what : str
        Of messages: "loader", "exporter".
    protocol : type
        A protocol that can be checked at run time.
    members : tuple of str
        Its members, to tell what is lacking.
    error : type
        Raised, with the reason ``no-<what>``, when there is none of a name.
    """

    def __init__(
        self,
        group: str,
        what: str,
        protocol: Any,
        members: tuple[str, ...],
        error: type[DicomDbError],
    ) -> None:
        self.group, self.what = group, what
        self._protocol, self._members, self._error = protocol, members, error
        self._lock = Lock()
        self._registered: dict[str, _Part] = {}
        self._failures: dict[str, PluginFailure] = {}
        self._installed: dict[str, _Part] | None = None

    def all(self) -> tuple[_Part, ...]:
        """Return all that can be used: registered ones first, then entry points by name."""
        found = dict(self._registered)
        for name, part in self._from_entry_points().items():
            found.setdefault(name, part)
        return tuple(found.values())

    def named(self, name: str) -> _Part:
        """Return the one called `name`.

        Raises
        ------
        DicomDbError
            Of the type given, if there is none, or it cannot be used.
        """
        for part in self.all():
            if part.name == name:
                return part
        failure = self._failures.get(name)
        why = ": is its package installed?" if failure is None else f": {failure.text}"
        raise self._error(f"there is no {self.what} {name!r}{why}", reason=f"no-{self.what}")

    def register(self, part: _Part) -> None:
        """Add a part for this process; one of the same name is replaced."""
        with self._lock:
            self._registered[part.name] = part
            self._failures.pop(part.name, None)

    def unregister(self, name: str) -> None:
        """Take what `register` added away again; the entry points stay."""
        with self._lock:
            self._registered.pop(name, None)

    def failures(self) -> tuple[PluginFailure, ...]:
        """Return what could not be used since the last `reload`, and why."""
        self.all()
        return tuple(self._failures.values())

    @contextmanager
    def attempt(self, name: str) -> Iterator[list[PluginFailure]]:
        """Ask the part `name` for something; what it raises is recorded.

        Yields a list, to which the failure is added.
        """
        failed: list[PluginFailure] = []
        with guarded(lambda error: failed.append(self._record_failure(name, error))):
            yield failed

    def reload(self) -> None:
        """Look for entry points anew and forget failures."""
        with self._lock:
            self._failures.clear()
            self._installed = None

    def _record_failure(self, name: str, error: BaseException) -> PluginFailure:
        # The log gets no text of it, which may be of a patient.
        failure = PluginFailure(name, f"{type(error).__name__}: {error}")
        with self._lock:
            self._failures[name] = failure
        _log.warning("%s %s failed: %s", self.what, name, type(error).__name__)
        _log.debug("%s %s failed", self.what, name, exc_info=error)
        return failure

    def _from_entry_points(self) -> dict[str, _Part]:
        known = self._installed
        if known is None:
            known = {}
            for point in sorted(entry_points(group=self.group), key=lambda p: p.name):
                part = self._usable(point)
                if part is not None:
                    known.setdefault(part.name, part)
            self._installed = known
        return known

    def _usable(self, point: EntryPoint) -> _Part | None:
        part: Any = None
        with self.attempt(point.name) as failed:
            thing: Any = point.load()
            part = thing() if inspect.isclass(thing) else thing
        if failed:
            return None
        if not isinstance(part, self._protocol):
            lacking = [name for name in self._members if not hasattr(part, name)]
            self._record_failure(
                point.name, TypeError(f"{point.value} has no {', '.join(lacking)}")
            )
            return None
        usable: _Part = part
        return usable
