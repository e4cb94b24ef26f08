"""The verb that serves the database to other viewers by DICOMweb."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, say, say_error
from napari_dicomdb.errors import DatabaseError, MissingLibraryError, NodeError, NotFoundError

if TYPE_CHECKING:
    from napari_dicomdb.api import Database

__all__ = ["register", "serve"]


def serve(
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="Port; 0: a free one.")
    ] = 8043,
    bind: Annotated[
        str,
        typer.Option(
            "--bind",
            metavar="ADDRESS",
            help="Address to listen at; beyond this computer, a token and TLS are needed.",
        ),
    ] = "127.0.0.1",
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Ask everybody for the token in its first line (or in DICOMDB_SERVE_TOKEN).",
        ),
    ] = None,
    new_token: Annotated[
        bool,
        typer.Option(
            "--new-token", help="Make a token, show it once, and keep it in the keyring."
        ),
    ] = False,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate (PEM).")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key (PEM).")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Take nothing: no STOW-RS.")
    ] = False,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin",
            metavar="URL",
            help="Let web pages from there read answers (CORS): http://localhost:3000.",
        ),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", metavar="NAME", help="Answer to this name of the server only."),
    ] = None,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Serve the database to other viewers by DICOMweb (QIDO-RS, WADO-RS, STOW-RS).

    Stop with Ctrl+C.
    """
    from napari_dicomdb.network.serving import Server, ServerSettings
    from napari_dicomdb.network.serving.settings import is_loopback

    if token_file is not None and new_token:
        raise typer.BadParameter("give either --token-file or --new-token")
    token = _token(token_file, new_token, is_loopback(bind))
    settings = ServerSettings(
        port=port,
        bind=bind,
        token=token,
        tls_certificate="" if tls_cert is None else str(tls_cert),
        tls_key="" if tls_key is None else str(tls_key),
        read_only=read_only,
        origins=tuple(origin or ()),
        hosts=tuple(name.lower() for name in host or ()),
    )
    settings.check()
    with _opened(db, read_only) as database:
        server = Server(database, settings)
        stopped = threading.Event()
        before = signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        try:
            server.start()
            _tell(server, database, token if new_token else "", json_)
            _wait(stopped)
        finally:
            server.stop()
            signal.signal(signal.SIGTERM, before)
    if not json_:
        say("stopped")


def _wait(stopped: threading.Event) -> None:
    try:
        # In steps: on Windows Ctrl+C does not end a wait.
        while not stopped.wait(0.5):
            pass
    except KeyboardInterrupt:
        return


def _token(file: Path | None, new: bool, is_local: bool) -> str:
    from napari_dicomdb.network.serving import tokens

    if file is not None:
        return tokens.token_from_file(file)
    if new:
        try:
            return tokens.make_token()
        except (NodeError, MissingLibraryError) as error:
            say_error(f"{error}; the new token holds until the server stops", error.reason)
            from napari_dicomdb.network.serving import new_token as made

            return made()
    found = tokens.token_of_environment()
    if found or is_local:
        return found
    try:
        return tokens.kept_token()
    except (NodeError, MissingLibraryError) as error:
        say_error(str(error), error.reason)
        return ""


def _opened(directory: Path | None, read_only: bool) -> Database:
    if read_only:
        return open_database(directory, read_only=True)
    try:
        return open_database(directory)
    except NotFoundError:
        raise
    except DatabaseError:  # one that may only be read can be served, too
        return open_database(directory, read_only=True)


def _tell(server: Any, database: Database, token: str, json_: bool) -> None:
    takes = not (server.settings.read_only or database.read_only)
    if json_:
        told = {"url": server.url, "port": server.address[1], "store": takes}
        if token:
            told["token"] = token
        if server.settings.token:
            told["token_needed"] = True
        print_json(told)
        return
    say(f"serving at {server.url}{'' if takes else ' (nothing is taken)'}; Ctrl+C stops")
    if token:
        say(f"token, shown this once: {token}")
    elif server.settings.token:
        say("who asks must give the token")


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("serve")(serve)
