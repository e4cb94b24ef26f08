"""The verbs about other DICOM programs: nodes, echo."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.options import JsonOption
from napari_dicomdb.cli.output import print_json, print_table, rejected_rows, say, say_error

if TYPE_CHECKING:
    from napari_dicomdb.network.echo import EchoResult
    from napari_dicomdb.network.node import Node

__all__ = ["echo", "register"]

nodes = typer.Typer(
    name="nodes",
    help="Other DICOM programs, such as a PACS: add, list, remove, test, take along.",
    no_args_is_help=True,
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the node is called.")]


def _ending_of_tls(
    tls: bool, ca: Path | None, certificate: Path | None, key: Path | None, check: bool
) -> dict[str, object] | None:
    if not (tls or ca or certificate or key or not check):
        return None
    # Files are looked for wherever the command runs later: write whole paths.
    named = {"ca": ca, "certificate": certificate, "key": key}
    files = {name: str(path.absolute()) if path else "" for name, path in named.items()}
    return {**files, "check_hostname": check}


@nodes.command("add")
def add(
    name: NameArgument,
    host: Annotated[str, typer.Option("--host", metavar="H", help="Name or address.")] = "",
    port: Annotated[int, typer.Option("--port", metavar="P", help="Of its DICOM service.")] = 104,
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
    tls: Annotated[bool, typer.Option("--tls", help="Encrypt the connection.")] = False,
    ca: Annotated[
        Path | None,
        typer.Option("--ca", metavar="FILE", help="Certificates to trust, if not the system's."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--cert", metavar="FILE", help="Our certificate, if it asks.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Key of our certificate.")
    ] = None,
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
        typer.Option("--move-port", metavar="P", help="The port where it sends to (C-MOVE)."),
    ] = 11_112,
    character_set: Annotated[
        str,
        typer.Option("--character-set", metavar="CS", help="Of queries, e.g. ISO_IR 192."),
    ] = "",
    replacing: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Take the place of the node of this name; options not named have their defaults.",
        ),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Keep a node. A password goes into the system's keyring, never into a file."""
    from napari_dicomdb.network.node import Limits, Node, Tls
    from napari_dicomdb.network.nodes import add_node
    from napari_dicomdb.network.secrets import forget_secret, keep_secret

    if bool(url) == bool(host):
        raise typer.BadParameter("give either --host (and --port, --aet) or --url")
    if user and token:
        raise typer.BadParameter("give either --user or --token")
    encrypted = _ending_of_tls(tls, ca, certificate, key, check_hostname)
    node = Node(
        name,
        kind="dicomweb" if url else "dimse",
        host=host,
        port=port,
        called_aet=aet,
        calling_aet=calling,
        url=url,
        tls=None if encrypted is None else Tls(**encrypted),  # type: ignore[arg-type]
        credentials="basic" if user else "bearer" if token else "none",
        user=user,
        retrieve=retrieve,
        move_destination=move_destination,
        move_port=move_port,
        limits=Limits(
            connect_seconds=timeout,
            answer_seconds=answer_timeout,
            max_pdu=max_pdu,
            max_results=max_results,
        ),
        character_set=character_set,
    )
    secret = keep_secret(_asked("Password" if user else "Token")) if user or token else ""
    try:
        add_node(replace(node, secret=secret), replacing=name if replacing else None)
    except BaseException:
        if secret:
            forget_secret(secret)
        raise
    if json_:
        print_json(_shown(node))
    else:
        say(f"{node.name}: {node.address}")


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
                again = f"dicomdb nodes add {node.name!r} --replace {what} ..."
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
