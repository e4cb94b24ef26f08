"""Projects: the key that makes pseudonyms, UIDs and shifts the same in all exports of one."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
from base64 import b32encode
from dataclasses import dataclass, field
from pathlib import Path

from napari_dicomdb.errors import ExportError
from napari_dicomdb.settings import settings_path

__all__ = ["Project", "one_time_project", "open_project", "project_names", "projects_folder"]

_NAME = re.compile(r"[\w][\w .+-]{0,63}")
_KEY_BYTES = 32
_ONE_TIME = "one-time.key"


@dataclass
class Project:
    """A secret key, and the numbers that patients got.

    Parameters
    ----------
    name : str
        "" for a project that nobody remembers.
    key : bytes
        Who has it can tell which patient a pseudonym is of, by trying.
    numbers : dict of str to int
        Number of each patient by a keyed digest of its identity.
    path : Path, optional
        Where it is kept.
    """

    name: str
    key: bytes = field(repr=False)
    numbers: dict[str, int] = field(default_factory=dict, repr=False)
    path: Path | None = None
    _saved: int = field(default=0, repr=False)

    def digest(self, purpose: str, text: str) -> bytes:
        """Return 32 bytes that only the key makes of `text`; each purpose has its own."""
        message = f"{purpose}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self.key, message, hashlib.sha256).digest()

    def code(self, identity: str) -> str:
        """Return eight letters and digits for the identity of a patient."""
        return b32encode(self.digest("patient", identity)).decode("ascii")[:8]

    def number(self, identity: str) -> int:
        """Return the number of a patient, the next free one when it is new."""
        name = self.digest("number", identity).hex()[:32]
        return self.numbers.setdefault(name, len(self.numbers) + 1)

    def days(self, identity: str) -> int:
        """Return how many days the dates of a patient move: one to ten years back."""
        value = int.from_bytes(self.digest("days", identity)[:8], "big")
        return -(365 + value % (9 * 365))

    def save(self) -> None:
        """Keep the numbers that were given since it was opened, for the owner's eyes alone.

        Raises
        ------
        ExportError
            "bad-project": it cannot be written; "project-changed": another program has
            meanwhile made it with another key, or given the same numbers to others.
        """
        if self.path is None:
            return
        there = self.path.exists()
        if there:
            self._join(*_read(self.path))
            if len(self.numbers) == self._saved:
                return
        content = {"name": self.name, "key": self.key.hex(), "numbers": self.numbers}
        try:
            _write_private(self.path, json.dumps(content, indent=1) + "\n", new=not there)
        except FileExistsError:  # made by another program this moment
            self._join(*_read(self.path))
        self._saved = len(self.numbers)

    def _join(self, key: bytes, others: dict[str, int]) -> None:
        """Take what another program has kept since this one was opened."""
        known = {**others, **self.numbers}
        same = all(self.numbers.get(name, number) == number for name, number in others.items())
        if key != self.key or not same or len(set(known.values())) < len(known):
            raise ExportError(
                f"the project {self.name} was used by another program at the same time: "
                "do it again",
                reason="project-changed",
            )
        self._saved = len(others)
        self.numbers = known


def projects_folder() -> Path:
    """Return where projects are kept: beside the settings."""
    return settings_path().parent / "projects"


def project_names() -> list[str]:
    """Return the names of the projects there are, sorted."""
    return sorted(p.stem for p in projects_folder().glob("*.json"))


def open_project(name: str = "", *, create: bool = True) -> Project:
    """Return the project of this name, a new one when there is none.

    Parameters
    ----------
    name : str
        Letters, digits, blanks and ``._+-``; "": one whose key is forgotten.
    create : bool
        Keep a new one at once; else it is kept by its first `Project.save`.

    Raises
    ------
    ExportError
        If the name is not possible, or the file of the project is damaged: a new
        key would break the links to what was exported before.
    """
    if not name:
        return Project("", secrets.token_bytes(_KEY_BYTES))
    if not _NAME.fullmatch(name) or name.endswith((" ", ".")):
        raise ExportError(
            f"{name!r:.80} cannot name a project: use letters, digits, blanks, . _ + -",
            reason="bad-project",
        )
    path = projects_folder() / f"{name}.json"
    try:
        project = Project(name, *_read(path), path)
    except FileNotFoundError:
        project = Project(name, secrets.token_bytes(_KEY_BYTES), {}, path)
        if create:
            try:
                project.save()
            except ExportError as error:
                if error.reason != "project-changed":
                    raise
                project = Project(name, *_read(path), path)
    project._saved = len(project.numbers)
    return project


def _read(path: Path) -> tuple[bytes, dict[str, int]]:
    """Return key and numbers of a project; raises FileNotFoundError when there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        numbers = {str(k): int(v) for k, v in content["numbers"].items()}
        key = bytes.fromhex(content["key"])
        if len(key) < _KEY_BYTES:
            raise ValueError("the key is too short")
    except FileNotFoundError:
        raise
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise ExportError(
            f"{path} cannot be read; restore it from a backup, or choose another project: "
            "with a new key, patients would get other pseudonyms",
            reason="bad-project",
        ) from error
    return key, numbers


def one_time_project(salt: str) -> Project:
    """Return a project without a name that is the same for the same salt on this computer.

    For work that is begun anew after a break, and must make the same UIDs again.

    Parameters
    ----------
    salt : str
        No secret: what the key is made of besides lies beside the settings.

    Raises
    ------
    ExportError
        If that cannot be read or kept.
    """
    path = projects_folder() / _ONE_TIME
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
        if len(secret) < _KEY_BYTES:
            raise ValueError("the key is too short")
    except FileNotFoundError:
        secret = secrets.token_bytes(_KEY_BYTES)
        try:
            _write_private(path, secret.hex() + "\n", new=True)
        except FileExistsError:  # made by another program this moment
            return one_time_project(salt)
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read: remove it", reason="bad-project") from error
    return Project("", hmac.new(secret, f"one-time\0{salt}".encode(), hashlib.sha256).digest())


def _write_private(path: Path, text: str, *, new: bool = False) -> None:
    """Write a file for its owner alone; a `new` one raises FileExistsError if it is there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes files that the owner alone may read.
        handle, partial = tempfile.mkstemp(prefix=".project-", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if not new or not _linked(partial, path):
            os.replace(partial, path)
    except FileExistsError:
        raise
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        Path(partial).unlink(missing_ok=True)


def _linked(partial: str, path: Path) -> bool:
    """Give a file its name unless that is taken; False where there are no links."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def _unwritable(path: Path, error: OSError) -> ExportError:
    words = error.strerror or error
    return ExportError(f"the project cannot be kept in {path}: {words}", reason="bad-project")
