"""Jobs at peers that hang, cut or talk nonsense: a clear state, and done once they behave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest
from tests.servers import PATIENCE

from napari_dicomdb import Database
from napari_dicomdb.network.jobs import JobQueue
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.nodes import add_node

IMPATIENT = Limits(connect_seconds=0.3, answer_seconds=0.3)


@pytest.mark.parametrize("kind", ["echo", "find"])
@pytest.mark.parametrize("after", [0, 30])
@pytest.mark.parametrize("fault", ["hang", "cut", "corrupt"])
def test_job_ends_in_a_clear_state(
    dcmqrscp: Callable[..., Node],
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    small: Any,
    tmp_path: Path,
    kind: str,
    after: int,
    fault: str,
) -> None:
    files = small.write(tmp_path / "files", 2)
    study = str(pydicom.dcmread(small.path).StudyInstanceUID)
    node = dcmqrscp([*files.values()], limits=IMPATIENT)
    is_broken = True
    between = fault_proxy(
        node.port,
        lambda _: faults.Fault(fault if is_broken else "", after, True, 0xFF),
    )
    node = replace(node, name="pacs", host="127.0.0.1", port=between.port)
    add_node(node)
    what: dict[str, Any] = {
        "echo": {},
        "find": {"keys": {"StudyInstanceUID": study}},
    }[kind]
    with (
        Database.open(tmp_path / "database") as database,
        JobQueue(database, delays=(0.0,)) as queue,
    ):
        job = queue.add(kind, what, node="pacs")
        queue.start()
        assert queue.wait(PATIENCE)
        job = queue.job(job.id)
        assert job.state in ("done", "failed")
        assert (job.state == "done") == (job.reason == ""), job
        assert job.state == "done" or job.error
        if job.state == "failed":
            is_broken = False
            add_node(replace(node, limits=Limits()), replacing="pacs")
            queue.retry(job.id)
            assert queue.wait(PATIENCE)
            job = queue.job(job.id)
        assert (job.state, job.reason) == ("done", ""), job
