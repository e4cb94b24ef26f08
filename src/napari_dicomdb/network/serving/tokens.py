"""Where the token of the server comes from: a file, the environment, or the system's keyring."""

from __future__ import annotations

import os
from pathlib import Path

from napari_dicomdb.errors import NetworkError, NodeError
from napari_dicomdb.network.secrets import keep_secret, read_secret
from napari_dicomdb.network.serving.settings import new_token

__all__ = ["VARIABLE", "kept_token", "make_token", "token_from_file", "token_of_environment"]

VARIABLE = "DICOMDB_SERVE_TOKEN"
"""Environment variable that holds the token."""

_NAME = "dicomweb-server"
_LONGEST = 4096


def token_from_file(path: str | os.PathLike[str]) -> str:
    """Return the token in the first line of a file.

    Raises
    ------
    NetworkError
        "bad-token": the file cannot be read, or is empty.
    """
    try:
        with Path(path).open(encoding="ascii") as file:
            token = file.readline(_LONGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise NetworkError(
            f"the token cannot be read from {path}: {why}", reason="bad-token"
        ) from (error)
    if not token:
        raise NetworkError(f"there is no token in the first line of {path}", reason="bad-token")
    return token


def token_of_environment() -> str:
    """Return the token in the environment; "" when there is none."""
    return os.environ.get(VARIABLE, "").strip()


def make_token() -> str:
    """Make a token, and keep it in the keyring in the place of the one before.

    Raises
    ------
    NodeError
        If this system has no keyring that can be used ("no-keyring").
    """
    token = new_token()
    keep_secret(token, _NAME, VARIABLE)
    return token


def kept_token() -> str:
    """Return the token that was made last; "" when there is none.

    Raises
    ------
    NodeError
        If the keyring cannot be used ("no-keyring").
    """
    try:
        return read_secret(_NAME, VARIABLE)
    except NodeError as error:
        if error.reason != "no-secret":
            raise
        return ""
