"""Asks the system whether some program has a file open for writing, where that is cheap."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["is_being_written"]

if sys.platform == "linux":
    import errno
    import fcntl

    def is_being_written(path: str) -> bool:
        """Tell whether a file is open for writing; False where the system does not say.

        A read lease is refused for such a file. It is given back at once; whoever
        opens the file in between waits until then.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False  # the import says what is wrong with it
        try:
            # The signal of a lease that is broken: SIGIO, by default, would end the process.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError as error:
            # Others: another owner's file, a file system without leases.
            return error.errno == errno.EAGAIN
        finally:
            os.close(descriptor)
        return False

else:

    def is_being_written(path: str) -> bool:
        """Tell whether a file is open for writing: this system does not say it cheaply."""
        return False
