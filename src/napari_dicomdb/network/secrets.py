"""Passwords and tokens of nodes: in the environment, or in the system's keyring.

In the keyring they lie under a random name. Servers and CI often have none: there an
environment variable, named after the node, holds the password or token.
"""

from __future__ import annotations

import logging
import os
import secrets
from typing import TYPE_CHECKING

from napari_dicomdb.errors import MissingLibraryError, NodeError

if TYPE_CHECKING:
    from types import ModuleType

    from napari_dicomdb.network.node import Node

__all__ = [
    "forget_secret",
    "is_in_environment",
    "keep_secret",
    "read_secret",
    "secret_of",
    "secret_variable",
]

_SERVICE = "napari-dicomdb"
_VARIABLE = "DICOMDB_SECRET_<NAME OF THE NODE>"
_log = logging.getLogger(__name__)


def secret_variable(name: str) -> str:
    """Return the environment variable that may hold the password or token of a node.

    Parameters
    ----------
    name : str
        Of the node.

    Examples
    --------
    >>> secret_variable("pacs-2 north")
    'DICOMDB_SECRET_PACS_2_NORTH'
    """
    letters = (c if c.isascii() and c.isalnum() else "_" for c in name)
    return "DICOMDB_SECRET_" + "".join(letters).upper()


def is_in_environment(name: str) -> bool:
    """Tell whether the environment holds the password or token of the node of this name."""
    return bool(os.environ.get(secret_variable(name)))


def secret_of(node: Node) -> str:
    """Return the password or token of a node: of the environment, else of the keyring.

    Raises
    ------
    NodeError
        If it is in neither (reason "no-secret"), or the keyring cannot be used
        (reason "no-keyring").
    MissingLibraryError
        If keyring is not installed.
    """
    variable = secret_variable(node.name)
    return os.environ.get(variable) or read_secret(node.secret, variable)


def keep_secret(secret: str, name: str = "", variable: str = _VARIABLE) -> str:
    """Put a password or token into the keyring.

    Parameters
    ----------
    secret : str
    name : str
        Under which it is to lie there; "": a new one.
    variable : str
        Environment variable that does as well, for the message of an error.

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
        raise _no_keyring(error, variable) from error
    return name


def read_secret(name: str, variable: str = _VARIABLE) -> str:
    """Return the password or token that lies in the keyring under `name`.

    Parameters
    ----------
    name : str
    variable : str
        Environment variable that does as well, for the message of an error.

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
        raise _no_keyring(error, variable) from error
    if found is None:
        raise NodeError(
            f"the keyring has no password for this node: enter it again, or set {variable}",
            reason="no-secret",
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


def _no_keyring(error: Exception, variable: str) -> NodeError:
    return NodeError(
        f"this system has no keyring that can be used ({type(error).__name__}): set the "
        f"environment variable {variable} to the password or token, or install a keyring, such "
        "as GNOME Keyring, or one in a file: pip install keyrings.alt",
        reason="no-keyring",
    )
