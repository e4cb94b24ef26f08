"""A node: another program that speaks DICOM, and how to reach it. Facts, validated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from napari_dicomdb.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CREDENTIALS", "KINDS", "OUR_AET", "RETRIEVES", "Limits", "Node", "Tls"]

KINDS = ("dimse", "dicomweb")
CREDENTIALS = ("none", "basic", "bearer")
RETRIEVES = ("get", "move")
OUR_AET = "DICOMDB"
"""What we call ourselves unless a node wants another calling AE title."""

_CHARACTER_SET = re.compile(r"(ISO_IR \d+|ISO 2022 IR \d+|GB18030|GBK)?").fullmatch
_HOST = re.compile(r"[^\s/\\@?#\x00-\x1f\x7f]{1,253}").fullmatch
_MOVE_PORT = 11_112
_MAX_SECONDS = 86_400.0
_SMALLEST_PDU, _LARGEST_PDU = 4_096, 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tls:
    """How the connection is encrypted.

    Parameters
    ----------
    ca : str
        File of certificates (PEM) to trust; "": those that the system trusts.
    certificate, key : str
        Our own certificate and its key (PEM files), where the node asks for one;
        "" for none. The key may lie in the certificate's file.
    check_hostname : bool
        Whether the certificate must be for the host that was called.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""
    check_hostname: bool = True

    def __post_init__(self) -> None:
        if self.key and not self.certificate:
            raise NodeError("a TLS key needs its certificate: name both files")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is waited for and taken.

    Parameters
    ----------
    connect_seconds : float
        For the connection and for the answer to the request for an association.
    answer_seconds : float
        For each answer after that.
    max_pdu : int
        Largest PDU that we take, bytes.
    max_results : int
        Answers to a query after which it is stopped, with a message.
    """

    connect_seconds: float = 10.0
    answer_seconds: float = 60.0
    max_pdu: int = 262_144
    max_results: int = 1_000

    def __post_init__(self) -> None:
        for name in ("connect_seconds", "answer_seconds"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 < value <= _MAX_SECONDS:
                raise NodeError(f"{name} must be more than 0 and at most {_MAX_SECONDS:.0f}")
        if type(self.max_pdu) is not int or not _SMALLEST_PDU <= self.max_pdu <= _LARGEST_PDU:
            raise NodeError(f"max_pdu must be a number from {_SMALLEST_PDU} to {_LARGEST_PDU}")
        if type(self.max_results) is not int or self.max_results < 1:
            raise NodeError("max_results must be 1 or more")


@dataclass(frozen=True, slots=True)
class Node:
    """Another program that speaks DICOM, and how to reach it.

    Parameters
    ----------
    name : str
        What we call it: 1 to 64 characters; upper and lower case are the same.
    kind : str
        "dimse" or "dicomweb".
    host, port : str, int
        Of a DIMSE node.
    called_aet, calling_aet : str
        Its AE title, and the one under which we come.
    url : str
        Of a DICOMweb node: its root.
    tls : Tls or None
        None: not encrypted (DIMSE), as the URL says (DICOMweb).
    credentials : str
        "none"; "basic": `user` and a password; "bearer": a token. A DIMSE node
        gets them by user identity negotiation (PS3.7 Annex D.3.3.7).
    user : str
    secret : str
        Under which name the password or token lies in the keyring; never itself.
    retrieve : str
        "get" or "move".
    move_destination : str
        AE title under which the node knows us, and where: what it is told to send to
        (C-MOVE); "": `calling_aet`.
    move_port : int
        The port that it knows, where we listen.
    limits : Limits
    character_set : str
        SpecificCharacterSet of queries; "": as the text needs.

    Raises
    ------
    NodeError
        If a value cannot be used; the message says which and why.
    """

    name: str
    kind: str = "dimse"
    host: str = ""
    port: int = 104
    called_aet: str = "ANY-SCP"
    calling_aet: str = OUR_AET
    url: str = ""
    tls: Tls | None = None
    credentials: str = "none"
    user: str = ""
    secret: str = ""
    retrieve: str = "get"
    move_destination: str = ""
    move_port: int = _MOVE_PORT
    limits: Limits = field(default_factory=Limits)
    character_set: str = ""

    def __post_init__(self) -> None:
        _require_types(self)
        if not 1 <= len(self.name) <= 64 or not self.name.isprintable():
            raise NodeError("a node's name has 1 to 64 characters, none of them a control one")
        if self.name != self.name.strip() or self.name.startswith("-"):
            raise NodeError("a node's name begins with neither a blank nor a dash")
        _require_one_of("kind", self.kind, KINDS)
        _require_one_of("credentials", self.credentials, CREDENTIALS)
        _require_one_of("retrieve", self.retrieve, RETRIEVES)
        if self.credentials == "basic" and not self.user:
            raise NodeError("a password needs the user whose it is")
        if not _CHARACTER_SET(self.character_set):
            raise NodeError(
                f"{self.character_set!r} is no character set of DICOM: for example ISO_IR 192"
            )
        if self.kind == "dimse":
            self._require_dimse()
        else:
            self._require_url()

    def _require_dimse(self) -> None:
        _require_aet("called", self.called_aet)
        _require_aet("calling", self.calling_aet)
        if self.move_destination:
            _require_aet("move destination's", self.move_destination)
        if not 1 <= self.move_port <= 65_535:
            raise NodeError(f"{self.move_port} is no port: it is a number from 1 to 65535")
        if not _HOST(self.host):
            raise NodeError("the host is a name such as pacs.example.org, or an address")
        if not 1 <= self.port <= 65_535:
            raise NodeError(f"{self.port} is no port: it is a number from 1 to 65535")

    def _require_url(self) -> None:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            secret = parts.username is not None or parts.password is not None
            _ = parts.port
        except ValueError:
            usable = secret = False
        if not usable or not self.url.isprintable() or " " in self.url:
            raise NodeError("the URL is that of a DICOMweb service: https://host/dicom-web")
        if secret:
            raise NodeError("leave user and password out of the URL: they go into the keyring")

    @property
    def address(self) -> str:
        """Where it is, for people: "ORTHANC at localhost:4242", or the URL."""
        if self.kind == "dicomweb":
            return self.url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.called_aet} at {host}:{self.port}"

    def to_json(self) -> dict[str, Any]:
        """Return what is written to the file; values that are the default are left out."""
        plain: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.kind == "dimse":
            plain |= {"host": self.host, "port": self.port}
            plain |= {"called_aet": self.called_aet, "calling_aet": self.calling_aet}
        else:
            plain["url"] = self.url
        if self.tls is not None:
            plain["tls"] = {f.name: getattr(self.tls, f.name) for f in fields(Tls)}
        for name in ("credentials", "user", "secret", "retrieve", "character_set"):
            value = getattr(self, name)
            if value not in ("", "none", "get"):  # the defaults
                plain[name] = value
        if self.move_destination:
            plain["move_destination"] = self.move_destination
        if self.move_port != _MOVE_PORT:
            plain["move_port"] = self.move_port
        limits = {
            f.name: getattr(self.limits, f.name)
            for f in fields(Limits)
            if getattr(self.limits, f.name) != f.default
        }
        return plain | ({"limits": limits} if limits else {})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Node:
        """Make a node of what `to_json` gives.

        Raises
        ------
        NodeError
            If something is missing, unknown or cannot be used.
        """
        if not isinstance(values, dict):
            raise NodeError("a node is a JSON object")
        given = dict(values)
        tls, limits = given.pop("tls", None), given.pop("limits", {})
        known = {f.name for f in fields(cls)}
        unknown = sorted(str(name) for name in given.keys() - known)
        if unknown:
            raise NodeError(f"unknown entries of a node: {', '.join(unknown)}")
        if "name" not in given:
            raise NodeError("a node needs a name")
        try:
            return cls(
                **given,
                tls=None if tls is None else Tls(**tls),
                limits=Limits(**limits),
            )
        except TypeError as error:
            raise NodeError(f"entries of node {str(given['name'])[:64]!r}: {error}") from error


def _require_types(node: Node) -> None:
    for one in fields(Node):
        value = getattr(node, one.name)
        if one.name in ("tls", "limits"):
            continue
        wanted = int if one.name in ("port", "move_port") else str
        if type(value) is not wanted:
            raise NodeError(f"{one.name} must be {'a number' if wanted is int else 'a text'}")
    for name in ("ca", "certificate", "key"):
        if node.tls is not None and not isinstance(getattr(node.tls, name), str):
            raise NodeError(f"tls.{name} must be a text")


def _require_one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise NodeError(f"{what} is one of {', '.join(allowed)}, not {value!r:.40}")


def _require_aet(which: str, title: str) -> None:
    """Refuse what is no AE title (PS3.5 Section 6.2: 16 characters, no backslash)."""
    good = title.isascii() and title.isprintable() and "\\" not in title
    if not good or not title.strip() or len(title) > 16 or title != title.strip():
        raise NodeError(
            f"the {which} AE title has 1 to 16 plain characters, no backslash, "
            "no blank at its ends"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
