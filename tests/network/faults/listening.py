"""A process whose children listen, each until it is killed.

For each line on stdin, the path of a database directory, a child opens it and listens; it says
its process number and its port. The modules are loaded once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from napari_dicomdb.api import Database
from napari_dicomdb.network.listener import Listener, ListenerSettings


def listen(root: str) -> None:
    """Listen until killed."""
    with Database.open(root) as database, Listener(database, ListenerSettings(port=0)) as ours:
        print(os.getpid(), ours.address[1], flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        if os.fork() == 0:
            listen(line.strip())
            os._exit(0)
