"""What a database has to do with other DICOM programs: asking them, fetching, listening, jobs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_dicomdb.database import Database as _IndexDatabase
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from napari_dicomdb.network.finding import FindReport
    from napari_dicomdb.network.jobs import JobQueue
    from napari_dicomdb.network.listener import Listener
    from napari_dicomdb.network.listener_events import ListenerEvent
    from napari_dicomdb.network.listener_settings import ListenerSettings
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.query import Match, Query
    from napari_dicomdb.network.retrieving import RetrieveReport, Wanted
    from napari_dicomdb.network.serving import Server, ServerSettings

__all__ = ["Remote"]

_opening = threading.Lock()


class Remote(_IndexDatabase):
    """The part of `api.Database` that talks to other programs."""

    _queue: JobQueue | None = None

    def find(
        self,
        keys: Query | Mapping[str, str | Sequence[str]] | None = None,
        nodes: Node | str | Sequence[Node | str] | None = None,
        *,
        level: str = "study",
        limit: int | None = None,
        here: bool = True,
        found: Callable[[list[Match]], None] | None = None,
        progress: Progress | None = None,
    ) -> FindReport:
        r"""Look for patients, studies, series or instances, here and at nodes, all at once.

        Parameters
        ----------
        keys : Query, or mapping of str to str
            What is looked for, see `network.query.Query`; values by DICOM keyword:
            ``{"PatientName": "DOE*", "StudyDate": "2020..", "ModalitiesInStudy": "CT\\MR"}``.
        nodes : Node or str, or several
            DIMSE and DICOMweb nodes, or names of those that are kept (`network.nodes`);
            all of these by default, none of them with ``[]``.
        level : str
            "patient", "study", "series" or "instance"; of keys that are no `Query`.
        limit : int, optional
            Answers of each node after which it is stopped, which is then told.
        here : bool
            Whether this database is asked, too.
        found : callable, optional
            Called with matches as they arrive, in this thread.
        progress : Progress, optional
            Called a few times a second, in this thread; may raise `Cancelled`: the
            nodes are then told to stop, and the report has what came before.

        Returns
        -------
        FindReport
            Every match, each with how much of it is here, and what became of each node.

        Raises
        ------
        QueryError
            If a key cannot be asked for.
        NotFoundError
            If no node has that name.

        Examples
        --------
        >>> from napari_dicomdb import Database
        >>> with Database.in_memory() as db:
        ...     len(db.find({"PatientName": "DOE*"}, []).matches)
        0
        """
        from napari_dicomdb.network import finding
        from napari_dicomdb.network.node import Node
        from napari_dicomdb.network.nodes import find_node, load_nodes
        from napari_dicomdb.network.query import Query

        query = keys if isinstance(keys, Query) else Query(level, keys or {}, limit=limit)
        asked = load_nodes() if nodes is None else nodes
        several = [asked] if isinstance(asked, str | Node) else asked
        return finding.find(
            [find_node(one) if isinstance(one, str) else one for one in several],
            query,
            database=self,
            here=here,
            found=found,
            progress=progress or no_progress,
        )

    def jobs(self) -> JobQueue:
        """Return the queue of background jobs of this database, opened once.

        Several processes may open it; nothing runs until one of them calls its `start`.
        It is closed with the database.

        Examples
        --------
        >>> from napari_dicomdb import Database
        >>> with Database.in_memory() as db:
        ...     db.jobs().jobs()
        []
        """
        from napari_dicomdb.network.jobs import JobQueue

        with _opening:
            if self._queue is None or self._queue.is_closed:
                self._queue = JobQueue(self)
            return self._queue

    def close(self) -> None:
        """Close the index, and stop its jobs."""
        with _opening:
            queue, self._queue = self._queue, None
        if queue is not None:
            queue.close()
        super().close()

    def listen(
        self,
        settings: ListenerSettings | None = None,
        *,
        on_event: Callable[[ListenerEvent], None] | None = None,
    ) -> Listener:
        """Take what other DICOM programs store here (C-STORE), from now on.

        Parameters
        ----------
        settings : ListenerSettings, optional
            AE title, port, who may come ...; those that were saved by default, else on
            loopback, see `network.listener_settings`.
        on_event : callable, optional
            Called with each event, in the thread where it happens; must not raise.

        Returns
        -------
        Listener
            Running; ``stop()`` or the end of a ``with`` block ends it.

        Raises
        ------
        NetworkError
            If it cannot listen: the port is in use (the message says by whom) ...
        DatabaseError
            If the database is read-only.

        Examples
        --------
        >>> from napari_dicomdb import Database
        >>> from napari_dicomdb.network.listener import ListenerSettings
        >>> with Database.in_memory() as db, db.listen(ListenerSettings(port=0)) as listener:
        ...     listener.is_running
        True
        """
        from napari_dicomdb.network.listener import Listener
        from napari_dicomdb.network.listener_settings import load_listener_settings

        return Listener(self, settings or load_listener_settings(), on_event=on_event).start()

    def retrieve(
        self,
        wanted: Wanted | Match | Mapping[str, str] | Sequence[Wanted | Match],
        node: Node | str,
        *,
        only_missing: bool = True,
        progress: Progress | None = None,
        arrived: Callable[[str, Path], None] | None = None,
    ) -> RetrieveReport:
        """Retrieve patients, studies, series or instances from a node.

        Parameters
        ----------
        wanted : Wanted, Match, mapping of str to str, or several of the first two
            What: named by its unique keys (``{"StudyInstanceUID": "1.2.3"}``), or as
            `find` has found it.
        node : Node or str
            A DIMSE node (C-GET or C-MOVE, as it says) or a DICOMweb node (WADO-RS), or
            the name of one that is kept (`network.nodes`).
        only_missing : bool
            Ask only for what is not here; so a retrieve that was interrupted goes on.
        progress : Progress, optional
            May raise `Cancelled`: what has come is kept.
        arrived : callable, optional
            Called with UID and file of each instance as soon as it is in the index.

        Returns
        -------
        RetrieveReport
            How many came, and of each that did not, why; see `network.retrieving.retrieve`.

        Raises
        ------
        NetworkError
            If the node cannot be reached at all.
        NotFoundError
            If no node has that name.
        QueryError
            If the keys do not name something exactly.
        """
        from collections.abc import Mapping

        from napari_dicomdb.network.nodes import find_node
        from napari_dicomdb.network.query import Match
        from napari_dicomdb.network.retrieving import Wanted, retrieve

        source = find_node(node) if isinstance(node, str) else node
        if isinstance(wanted, Mapping):
            several: Sequence[Wanted | Match] = [Wanted.of_keys(wanted)]
        else:
            several = [wanted] if isinstance(wanted, Wanted | Match) else wanted
        return retrieve(
            self,
            source,
            [Wanted.of_match(one) if isinstance(one, Match) else one for one in several],
            only_missing=only_missing,
            progress=progress,
            arrived=arrived,
        )

    def serve(self, settings: ServerSettings | None = None) -> Server:
        """Offer the database to other viewers by DICOMweb, from now on.

        Parameters
        ----------
        settings : ServerSettings, optional
            Where, to whom, how much; on loopback by default, see
            `network.serving.ServerSettings`.

        Returns
        -------
        Server
            Running; ``stop()`` or the end of a ``with`` block ends it.

        Raises
        ------
        NetworkError
            If the settings are unsafe, or the port cannot be used.
        MissingLibraryError
            If the extra `serve` is not installed.

        Examples
        --------
        >>> from napari_dicomdb import Database
        >>> from napari_dicomdb.network.serving import ServerSettings
        >>> with Database.in_memory() as db, db.serve(ServerSettings(port=0)) as server:
        ...     server.is_running
        True
        """
        from napari_dicomdb.network.serving import Server

        server = Server(self, settings)
        server.start()
        return server
