"""Passwords and tokens of nodes: in the system's keyring, under a random name."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from napari_dicomdb.errors import MissingLibraryError, NodeError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["forget_secret", "keep_secret", "read_secret"]

_SERVICE = "napari-dicomdb"
_log = logging.getLogger(__name__)


def keep_secret(secret: str, name: str = "") -> str:
    """Put a password or token into the keyring.

    Parameters
    ----------
    secret : str
    name : str
        Under which it is to lie there; "": a new one.

    Returns
    -------
    str
        The name under which it lies there, for `Node.secret`.

    Raises
    ------
    NodeError
        If this system has no keyring, or it is locked (reason "no-keyring").
    MissingLibraryError
        If keyring is not installed.
    """
    keyring = _keyring()
    name = name or secrets.token_hex(16)
    try:
        keyring.set_password(_SERVICE, name, secret)
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from error
    return name


def read_secret(name: str) -> str:
    """Return the password or token that lies in the keyring under `name`.

    Raises
    ------
    NodeError
        If it is not there (reason "no-secret"), or the keyring cannot be used.
    MissingLibraryError
        If keyring is not installed.
    """
    keyring = _keyring()
    try:
        found = keyring.get_password(_SERVICE, name) if name else None
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from error
    if found is None:
        raise NodeError(
            "the keyring has no password for this node: enter it again", reason="no-secret"
        )
    return str(found)


def forget_secret(name: str) -> None:
    """Take a password or token out of the keyring, if it is there."""
    try:
        keyring = _keyring()
    except MissingLibraryError as error:
        _log.warning("a password stays in the keyring: %s", error)
        return
    try:
        keyring.delete_password(_SERVICE, name)
    except keyring.errors.PasswordDeleteError:
        _log.info("there was no password to take out of the keyring")
    except keyring.errors.KeyringError as error:
        _log.warning("a password stays in the keyring: %s", type(error).__name__)


def _keyring() -> ModuleType:
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise MissingLibraryError(
            'passwords need keyring: pip install "napari-dicomdb[network]"'
        ) from error
    return keyring


def _no_keyring(error: Exception) -> NodeError:
    return NodeError(
        "this system has no keyring that can be used, and passwords are kept nowhere else "
        f"({type(error).__name__})",
        reason="no-keyring",
    )
