"""The file that tells which pseudonym stands for whom: kept apart, encrypted by choice."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import ExportError, MissingLibraryError
from napari_dicomdb.export.files import cannot_write

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Found", "Mapping", "is_encrypted", "mapping_place", "read_mapping", "write_mapping"]

_FORMAT = "napari-dicomdb mapping"
# scrypt as RFC 7914 and OWASP advise: 64 MiB, about 0.2 s for each passphrase tried.
_SCRYPT = {"n": 1 << 16, "r": 8, "p": 1}
_MOST_SCRYPT = {"n": 1 << 20, "r": 32, "p": 16}
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 16, 12, 32
_SHORTEST = 8  # characters of a passphrase
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Found:
    """One line of an answer to a look-up.

    Parameters
    ----------
    kind : {"patient", "uid"}
    original, new : str
    """

    kind: str
    original: str
    new: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """New PatientIDs and UIDs by the original ones.

    Parameters
    ----------
    patients, uids : dict of str to str
    """

    patients: dict[str, str] = field(default_factory=dict, repr=False)
    uids: dict[str, str] = field(default_factory=dict, repr=False)

    def look_up(self, values: Iterable[str] = ()) -> list[Found]:
        """Return what original or new values stand for; all patients when none are given."""
        wanted = set(values)
        every = [Found("patient", old, new) for old, new in self.patients.items()]
        if not wanted:
            return every
        every += [Found("uid", old, new) for old, new in self.uids.items()]
        return [one for one in every if {one.original, one.new} & wanted]


def mapping_place(path: str | os.PathLike[str], target: Path | None, passphrase: str) -> Path:
    """Return where a mapping will be written, if it can.

    Parameters
    ----------
    path : path-like
    target : Path or None
        What is given away: the mapping may not be in it.
    passphrase : str
        "": it is not encrypted.

    Raises
    ------
    ExportError
        If it is within the target, is there, or the passphrase is too short.
    MissingLibraryError
        If `cryptography`, which encrypts, is not installed.
    """
    place = Path(os.path.abspath(path))
    resolved = Path(os.path.realpath(path))
    if target is not None:
        given = (target, Path(os.path.realpath(target)))
        if any(g == p or g in p.parents for g in given for p in (place, resolved)):
            raise ExportError(
                f"{place} is inside of what is given away: keep the mapping elsewhere",
                reason="mapping-inside",
            )
    if place.exists():
        raise ExportError(f"{place} exists: choose another name", reason="file-exists")
    if passphrase:
        if len(passphrase) < _SHORTEST:
            raise ExportError(
                f"a passphrase of a mapping has {_SHORTEST} characters or more",
                reason="bad-passphrase",
            )
        _cipher_of()
    return place


def write_mapping(path: Path, mapping: Mapping, passphrase: str = "") -> None:
    """Write a mapping, for its owner's eyes alone: encrypted when there is a passphrase.

    Raises
    ------
    ExportError
        If it cannot be written, or is there.
    MissingLibraryError
        If it is to be encrypted and `cryptography` is not installed.
    """
    content: dict[str, Any] = {"patients": mapping.patients, "uids": mapping.uids}
    if passphrase:
        content = _sealed(content, passphrase)
    raw = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(
        "utf-8", "surrogatepass"
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def is_encrypted(path: str | os.PathLike[str]) -> bool:
    """Tell whether a mapping needs a passphrase.

    Raises
    ------
    ExportError
        "bad-mapping": it is none.
    """
    return "sealed" in _parsed(path)


def read_mapping(path: str | os.PathLike[str], passphrase: str = "") -> Mapping:
    """Read what `write_mapping` wrote.

    Raises
    ------
    ExportError
        "bad-mapping": it is none, or damaged; "bad-passphrase": that is not the one.
    MissingLibraryError
        If it is encrypted and `cryptography` is not installed.
    """
    content = _parsed(path)
    if "sealed" in content:
        content = _opened(path, content, passphrase)
    patients, uids = content.get("patients"), content.get("uids")
    if not isinstance(patients, dict) or not isinstance(uids, dict):
        raise _no_mapping(path)
    return Mapping(
        {str(k): str(v) for k, v in patients.items()}, {str(k): str(v) for k, v in uids.items()}
    )


def _parsed(path: str | os.PathLike[str]) -> dict[str, Any]:
    if not os.path.lexists(path):
        raise ExportError(f"there is no file {os.fspath(path)}", reason="bad-mapping")
    try:
        if os.path.getsize(path) > _MOST_BYTES:
            raise _no_mapping(path)
        content = json.loads(Path(path).read_bytes().decode("utf-8", "surrogatepass"))
    except (OSError, RecursionError, ValueError) as error:
        if isinstance(error, ExportError):
            raise
        raise _no_mapping(path) from error
    if not isinstance(content, dict):
        raise _no_mapping(path)
    return content


def _no_mapping(path: str | os.PathLike[str]) -> ExportError:
    return ExportError(f"{os.fspath(path)} cannot be read as a mapping", reason="bad-mapping")


def _sealed(content: dict[str, Any], passphrase: str) -> dict[str, Any]:
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    cipher = _cipher_of()(_key(passphrase, salt, **_SCRYPT))
    plain = json.dumps(content).encode("ascii")
    sealed = cipher.encrypt(nonce, plain, _FORMAT.encode("ascii"))
    return {
        "format": _FORMAT,
        "version": 1,
        "cipher": "AES-256-GCM",
        "scrypt": _SCRYPT,
        "salt": base64.b64encode(salt).decode("ascii"),
        "nonce": base64.b64encode(nonce).decode("ascii"),
        "sealed": base64.b64encode(sealed).decode("ascii"),
    }


def _opened(
    path: str | os.PathLike[str], content: dict[str, Any], passphrase: str
) -> dict[str, Any]:
    make = _cipher_of()
    if not passphrase:
        raise ExportError(
            f"{os.fspath(path)} is encrypted: give its passphrase", reason="bad-passphrase"
        )
    try:
        salt, nonce, sealed = (
            base64.b64decode(content[k], validate=True) for k in ("salt", "nonce", "sealed")
        )
        costs = {name: int(content["scrypt"][name]) for name in ("n", "r", "p")}
        if content.get("cipher") != "AES-256-GCM" or len(nonce) != _NONCE_BYTES:
            raise _no_mapping(path)
        if any(costs[name] > most for name, most in _MOST_SCRYPT.items()):
            raise _no_mapping(path)  # it would take all memory
        key = _key(passphrase, salt, **costs)
    except (KeyError, TypeError, ValueError) as error:
        raise _no_mapping(path) from error
    from cryptography.exceptions import InvalidTag

    try:
        plain = make(key).decrypt(nonce, sealed, _FORMAT.encode("ascii"))
        made = json.loads(plain)
    except InvalidTag as error:
        raise ExportError(
            f"the passphrase does not open {os.fspath(path)}, or the file was changed",
            reason="bad-passphrase",
        ) from error
    except ValueError as error:
        raise _no_mapping(path) from error
    return made if isinstance(made, dict) else {}


def _key(passphrase: str, salt: bytes, *, n: int, r: int, p: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=_KEY_BYTES, n=n, r=r, p=p).derive(passphrase.encode("utf-8"))


def _cipher_of() -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise MissingLibraryError(
            'encrypting a mapping needs cryptography: pip install "napari-dicomdb[encrypt]"'
        ) from error
    return AESGCM
