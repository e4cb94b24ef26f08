"""What a job must be told before it can be added, and what it is called."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.jobs.job import KINDS
from napari_dicomdb.network.jobs.selection import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["checked", "title_of"]

_QUERY = ("level", "keys", "root", "returned", "limit", "fuzzy")
_KEYS = {
    "echo": (),
    "find": (*_QUERY, "nodes"),
    "retrieve": ("wanted", "only_missing"),
    "send": (*LEVELS, "transcode", "commitment", "deidentify", "salt"),
    "import": ("paths", "copy"),
    "export": (*LEVELS, "to", "form", "dicomdir", "archive", "deidentify"),
}
_NEEDS_NODE = ("echo", "retrieve", "send")
_WANTED = ("level", "patient_id", "study_uid", "series_uid", "instance_uids")
_ONE = {"studies": "study", "series": "series", "instances": "instance"}
_MANY = {"patient": "patients", "study": "studies", "series": "series", "instance": "instances"}


def checked(kind: str, what: Mapping[str, Any], node: str) -> dict[str, Any]:
    """Return what a job is to do as it can be kept: paths absolute, nothing unknown.

    Raises
    ------
    DicomDbError
        "bad-job": it cannot be done; the message says why.
    """
    if kind not in KINDS:
        raise _bad(f"there is no kind of job called {kind!r:.40}: {', '.join(KINDS)}")
    unknown = sorted(set(what) - set(_KEYS[kind]))
    if unknown:
        raise _bad(f"a job of kind {kind} knows no {', '.join(map(str, unknown))}")
    if kind in _NEEDS_NODE and not node:
        raise _bad(f"a job of kind {kind} needs a node")
    made = {key: value for key, value in what.items() if value is not None}
    if kind == "find":
        made = _query(made, node)
    elif kind == "retrieve":
        made["wanted"] = _wanted(made.get("wanted"))
    elif kind == "import":
        made["paths"] = _paths(made.get("paths"))
    elif kind in ("send", "export"):
        _check_selection(made)
        if "deidentify" in made and not isinstance(made["deidentify"], dict):
            raise _bad("what copies shall keep are the choices of a profile")
    if kind == "send" and "deidentify" in made:
        # Attempts after a break must make the same UIDs as the first one.
        made.setdefault("salt", secrets.token_hex(16))
    if kind == "export":
        (made["to"],) = _paths([made.get("to", "")])
    try:
        plain = json.loads(json.dumps(made))
    except (TypeError, ValueError) as error:
        raise _bad(f"what the job is to do cannot be kept: {error}") from error
    return dict(plain)


def _bad(text: str) -> DicomDbError:
    return DicomDbError(text, reason="bad-job")


def _query(what: dict[str, Any], node: str) -> dict[str, Any]:
    from napari_dicomdb.network.query import Query

    nodes = what.get("nodes")
    if nodes is None and not node:
        raise _bad("a job of kind find needs a node, or a list of nodes")
    if nodes is not None and (not nodes or not _are_texts(nodes)):
        raise _bad("the nodes of a query are a list of names")
    query = Query.from_json({key: value for key, value in what.items() if key != "nodes"})
    return query.to_json() | ({} if nodes is None else {"nodes": list(nodes)})


def _wanted(wanted: Any) -> list[dict[str, Any]]:
    from napari_dicomdb.network.retrieve_report import Wanted

    if not wanted or not isinstance(wanted, list | tuple):
        raise _bad("say what to retrieve: a list of what is wanted")
    try:
        several = [one if isinstance(one, Wanted) else Wanted(**one) for one in wanted]
    except TypeError as error:
        raise _bad(f"what is wanted has the keys {', '.join(_WANTED)}") from error
    return [one.to_json() for one in several]


def _check_selection(what: Mapping[str, Any]) -> None:
    lists = [what[level] for level in LEVELS if what.get(level)]
    if not lists:
        raise _bad("say of what: UIDs of studies, series or instances")
    if not all(map(_are_texts, lists)):
        raise _bad("studies, series and instances are lists of UIDs")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def _paths(value: Any) -> list[str]:
    several = [value] if isinstance(value, str | os.PathLike) else list(value or ())
    texts = [os.fspath(one) for one in several]
    if not texts or not all(texts) or not _are_texts(texts):
        raise _bad("name the files and folders; an empty path names none")
    # The process that does it may have another working folder.
    return [os.path.abspath(text) for text in texts]


def title_of(kind: str, what: Mapping[str, Any], node: str) -> str:
    """Return a title that names nobody.

    Examples
    --------
    >>> title_of("send", {"series": ["1.2", "1.3"]}, "PACS")
    'Send 2 series to PACS'
    """
    if kind == "echo":
        return f"Test {node}"
    if kind == "find":
        nodes = what.get("nodes") or [node]
        where = (nodes[0] or "this database") if len(nodes) == 1 else f"{len(nodes)} nodes"
        return f"Find {_MANY.get(what.get('level', 'study'), 'studies')} at {where}"
    if kind == "import":
        count = len(what["paths"])
        return f"Import {count} {'file or folder' if count == 1 else 'files or folders'}"
    if kind == "retrieve":
        counts: dict[str, int] = {}
        for one in what["wanted"]:
            number = len(one.get("instance_uids") or ()) if one["level"] == "instance" else 1
            counts[one["level"]] = counts.get(one["level"], 0) + max(number, 1)
        parts = [f"{n} {level if n == 1 else _MANY[level]}" for level, n in counts.items()]
        return f"Retrieve {', '.join(parts)} from {node}"
    parts = [
        f"{len(what[level])} {_ONE[level] if len(what[level]) == 1 else level}"
        for level in LEVELS
        if what.get(level)
    ]
    verb = {"send": "Send", "export": "Export"}[kind]
    how = " anonymised" if "deidentify" in what else ""
    return f"{verb} {', '.join(parts)}{how}" + (f" to {node}" if node else "")
