"""Events and numbers of a listener."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from napari_dicomdb.network.listener_events import KINDS, Counters, ListenerEvent


def test_event_as_json():
    event = ListenerEvent(
        "stored", "stored", association=3, peer="A@h", uid="1.2", path=Path("f"), status=0
    )
    found = json.loads(json.dumps(event.to_json()))
    assert found.pop("at") == event.at > 1.7e9
    assert found == {
        "kind": "stored",
        "text": "stored",
        "association": 3,
        "peer": "A@h",
        "uid": "1.2",
        "path": "f",
        "status": 0,
    }
    assert event.kind in KINDS


def test_counting_from_several_threads():
    counters = Counters()
    threads = [
        threading.Thread(target=lambda: [counters.add(stored=1, size=2) for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = counters.read()
    assert (found.stored, found.size) == (2000, 4000)
    assert found.to_json()["stored"] == 2000


def test_summary():
    counters = Counters()
    counters.add(stored=1, associations=2, refused=3, rejected_associations=4)
    counters.add(broken_associations=5)
    assert counters.read().summary() == (
        "1 instance received, 3 refused, 2 associations, 4 rejected, 5 broken off"
    )
