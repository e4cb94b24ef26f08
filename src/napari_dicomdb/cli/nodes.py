"""The verbs about other DICOM programs: nodes, echo."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.options import JsonOption
from napari_dicomdb.cli.output import print_json, print_table, rejected_rows, say, say_error
from napari_dicomdb.errors import NodeError

if TYPE_CHECKING:
    from napari_dicomdb.network.echo import EchoResult
    from napari_dicomdb.network.node import Node, Tls

__all__ = ["echo", "register"]

nodes = typer.Typer(
    name="nodes",
    help="Other DICOM programs, such as a PACS: add, list, remove, test, take along.",
    no_args_is_help=True,
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the node is called.")]


FileOption = partial(typer.Option, metavar="FILE", exists=True, dir_okay=False)


@nodes.command("add")
def add(
    context: typer.Context,
    name: NameArgument,
    host: Annotated[str, typer.Option("--host", metavar="H", help="Name or address.")] = "",
    port: Annotated[
        int,
        typer.Option("--port", metavar="P", min=1, max=65535, help="Of its DICOM service."),
    ] = 104,
    aet: Annotated[str, typer.Option("--aet", metavar="CALLED", help="Its AE title.")] = "ANY-SCP",
    calling: Annotated[
        str, typer.Option("--calling", metavar="AET", help="AE title under which we come.")
    ] = "DICOMDB",
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Root of a DICOMweb service, instead.")
    ] = "",
    retrieve: Annotated[
        str, typer.Option("--retrieve", metavar="get|move", help="How images are fetched.")
    ] = "get",
    tls: Annotated[bool, typer.Option("--tls/--no-tls", help="Encrypt the connection.")] = False,
    ca: Annotated[
        Path | None,
        FileOption("--ca", help="Certificates to trust, if not the system's."),
    ] = None,
    certificate: Annotated[
        Path | None, FileOption("--cert", help="Our certificate, if it asks.")
    ] = None,
    key: Annotated[Path | None, FileOption("--key", help="Key of our certificate.")] = None,
    check_hostname: Annotated[
        bool,
        typer.Option(
            "--check-hostname/--no-check-hostname",
            help="Whether its certificate must be for the host.",
        ),
    ] = True,
    user: Annotated[
        str, typer.Option("--user", metavar="U", help="Log in; the password is asked for.")
    ] = "",
    token: Annotated[
        bool, typer.Option("--token", help="Log in with a token, which is asked for.")
    ] = False,
    no_login: Annotated[
        bool, typer.Option("--no-login", help="Log in no more; with --replace.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", help="Seconds to wait for a connection.")
    ] = 10.0,
    answer_timeout: Annotated[
        float, typer.Option("--answer-timeout", metavar="S", help="Seconds to wait for an answer.")
    ] = 60.0,
    max_results: Annotated[
        int,
        typer.Option("--max-results", metavar="N", help="Answers after which a query is stopped."),
    ] = 1_000,
    max_pdu: Annotated[
        int, typer.Option("--max-pdu", metavar="BYTES", help="Largest PDU that we take.")
    ] = 262_144,
    move_destination: Annotated[
        str,
        typer.Option(
            "--move-destination",
            "--move-aet",
            metavar="AET",
            help="AE title that it sends to (C-MOVE).",
        ),
    ] = "",
    move_port: Annotated[
        int,
        typer.Option(
            "--move-port",
            metavar="P",
            min=1,
            max=65535,
            help="The port where it sends to (C-MOVE).",
        ),
    ] = 11_112,
    character_set: Annotated[
        str,
        typer.Option("--character-set", metavar="CS", help="Of queries, e.g. ISO_IR 192."),
    ] = "",
    replacing: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Change the node of this name; what is not named stays.",
        ),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Keep a node, or change one (`--replace`).

    A password goes into the system's keyring, never into a file. On computers without
    a keyring, set the environment variable DICOMDB_SECRET_<NAME> instead, with the name
    in capitals and _ for all but letters and digits.
    """
    from napari_dicomdb.network.node import Limits, Node
    from napari_dicomdb.network.nodes import add_node, find_node
    from napari_dicomdb.network.secrets import (
        forget_secret,
        is_in_environment,
        keep_secret,
        secret_variable,
    )

    if (user and token) or (no_login and (user or token)):
        raise typer.BadParameter("give one of --user, --token and --no-login")
    if (not replacing and bool(url) == bool(host)) or (url and host):
        raise typer.BadParameter("give either --host (and --port, --aet) or --url")
    old = find_node(name) if replacing else None
    named = {key for key in context.params if old is None or _is_named(context, key)}
    given: dict[str, object] = {
        "host": host,
        "port": port,
        "called_aet": aet,
        "calling_aet": calling,
        "url": url,
        "retrieve": retrieve,
        "move_destination": move_destination,
        "move_port": move_port,
        "character_set": character_set,
    }
    options = {"called_aet": "aet", "calling_aet": "calling"}
    changes = {key: value for key, value in given.items() if options.get(key, key) in named}
    if url or host:
        changes |= {"kind": "dicomweb" if url else "dimse", "url": url}
    if user or token or no_login or old is None:
        credentials = "basic" if user else "bearer" if token else "none"
        changes |= {"credentials": credentials, "user": user, "secret": ""}
    limits = {
        "connect_seconds": timeout,
        "answer_seconds": answer_timeout,
        "max_pdu": max_pdu,
        "max_results": max_results,
    }
    options = {"connect_seconds": "timeout", "answer_seconds": "answer_timeout"}
    limits = {key: value for key, value in limits.items() if options.get(key, key) in named}
    try:
        changes["tls"] = _tls_of(context, old)
        if old is None:
            node = Node(name, limits=Limits(**limits), **changes)  # type: ignore[arg-type]
        else:
            changes["limits"] = replace(old.limits, **limits)  # type: ignore[arg-type]
            node = replace(old, name=name, **changes)  # type: ignore[arg-type]
    except NodeError as error:
        raise typer.BadParameter(str(error)) from error
    secret = ""
    if (user or token) and not is_in_environment(name):
        what = "Password" if user else "Token"
        secret = keep_secret(_asked(what), variable=secret_variable(name))
        node = replace(node, secret=secret)
    try:
        add_node(node, replacing=name if replacing else None)
    except BaseException:
        if secret:
            forget_secret(secret)
        raise
    if json_:
        print_json(_shown(node))
    else:
        say(f"{node.name}: {node.address}")


def _tls_of(context: typer.Context, old: Node | None) -> Tls | None:
    """Return how the connection is encrypted: as named, else as it was."""
    from napari_dicomdb.network.node import Tls

    before = old.tls if old is not None else None
    given = context.params
    # Files are looked for wherever the command runs later: write whole paths (older typers give
    # texts here).
    files = {"ca": given["ca"], "certificate": given["certificate"], "key": given["key"]}
    changes: dict[str, object] = {k: str(Path(v).absolute()) for k, v in files.items() if v}
    if _is_named(context, "check_hostname"):
        changes["check_hostname"] = given["check_hostname"]
    if given["tls"] or changes:
        return replace(before or Tls(), **changes)  # type: ignore[arg-type]
    return None if _is_named(context, "tls") else before


def _is_named(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def _asked(what: str) -> str:
    """Ask at the terminal without showing it, or read the first line of a pipe."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, err=True))
    secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise typer.BadParameter(f"no {what.lower()} on standard input")
    return secret


def _shown(node: Node) -> dict[str, object]:
    return {k: v for k, v in node.to_json().items() if k != "secret"}


@nodes.command("ls")
def ls(json_: JsonOption = False) -> None:
    """List the nodes."""
    from napari_dicomdb.network.nodes import load_nodes

    known = load_nodes()
    if json_:
        print_json([_shown(node) for node in known])
        return
    if not known:
        say("no nodes yet: dicomdb nodes add NAME --host H --port P --aet TITLE (or --url URL)")
        return
    print_table(
        ("name", "kind", "address", "as", "TLS", "login"),
        (
            (
                node.name,
                node.kind,
                node.address,
                node.calling_aet if node.kind == "dimse" else "",
                "yes" if node.tls or node.url.startswith("https") else "",
                node.user or ("token" if node.credentials == "bearer" else ""),
            )
            for node in known
        ),
    )


@nodes.command("rm")
def rm(name: NameArgument, json_: JsonOption = False) -> None:
    """Forget a node, and its password."""
    from napari_dicomdb.network.nodes import remove_node

    left = remove_node(name)
    if json_:
        print_json([_shown(node) for node in left])


@nodes.command("export")
def export(
    path: Annotated[Path, typer.Argument(metavar="FILE.json", help="Where to write.")],
    json_: JsonOption = False,
) -> None:
    """Write all nodes to a file to take along, without passwords."""
    from napari_dicomdb.network.nodes import export_nodes

    count = export_nodes(path)
    if json_:
        print_json({"nodes": count})
    else:
        say(f"{count} nodes written to {path}, without passwords")


@nodes.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE.json", help="That `export` wrote.")],
    replacing: Annotated[
        bool, typer.Option("--replace", help="Replace nodes of the same name.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Add the nodes of a file."""
    from napari_dicomdb.network.nodes import import_nodes

    added, rejected = import_nodes(path, replace=replacing)
    if json_:
        rows = [_shown(node) for node in added]
        print_json({"added": rows, "rejected": rejected_rows(rejected)})
    else:
        say(f"{len(added)} nodes added")
        for node in added:
            if node.credentials != "none":
                what = "--token" if node.credentials == "bearer" else f"--user {node.user}"
                again = f"dicomdb nodes add {node.name!r} --replace {what}"
                say(f"{node.name} needs its login again: {again}")
    for name, reason, text in rejected:
        say_error(f"{name}: {text}", reason)
    if rejected:
        raise typer.Exit(1)


@nodes.command("test")
def test(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="All when none is named.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Ask nodes whether they answer, and say what is wrong where they do not."""
    from napari_dicomdb.network.echo import check_node
    from napari_dicomdb.network.nodes import find_node, load_nodes

    chosen = [find_node(name) for name in names] if names else load_nodes()
    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(lambda node: check_node(node, facts=True), chosen))
    _tell(results, json_)


def echo(name: NameArgument, json_: JsonOption = False) -> None:
    """Ask a node whether it answers (C-ECHO)."""
    from napari_dicomdb.network.echo import check_node
    from napari_dicomdb.network.nodes import find_node

    _tell([check_node(find_node(name))], json_)


def _tell(results: list[EchoResult], json_: bool) -> None:
    if json_:
        print_json([result.to_json() for result in results])
    for result in results:
        if not result.ok:
            say_error(f"{result.node}: {result.text}", result.reason)
        elif not json_:
            say(f"{result.node}: {result.text} ({1000 * result.seconds:.0f} ms)")
        if result.offer is not None and not json_:
            say(f"  {result.offer.text}")
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.add_typer(nodes)
    app.command("echo")(echo)
