"""A process that sends as a job, and says after some acknowledgements that it can be killed."""

from __future__ import annotations

import sys
import threading
from typing import Any

from napari_dicomdb.api import Database
from napari_dicomdb.network.jobs import JobQueue, run

root, count = sys.argv[1], int(sys.argv[2])
acknowledge = run.Run.acknowledge
seen = 0


def counted(self: Any, uid: str) -> None:
    global seen
    acknowledge(self, uid)
    seen += 1
    if seen == count:
        self.flush()
        print("killable", flush=True)
        threading.Event().wait()


run.Run.acknowledge = counted  # type: ignore[method-assign]
with Database.open(root) as database, JobQueue(database) as queue:
    queue.start()
    queue.wait()
