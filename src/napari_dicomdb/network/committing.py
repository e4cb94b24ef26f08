"""After sending: has the node commit itself to keeping what it acknowledged."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.commitment import COMMIT_SECONDS, request_commitment
from napari_dicomdb.network.listener import Listener
from napari_dicomdb.network.listener_settings import load_listener_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.send_report import SendReport
    from napari_dicomdb.progress import Progress

__all__ = ["commit_sent"]

_log = logging.getLogger(__name__)


def commit_sent(
    report: SendReport,
    instances: Sequence[InstanceRecord],
    node: Node,
    *,
    seconds: float = COMMIT_SECONDS,
    progress: Progress,
) -> None:
    """Ask a DIMSE node to keep what it acknowledged; the outcomes of `report` say what it says.

    A node may answer on an association of its own: while it is waited for, a listener runs
    with the saved settings, unless one listens at that port already (one of this process
    hands the answer on).

    Parameters
    ----------
    report : SendReport
        Of these instances; `committed` of its outcomes is set.
    instances : sequence of InstanceRecord
    node : Node
    seconds : float
        What is waited for the answer.
    progress : Progress
        If it raises `Cancelled`, the answer is waited for no longer.
    """
    classes = {record.uid: record.sop_class_uid for record in instances}
    stored = [o.uid for o in report.outcomes if o.state in ("sent", "warning")]
    total = len(report.outcomes)
    if not stored:
        return

    def waiting() -> None:
        progress(total, total, f"Waiting for {node.name} to commit itself to keeping them")

    states: dict[str, tuple[str, str]] = {}
    with _listening(node):
        try:
            found = request_commitment(
                node, [(classes[uid], uid) for uid in stored], seconds=seconds, waiting=waiting
            )
            states = found.states
        except Cancelled:
            states = dict.fromkeys(stored, ("no-answer", "cancelled: it was not waited for"))
    report.outcomes = [
        replace(o, committed=states[o.uid][0], committed_text=states[o.uid][1])
        if o.uid in states
        else o
        for o in report.outcomes
    ]


@contextlib.contextmanager
def _listening(node: Node) -> Iterator[None]:
    """Take results that the node brings, unless somebody listens at our port already."""
    settings = replace(load_listener_settings(), aet=node.calling_aet, any_called_aet=True)
    listener = Listener(None, settings)
    try:
        listener.start()
    except NetworkError as error:
        _log.info("no listener for the result of storage commitment: %s", error.reason)
    try:
        yield
    finally:
        listener.stop()
