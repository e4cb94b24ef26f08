"""The list of nodes: one JSON file beside the settings, to take along without secrets."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import NodeError, NotFoundError
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes_lock import changing
from napari_dicomdb.network.secrets import forget_secret
from napari_dicomdb.settings import settings_path, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "add_node",
    "export_nodes",
    "find_node",
    "import_nodes",
    "load_nodes",
    "nodes_path",
    "remove_node",
    "save_nodes",
]

_VERSION = 1
_LARGEST_FILE = 4 * 1024 * 1024
_log = logging.getLogger(__name__)


def nodes_path() -> Path:
    """Return the file of the nodes: ``nodes.json`` in the folder of the settings."""
    return settings_path().parent / "nodes.json"


def load_nodes() -> list[Node]:
    """Return all nodes in order of names; none where there is no file.

    A file that cannot be read is set aside as ``nodes.json.broken``, and an entry
    that cannot be used is left out, both with a warning in the log.
    """
    path = nodes_path()
    try:
        entries = _entries_of(path)
    except FileNotFoundError:
        return []
    except NodeError as error:
        broken = path.with_name(f"{path.name}.broken")
        with suppress(FileNotFoundError):  # another process was quicker
            os.replace(path, broken)
        _log.warning("%s; it was moved to %s", error, broken)
        return []
    nodes, _ = _nodes_of(entries)
    return _sorted(nodes)


def _nodes_of(entries: Iterable[Any]) -> tuple[list[Node], list[Any]]:
    """Return nodes, and the entries that make none."""
    nodes: list[Node] = []
    strange: list[Any] = []
    for entry in entries:
        try:
            nodes.append(Node.from_json(entry))
        except NodeError as error:
            _log.warning("%s: an entry is left out: %s", nodes_path(), error)
            strange.append(entry)
    return nodes, strange


def save_nodes(nodes: Iterable[Node]) -> None:
    """Write the list of nodes: completely, or not at all.

    Entries of the file that this version cannot use, perhaps of a newer one, stay.

    Raises
    ------
    NodeError
        If another process is at it and does not end (reason "nodes-busy").
    """
    with changing(nodes_path()):
        try:
            _, strange = _nodes_of(_entries_of(nodes_path()))
        except (FileNotFoundError, NodeError):
            strange = []
        write_whole(nodes_path(), _as_text(_sorted(nodes), others=strange))


def find_node(name: str) -> Node:
    """Return the node of that name; upper and lower case are the same.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    nodes = load_nodes()
    for node in nodes:
        if node.name.casefold() == name.casefold():
            return node
    known = ", ".join(node.name for node in nodes) or "none yet"
    raise NotFoundError(f"no node is called {name!r:.80}; known: {known}", reason="no-node")


def add_node(node: Node, *, replacing: str | None = None) -> list[Node]:
    """Add a node, or put it in the place of another.

    Parameters
    ----------
    node : Node
    replacing : str, optional
        Name of the node whose place it takes, which may be its own.

    Raises
    ------
    NodeError
        If another node has its name (reason "name-taken").
    NotFoundError
        If there is none to replace.
    """
    with changing(nodes_path()):
        old = find_node(replacing) if replacing is not None else None
        rest = [one for one in load_nodes() if old is None or one.name != old.name]
        if any(one.name.casefold() == node.name.casefold() for one in rest):
            raise NodeError(f"there is a node called {node.name!r} already", reason="name-taken")
        save_nodes([*rest, node])
    if old is not None and old.secret and old.secret != node.secret:
        forget_secret(old.secret)
    return load_nodes()


def remove_node(name: str) -> list[Node]:
    """Remove a node, and its password from the keyring; return those that are left.

    Raises
    ------
    NotFoundError
        If there is none of that name.
    """
    with changing(nodes_path()):
        gone = find_node(name)
        save_nodes(node for node in load_nodes() if node.name != gone.name)
    if gone.secret:
        forget_secret(gone.secret)
    return load_nodes()


def export_nodes(path: str | os.PathLike[str], nodes: Sequence[Node] | None = None) -> int:
    """Write nodes to a file to take along, without passwords and names of keyring entries.

    Parameters
    ----------
    path : path-like
    nodes : sequence of Node, optional
        All by default.

    Returns
    -------
    int
        How many were written.
    """
    chosen = load_nodes() if nodes is None else list(nodes)
    write_whole(Path(path), _as_text(chosen, secrets=False))
    return len(chosen)


def import_nodes(
    path: str | os.PathLike[str], *, replace: bool = False
) -> tuple[list[Node], list[tuple[str, str, str]]]:
    """Add the nodes of a file that `export_nodes` wrote.

    Parameters
    ----------
    path : path-like
    replace : bool
        Whether one of a name that is there takes its place; else it is refused.

    Returns
    -------
    added : list of Node
    rejected : list of (name, reason, text)

    Raises
    ------
    NodeError
        If the file is no list of nodes.
    OSError
        If it cannot be read.
    """
    entries = _entries_of(Path(path))
    with changing(nodes_path()):
        return _imported(entries, replace)


def _imported(
    entries: Sequence[Any], replace: bool
) -> tuple[list[Node], list[tuple[str, str, str]]]:
    known = {node.name.casefold(): node for node in load_nodes()}
    added: list[Node] = []
    rejected: list[tuple[str, str, str]] = []
    for number, entry in enumerate(entries, start=1):
        name = str(entry.get("name", f"entry {number}"))[:64] if isinstance(entry, dict) else ""
        try:
            # Somebody else's file names no entry of our keyring.
            plain = {k: v for k, v in entry.items() if k != "secret"} if name else entry
            node = Node.from_json(plain)
        except NodeError as error:
            rejected.append((name or f"entry {number}", error.reason, str(error)))
            continue
        if node.name.casefold() in known and not replace:
            text = "there is a node of this name already"
            rejected.append((node.name, "name-taken", text))
            continue
        known[node.name.casefold()] = node
        added.append(node)
    if added:
        replaced = [old for old in load_nodes() if known[old.name.casefold()] is not old]
        save_nodes(known.values())
        for old in replaced:
            if old.secret and known[old.name.casefold()].secret != old.secret:
                forget_secret(old.secret)
    return added, rejected


def _entries_of(path: Path) -> list[Any]:
    with open(path, "rb") as file:
        raw = file.read(_LARGEST_FILE + 1)
    try:
        if len(raw) > _LARGEST_FILE:
            raise ValueError("it is too large")
        content = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NodeError(f"{path} is no list of nodes: {error}", reason="bad-file") from error
    entries = content.get("nodes") if isinstance(content, dict) else None
    if not isinstance(entries, list) or content.get("version") != _VERSION:
        raise NodeError(f"{path} is no list of nodes of version {_VERSION}", reason="bad-file")
    return entries


def _as_text(nodes: Iterable[Node], *, secrets: bool = True, others: Sequence[Any] = ()) -> str:
    entries = [*(node.to_json() for node in nodes), *others]
    if not secrets:
        for entry in entries:
            entry.pop("secret", None)
    content = {"version": _VERSION, "nodes": entries}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _sorted(nodes: Iterable[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: node.name.casefold())
