"""Scans chunks of files on an existing Dask cluster, and hands the results back in order.

Workers only read: they need this package, of the same version, and the files under the same
paths. The computer that imports walks the folders, writes the index, makes copies when they are
asked for, and reads members of archives itself, as they are temporary files of its own.
"""

from __future__ import annotations

import os
import pickle
import re
import time
from collections import deque
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.cluster_tasks import (
    CANNOT_SEE,
    fingerprint,
    scan_chunks,
    seen,
)
from napari_dicomdb.database.pool import ScanPool
from napari_dicomdb.database.scanning import Refused, Scanned, copied
from napari_dicomdb.errors import ClusterError, MissingLibraryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from napari_dicomdb.database.pool import Chunk

__all__ = ["ClusterPool", "client_of"]

CHUNKS_A_TASK = 8
"""Chunks (of 64 files) in one task: what a task costs is then little beside its work."""

CONNECTING_SECONDS = 15.0
PATIENCE_SECONDS = 60.0
"""How long an import waits for a worker, or for the scheduler, to come back."""

_TASKS_A_THREAD = 3
_MOST_TASKS = 512  # in flight: what comes back is held in memory until its turn
_POLL_SECONDS = 0.25
_LOOK_SECONDS = 5.0
_RETRIES = 3
_COPIERS = 4
_UNSEEN = ("vanished", "unreadable")

_ADDRESS = re.compile(r"(?:[a-z]+://)?[^\s/]+:\d+(?:/\S*)?|inproc://\S+")
_GUIDE = "start the workers so that they have the same paths, see the guide"


@dataclass(slots=True)
class _Sent:
    """A task: its chunks with what is known of them, and what the cluster promised."""

    chunks: list[tuple[Chunk, Scanned | None]]
    future: Any = None
    workers: frozenset[str] = frozenset()
    tries: int = 0

    @property
    def remote(self) -> list[Chunk]:
        """The chunks that the cluster scans."""
        return [chunk for chunk, known in self.chunks if known is None]


def client_of(executor: object) -> Any:
    """Return the Dask client behind ``client.get_executor()``; None for another executor."""
    if type(executor).__module__.partition(".")[0] != "distributed":
        return None
    return getattr(executor, "_client", None)


class ClusterPool:
    """Does what `ScanPool` does, on a cluster.

    Parameters
    ----------
    cluster : str or distributed.Client
        The address of a scheduler (``tcp://host:8786``), a scheduler file (``*.json``),
        or a client, which stays open.
    copy_to : str, optional
        Folder for temporary copies, made by this process.
    waiting : callable, optional
        Called several times a second while nothing comes; may raise `Cancelled`.
    """

    def __init__(
        self,
        cluster: Any,
        *,
        copy_to: str | None = None,
        waiting: Callable[[], None] | None = None,
    ) -> None:
        self._cluster = cluster
        self._copy_to = copy_to
        self._tell_waiting = waiting or _nothing
        self._own = False
        self._client: Any = None
        self._name = ""
        self._places: list[str] = []
        self._judged: dict[str, str] = {}  # address of a worker to why it is not used, or ""
        self._usable: frozenset[str] = frozenset()
        self._threads = 1
        self._looked = 0.0
        self._here = ScanPool(0)
        self._careful: ScanPool | None = None
        self._copiers: ThreadPoolExecutor | None = None
        self.remarks: list[tuple[str, str, str]] = []
        """Workers that are not used, as (address, reason code, text)."""

    def begin(self, places: Sequence[str]) -> None:
        """Connect, and see which workers can be used.

        Parameters
        ----------
        places : sequence of str
            Folders and files that will be read.

        Raises
        ------
        MissingLibraryError
            Without ``distributed``.
        ClusterError
            If no scheduler answers, or no worker can be used.
        """
        self._places = [place for place in places if os.path.exists(place)]
        self._client, self._own = _connected(self._cluster)
        self._name = str(getattr(self._client.scheduler, "address", self._cluster))
        until = time.monotonic() + CONNECTING_SECONDS
        while not self._look():
            if self._judged and any(self._judged.values()):
                address, why = next((a, w) for a, w in self._judged.items() if w)
                raise ClusterError(f"{self._name}: no worker can be used: {address} {why}")
            if time.monotonic() > until:
                raise ClusterError(
                    f"{self._name}: the cluster has no workers: start some with `dask worker`"
                )
            self._tell_waiting()
            time.sleep(_POLL_SECONDS)

    def results(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Scanned]]:
        """Yield every chunk with its result, in the order of `chunks`.

        Raises
        ------
        ClusterError
            If the scheduler is gone, or no worker is left.
        """
        waiting: deque[_Sent] = deque()
        task: list[tuple[Chunk, Scanned | None]] = []
        for chunk in chunks:
            here = not chunk.files or bool(chunk.files[0].temporary)
            task.append((chunk, self._scanned_here(chunk) if here else None))
            if len(task) < CHUNKS_A_TASK:
                continue
            waiting.append(self._submitted(_Sent(task)))
            task = []
            while waiting and (_is_done(waiting[0]) or len(waiting) >= self._most()):
                yield from self._taken(waiting.popleft())
        if task:
            waiting.append(self._submitted(_Sent(task)))
        while waiting:
            yield from self._taken(waiting.popleft())

    def close(self) -> None:
        """Let the cluster go; what it was doing is not needed any more."""
        self._here.close()
        if self._careful is not None:
            self._careful.close()
        if self._copiers is not None:
            self._copiers.shutdown(cancel_futures=True)
        client, self._client = self._client, None
        if client is not None and self._own:
            client.close(timeout=2)

    def _scanned_here(self, chunk: Chunk) -> Scanned:
        ((_, scanned),) = self._here.results([chunk])
        return scanned

    def _most(self) -> int:
        return min(_TASKS_A_THREAD * self._threads + 2, _MOST_TASKS)

    def _submitted(self, sent: _Sent) -> _Sent:
        if not sent.remote:
            return sent
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._look()
        sent.tries += 1
        sent.workers = self._usable
        sent.future = self._client.submit(
            scan_chunks,
            fingerprint(),
            # As bytes: Dask looks through lists for what it knows.
            pickle.dumps([(chunk.paths, chunk.sizes) for chunk in sent.remote]),
            pure=False,
            retries=_RETRIES,
            workers=list(sent.workers),
        )
        return sent

    def _taken(self, sent: _Sent) -> Iterator[tuple[Chunk, Scanned]]:
        answers = iter(self._answers(sent))
        for chunk, known in sent.chunks:
            if known is not None:
                yield chunk, known
                continue
            scanned = self._seen_here(chunk, next(answers))
            if self._copy_to is not None:
                self._copy(chunk, scanned, self._copy_to)
            yield chunk, scanned

    def _answers(self, sent: _Sent) -> list[Scanned]:
        """Wait for a task; what workers die of is read carefully by a process of our own."""
        if sent.future is None:
            return []
        from distributed.scheduler import KilledWorker

        silent_since = time.monotonic()
        while True:
            try:
                error = sent.future.exception(timeout=_POLL_SECONDS)
                # The worker that has the result may be gone by now; then it is made again.
                data = sent.future.result(timeout=_POLL_SECONDS) if error is None else b""
            except OSError as silent:  # nothing came in time, or a connection was closed
                self._tell_waiting()
                now = time.monotonic()
                if not isinstance(silent, TimeoutError):
                    time.sleep(_POLL_SECONDS)
                elif now - self._looked < _LOOK_SECONDS:
                    continue
                if alive := self._look():
                    silent_since = now
                    # A task waits for ever for workers that are gone.
                    if not alive & sent.workers:
                        self._submitted(sent)
                elif now - silent_since > PATIENCE_SECONDS:
                    raise self._gone() from silent
                continue
            except CancelledError as lost:
                # The scheduler was started anew, or lost.
                if sent.tries > _RETRIES or not self._look():
                    raise self._gone() from lost
                self._submitted(sent)
                continue
            if error is None:
                answers: list[bytes] = pickle.loads(data)
                return [pickle.loads(answer) for answer in answers]
            if isinstance(error, KilledWorker):
                if self._careful is None:
                    self._careful = ScanPool(1)
                return [self._careful.scan_carefully(chunk) for chunk in sent.remote]
            raise ClusterError(
                f"{self._name}: a worker cannot do its work ({type(error).__name__}: "
                f"{error!s:.200}); what was imported so far is kept"
            )

    def _look(self) -> frozenset[str]:
        """Return the workers that can be used now; none when the scheduler does not answer."""
        self._looked = time.monotonic()
        self._usable = frozenset()
        if self._client.status != "running":
            return self._usable
        try:
            workers = self._client.scheduler_info()["workers"]
            new = [address for address in workers if address not in self._judged]
            if new:
                self._judge(new)
        except OSError:  # also when a time-out, or a connection that was closed
            return self._usable
        self._usable = frozenset(a for a in workers if not self._judged.get(a, "unknown"))
        self._threads = sum(workers[address]["nthreads"] for address in self._usable)
        return self._usable

    def _judge(self, new: list[str]) -> None:
        """Ask new workers what they are, and whether they see the files."""
        versions = self._client.run(fingerprint, workers=new, on_error="return")
        good = [address for address in new if versions.get(address) == fingerprint()]
        sights = (
            self._client.run(seen, self._places, workers=good, on_error="return") if good else {}
        )
        for address in new:
            found, sight = versions.get(address), sights.get(address)
            if isinstance(found, Exception) and "No module named" in str(found):
                reason, why = "worker-without-package", "has no napari-dicomdb: install it there"
            elif found != fingerprint():
                other = found[0] if isinstance(found, tuple) else "another version"
                ours = fingerprint()[0]
                why = f"has napari-dicomdb {other}, this computer {ours}: install the same"
                reason = "worker-other-version"
            elif not isinstance(sight, list) or not all(sight):
                sights_of = sight if isinstance(sight, list) else []
                hidden = [
                    p for p, there in zip(self._places, sights_of, strict=False) if not there
                ]
                reason = CANNOT_SEE
                why = f"cannot see {', '.join(hidden[:3])}: {_GUIDE}"
            else:
                reason = why = ""
            self._judged[address] = why
            if why:
                self.remarks.append((address, reason, f"this worker is not used: it {why}"))

    def _gone(self) -> ClusterError:
        lost = "has no workers left" if self._client.status == "running" else "does not answer"
        return ClusterError(
            f"{self._name}: the cluster {lost}; what was imported so far is kept: import again "
            "to go on from there"
        )

    def _seen_here(self, chunk: Chunk, scanned: Scanned) -> Scanned:
        """Tell files that are gone from those that a worker cannot see, or sees otherwise."""
        for index, entry in enumerate(scanned.files):
            if type(entry) is not Refused or entry.reason not in (*_UNSEEN, CANNOT_SEE):
                continue
            file = chunk.files[index]
            if not os.access(file.path, os.R_OK):
                continue  # as an import without a cluster would say
            if entry.reason == CANNOT_SEE and os.stat(file.path).st_size != file.size:
                return self._scanned_here(chunk)  # it has just changed
            said = {"vanished": "cannot see this file", "unreadable": "may not read this file"}
            what = said.get(entry.reason, entry.text)
            text = f"a worker of the cluster {what}, which this computer can: {_GUIDE}"
            scanned.files[index] = Refused(CANNOT_SEE, text, lasting=False)
        return scanned

    def _copy(self, chunk: Chunk, scanned: Scanned, folder: str) -> None:
        if self._copiers is None:
            self._copiers = ThreadPoolExecutor(_COPIERS, "dicomdb-copy")

        def copy(path: str, entry: int | Refused | None) -> str | Refused:
            return copied(path, folder) if isinstance(entry, int) else ""

        scanned.copies = []
        for index, made in enumerate(self._copiers.map(copy, chunk.paths, scanned.files)):
            if isinstance(made, Refused):
                scanned.files[index] = made
            scanned.copies.append("" if isinstance(made, Refused) else made)


def _nothing() -> None:
    """Do nothing while waiting."""


def _is_done(sent: _Sent) -> bool:
    return sent.future is None or bool(sent.future.done())


def _connected(cluster: Any) -> tuple[Any, bool]:
    """Return a client, and whether it is ours to close."""
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingLibraryError(
            "importing with a cluster needs Dask: pip install 'napari-dicomdb[dask]'"
        ) from error
    if isinstance(cluster, Client):
        return cluster, False
    address = os.fspath(cluster)
    is_file = address.endswith(".json")
    if is_file and not os.path.isfile(address):
        raise ClusterError(f"there is no scheduler file {address}")
    if not is_file and not _ADDRESS.fullmatch(address):
        raise ClusterError(
            f"{address!r:.200} is no address of a Dask scheduler: use one as tcp://host:8786, "
            "or the scheduler's file (*.json)"
        )
    connect: Any = Client  # it has no types
    place = {"scheduler_file": address} if is_file else {"address": address}
    try:
        client = connect(
            **place, timeout=CONNECTING_SECONDS, set_as_default=False, name="napari-dicomdb"
        )
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({error!s:.200}): check the address, and "
            "that it runs"
        ) from error
    return client, True
