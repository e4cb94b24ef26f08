"""Who runs a job: a mark that tells a process that lives from one that was killed."""

from __future__ import annotations

import functools
import json
import os
import socket
import sys
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["SECONDS", "Lease", "is_over"]

SECONDS = 60.0
"""Without a sign of life for so long, one of another computer has ended."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The mark of one queue in one process.

    Parameters
    ----------
    host : str
        Name of the computer.
    boot : str
        Which start of the system, and which space of process numbers (a container has
        its own); "" where the system does not tell.
    pid : int
    born : str
        When the process began, as the system counts: numbers are used again; "" unknown.
    queue : str
        Tells two queues of one process apart.
    """

    host: str
    boot: str
    pid: int
    born: str
    queue: str

    @classmethod
    def new(cls) -> Lease:
        """Return a mark of this process."""
        pid = os.getpid()
        return cls(socket.gethostname(), _boot(), pid, _born(pid), uuid.uuid4().hex)

    def to_text(self) -> str:
        """Return the mark as it is written beside a job."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Lease | None:
        """Return what was written; None for what nobody understands."""
        try:
            told = json.loads(text)
            return cls(
                str(told["host"]),
                str(told["boot"]),
                int(told["pid"]),
                str(told["born"]),
                str(told["queue"]),
            )
        except (ValueError, KeyError, TypeError):
            return None

    def describe(self) -> str:
        """Say which process it is."""
        return f"process {self.pid} on {self.host}"


def is_over(text: str | None, heartbeat: float | None, now: float) -> bool:
    """Tell whether whoever holds this mark has ended without saying so.

    Parameters
    ----------
    text : str or None
        As of `Lease.to_text`.
    heartbeat : float or None
        Its last sign of life, seconds since the epoch.
    now : float
        Seconds since the epoch.
    """
    lease = Lease.from_text(text) if text else None
    if lease is None:
        return True
    # The clock may have been put back: far in the future is as bad as long ago.
    is_silent = heartbeat is None or abs(now - heartbeat) > SECONDS
    here = _boot()
    if not here or (lease.host, lease.boot) != (socket.gethostname(), here):
        # Of another computer, or of one whose processes cannot be looked at.
        return is_silent
    if not _exists(lease.pid):
        return True
    born = _born(lease.pid)
    if born and lease.born:
        return born != lease.born
    return is_silent


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OverflowError, OSError):  # it is there, but somebody else's
        return True
    return _stat(pid)[:1] != ["Z"]  # ended, and its parent has not looked yet


@functools.cache
def _boot() -> str:
    if sys.platform != "linux":
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _born(pid: int) -> str:
    return "".join(_stat(pid)[19:20])


def _stat(pid: int) -> list[str]:
    """Return what the system says of a process from its state on; nothing if it is not told."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # The name in brackets may hold anything; what follows is numbers (proc(5)).
    return text.rpartition(")")[2].split()
