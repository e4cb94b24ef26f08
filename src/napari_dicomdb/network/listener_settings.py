"""How the listener listens: facts, validated, and remembered for window and command."""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import NodeError
from napari_dicomdb.network.node import OUR_AET
from napari_dicomdb.settings import change_settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ListenerSettings",
    "ListenerTls",
    "load_listener_settings",
    "save_listener_settings",
]

_LONGEST_TITLE = 16
_SMALLEST_PDU, _LARGEST_PDU = 4_096, 16 * 1024 * 1024
_MOST_ASSOCIATIONS = 1_000
_DAY = 86_400.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """How connections to the listener are encrypted.

    Parameters
    ----------
    certificate, key : str
        Ours (PEM files); the key may lie in the certificate's file.
    ca : str
        File of certificates (PEM): who connects must show one that these signed.
        "": nobody needs one.
    """

    certificate: str
    key: str = ""
    ca: str = ""

    def __post_init__(self) -> None:
        if not all(isinstance(x, str) for x in (self.certificate, self.key, self.ca)):
            raise NodeError("the files of TLS must be texts", reason="bad-listener")
        if not self.certificate:
            raise NodeError("TLS needs a certificate and its key", reason="bad-listener")


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """How the listener listens.

    Parameters
    ----------
    aet : str
        Our AE title.
    port : int
        0: one that is free.
    bind : str
        Address at which others reach us: "127.0.0.1" is this computer alone,
        "0.0.0.0" is every network.
    any_called_aet : bool
        Whether peers may call us by another AE title.
    allowed_aets : tuple of str
        Calling AE titles that may come; empty: all.
    allowed_addresses : tuple of str
        Addresses and networks that may come ("10.1.2.3", "10.1.0.0/16"); empty: all.
    max_associations : int
        At the same time; more are told to try again later.
    max_object_bytes : int
        Largest data set that is stored.
    max_pdu : int
        Largest PDU that we take, bytes.
    idle_seconds : float
        After which a silent association is broken off.
    tls : ListenerTls or None
        None: not encrypted.

    Raises
    ------
    NodeError
        If a value cannot be used (reason "bad-listener"); the message says which.
    """

    aet: str = OUR_AET
    port: int = 11_112
    bind: str = "127.0.0.1"
    any_called_aet: bool = False
    allowed_aets: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    max_associations: int = 32
    max_object_bytes: int = 8 << 30
    max_pdu: int = 262_144
    idle_seconds: float = 120.0
    tls: ListenerTls | None = None

    def __post_init__(self) -> None:
        for name in ("allowed_aets", "allowed_addresses"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(x, str) for x in value):
                raise _bad(f"{name} must be a list of texts")
            object.__setattr__(self, name, tuple(x.strip() for x in value))
        for title in (self.aet, *self.allowed_aets):
            if not _is_title(title):
                raise _bad(f"{title!r:.40} is no AE title: 1 to 16 ASCII characters, no backslash")
        if type(self.port) is not int or not 0 <= self.port <= 65_535:
            raise _bad("the port must be a number from 0 to 65535")
        if not _is_address(self.bind):
            raise _bad(f"{self.bind!r:.60} is no IP address: use 127.0.0.1, or 0.0.0.0 for all")
        for address in self.allowed_addresses:
            if not _is_network(address):
                raise _bad(f"{address!r:.60} is neither an IP address nor a network")
        _within(self.max_associations, 1, _MOST_ASSOCIATIONS, "max_associations")
        _within(self.max_object_bytes, 1, 1 << 50, "max_object_bytes")
        _within(self.max_pdu, _SMALLEST_PDU, _LARGEST_PDU, "max_pdu")
        if type(self.idle_seconds) not in (int, float) or not 0 < self.idle_seconds <= _DAY:
            raise _bad(f"idle_seconds must be more than 0 and at most {_DAY:.0f}")

    @property
    def is_local(self) -> bool:
        """Whether only programs of this computer reach us."""
        return ipaddress.ip_address(self.bind).is_loopback

    @property
    def is_open(self) -> bool:
        """Whether anybody on the network may store here."""
        trusted = self.allowed_aets or self.allowed_addresses or (self.tls and self.tls.ca)
        return not self.is_local and not trusted

    def allows_address(self, address: str) -> bool:
        """Whether a peer may come from there."""
        if not self.allowed_addresses:
            return True
        try:
            peer = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)
        peer = mapped or peer
        networks = (ipaddress.ip_network(x, strict=False) for x in self.allowed_addresses)
        return any(peer.version == one.version and peer in one for one in networks)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a dict that `json.dumps` accepts."""
        values = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ListenerSettings:
        """Make settings of what `to_json` returned; what is not known is passed over.

        Raises
        ------
        NodeError
            If a value cannot be used.
        """
        known = {one.name for one in fields(cls)}
        given = {k: v for k, v in values.items() if k in known}
        tls = given.get("tls")
        try:
            if tls is not None:
                given["tls"] = ListenerTls(**tls)
            return cls(**given)
        except (TypeError, AttributeError) as error:
            raise _bad("a value has a wrong type") from error


def load_listener_settings() -> ListenerSettings:
    """Return what was saved; the defaults where nothing was, or it cannot be used."""
    try:
        return ListenerSettings.from_json(load_settings().listener)
    except NodeError as error:
        _log.warning("the settings of the listener cannot be used: %s", error)
        return ListenerSettings()


def save_listener_settings(settings: ListenerSettings) -> None:
    """Remember the settings for the next session."""
    change_settings(lambda before: replace(before, listener=settings.to_json()))


def _is_title(title: object) -> bool:
    return (
        isinstance(title, str)
        and 0 < len(title.strip()) <= _LONGEST_TITLE
        and title.isascii()
        and title.isprintable()
        and "\\" not in title
    )


def _is_address(text: object) -> bool:
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _within(value: object, least: int, most: int, name: str) -> None:
    if type(value) is not int or not least <= value <= most:
        raise _bad(f"{name} must be a number from {least} to {most}")


def _bad(text: str) -> NodeError:
    return NodeError(text, reason="bad-listener")
