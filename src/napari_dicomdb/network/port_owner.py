"""Who listens at a port, where the system tells it: Linux does, to whom the process belongs."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["owner_of_port"]

_LISTENS = "0A"


def owner_of_port(port: int, *, proc: Path = Path("/proc")) -> str:
    """Return the process that listens at a TCP port, as "Orthanc (process 4711)".

    Parameters
    ----------
    port : int
    proc : Path
        Where the system tells of its processes.

    Returns
    -------
    str
        "" when the system does not tell.
    """
    sockets = _sockets_at(port, proc)
    if not sockets:
        return ""
    for process in _processes(proc):
        try:
            handles = list(os.scandir(process / "fd"))
        except OSError:
            continue  # another user's, or gone
        if any(_target(handle.path) in sockets for handle in handles):
            return f"{_name_of(process)} (process {process.name})"
    return ""


def _sockets_at(port: int, proc: Path) -> set[str]:
    found = set()
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (proc / table).read_text(encoding="ascii").splitlines()[1:]
        except (OSError, ValueError):
            continue  # another system, or no IPv6
        for line in lines:
            words = line.split()
            if len(words) > 9 and words[3] == _LISTENS and words[1].endswith(f":{port:04X}"):
                found.add(f"socket:[{words[9]}]")
    return found


def _processes(proc: Path) -> list[Path]:
    try:
        return [entry for entry in proc.iterdir() if entry.name.isdecimal()]
    except OSError:
        return []


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _name_of(process: Path) -> str:
    try:
        name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        name = ""
    return "".join(c for c in name if c.isprintable()) or "a program"
