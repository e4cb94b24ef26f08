"""The verb that takes what other DICOM programs send: listen."""

from __future__ import annotations

import json
import logging
import queue
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import say, say_error, visible
from napari_dicomdb.errors import NodeError

if TYPE_CHECKING:
    from napari_dicomdb.network.listener import Listener
    from napari_dicomdb.network.listener_events import ListenerEvent
    from napari_dicomdb.network.listener_settings import ListenerSettings, ListenerTls

__all__ = ["listen", "register"]

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_size = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE).fullmatch
_QUIET = frozenset({"stored", "associated", "released"})  # too many to be said to people
_WRONG = frozenset({"rejected", "broken", "refused"})
_TURN = 0.5
_NOWHERE = logging.NullHandler()


def listen(
    aet: Annotated[
        str | None, typer.Option("--aet", metavar="TITLE", help="Our AE title.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", min=0, max=65535, help="Port; 0: a free one."),
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option(
            "--bind",
            metavar="ADDRESS",
            help="Address to listen at: 127.0.0.1 for this computer alone, 0.0.0.0 for all.",
        ),
    ] = None,
    allow_aet: Annotated[
        list[str] | None,
        typer.Option("--allow-aet", metavar="TITLE", help="Calling AE title that may store."),
    ] = None,
    allow_from: Annotated[
        list[str] | None,
        typer.Option("--allow-from", metavar="ADDRESS", help="Address or network (10.1.0.0/16)."),
    ] = None,
    allow_any: Annotated[
        bool, typer.Option("--allow-any", help="Drop the saved lists of who may store.")
    ] = False,
    any_called_aet: Annotated[
        bool | None,
        typer.Option(
            "--any-called-aet/--our-aet-only", help="Whether we answer to other AE titles."
        ),
    ] = None,
    max_associations: Annotated[
        int | None, typer.Option("--max-associations", metavar="N", help="At the same time.")
    ] = None,
    max_object: Annotated[
        str | None,
        typer.Option("--max-object", metavar="SIZE", help="Largest object: 500M, 2G."),
    ] = None,
    idle: Annotated[
        float | None,
        typer.Option("--idle", metavar="S", help="Seconds of silence that end an association."),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate (PEM).")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key (PEM).")
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            "--tls-ca", metavar="FILE", help="Peers must show a certificate signed by these (PEM)."
        ),
    ] = None,
    no_tls: Annotated[
        bool, typer.Option("--no-tls", help="Not encrypted, whatever was saved.")
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="Keep these settings, for the window, too.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Take what other DICOM programs send (C-STORE), and put it into the database.

    What is not said is as it was saved; at first: AE title DICOMDB, port 11112, this
    computer alone. Stop with Ctrl+C: nothing that was acknowledged is lost.
    """
    from napari_dicomdb.network.listener import Listener
    from napari_dicomdb.network.listener_settings import (
        load_listener_settings,
        save_listener_settings,
    )

    before = load_listener_settings()
    if allow_any:
        if allow_aet or allow_from:
            raise typer.BadParameter("give either --allow-any or whom to allow")
        before = replace(before, allowed_aets=(), allowed_addresses=())
    given: dict[str, Any] = {
        "aet": aet,
        "port": port,
        "bind": bind,
        "allowed_aets": tuple(allow_aet) if allow_aet else None,
        "allowed_addresses": tuple(allow_from) if allow_from else None,
        "any_called_aet": any_called_aet,
        "max_associations": max_associations,
        "max_object_bytes": None if max_object is None else _bytes_of(max_object),
        "idle_seconds": idle,
    }
    try:
        settings = replace(before, **{k: v for k, v in given.items() if v is not None})
        settings = replace(settings, tls=_tls(before, tls_cert, tls_key, tls_ca, no_tls))
    except NodeError as error:
        raise typer.BadParameter(str(error)) from error
    if settings.is_open:
        say_error("anybody on the network may store here: see --allow-aet, --allow-from, --tls-ca")
    # Its events are said: without a handler, Python would write its warnings to stderr, too.
    logging.getLogger("napari_dicomdb.network.served_association").addHandler(_NOWHERE)
    with open_database(db, create=True) as database:
        events: queue.SimpleQueue[ListenerEvent | None] = queue.SimpleQueue()
        listener = Listener(database, settings, on_event=events.put)
        handler = signal.signal(signal.SIGTERM, lambda *_: events.put(None))
        try:
            listener.start()
            if save:
                save_listener_settings(settings)
            _follow(events, json_)
        finally:
            _stop(listener, events, json_)
            signal.signal(signal.SIGTERM, handler)


def _follow(events: queue.SimpleQueue[ListenerEvent | None], json_: bool) -> None:
    try:
        while True:
            try:
                # In steps: on Windows Ctrl+C does not end a wait.
                event = events.get(timeout=_TURN)
            except queue.Empty:
                continue
            if event is None:
                return
            _tell(event, json_)
    except KeyboardInterrupt:
        return


def _stop(
    listener: Listener, events: queue.SimpleQueue[ListenerEvent | None], json_: bool
) -> None:
    listener.stop()
    while not events.empty():
        event = events.get()
        if event is not None:
            _tell(event, json_)


def _tell(event: ListenerEvent, json_: bool) -> None:
    if json_:
        typer.echo(json.dumps(event.to_json()))
        return
    if event.kind in _QUIET:
        return
    who = f"{visible(event.peer)}: " if event.peer else ""
    if event.kind in _WRONG:
        say_error(f"{who}{event.uid + ': ' if event.uid else ''}{event.text}", event.reason)
    else:
        say(f"{who}{visible(event.text)}")


def _tls(
    before: ListenerSettings,
    certificate: Path | None,
    key: Path | None,
    ca: Path | None,
    none: bool,
) -> ListenerTls | None:
    from napari_dicomdb.network.listener_settings import ListenerTls

    named = [path for path in (certificate, key, ca) if path is not None]
    if none:
        if named:
            raise typer.BadParameter("give either --no-tls or files of TLS")
        return None
    if not named:
        return before.tls
    if certificate is None:
        raise typer.BadParameter("--tls-key and --tls-ca need --tls-cert")
    texts = ["" if path is None else str(path.absolute()) for path in (certificate, key, ca)]
    return ListenerTls(*texts)


def _bytes_of(text: str) -> int:
    found = _size(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no size: write 500M or 2G")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("listen")(listen)
