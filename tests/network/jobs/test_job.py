"""What may be asked of a job in which state."""

from __future__ import annotations

import json

import pytest

from napari_dicomdb.network.jobs.job import (
    FINISHED,
    STATES,
    TRANSITIONS,
    Job,
    refuse_transition,
)


def test_transitions_lead_from_states_to_states() -> None:
    for targets in TRANSITIONS.values():
        assert set(targets) | set(targets.values()) <= set(STATES)
    assert not any("done" in targets for targets in TRANSITIONS.values())


@pytest.mark.parametrize(
    ("job", "actions"),
    [
        (Job(1, "send"), {"pause", "cancel", "move"}),
        (Job(1, "send", at_next=1.0), {"pause", "cancel", "move", "retry"}),
        (Job(1, "send", state="running"), {"pause", "cancel"}),
        (Job(1, "send", state="running", wanted="pause"), {"resume", "cancel"}),
        (Job(1, "send", state="running", wanted="cancel"), set()),
        (Job(1, "send", state="paused"), {"resume", "cancel", "move"}),
        (Job(1, "send", state="done"), set()),
        (Job(1, "echo", state="failed"), {"retry"}),
        (Job(1, "find", state="cancelled", what={"forgotten": ["keys"]}), set()),
        (Job(1, "send", state="cancelled", reason="removed"), set()),
    ],
)
def test_actions(job: Job, actions: set[str]) -> None:
    assert job.actions == actions
    assert job.is_finished is (job.state in FINISHED)


def test_time_left() -> None:
    assert Job(1, "send", state="running", done=10, total=30, rate=5.0).seconds_left == 4.0
    assert Job(1, "send", state="running", done=10, rate=5.0).seconds_left is None
    assert Job(1, "send", state="paused", done=10, total=30, rate=5.0).seconds_left is None


def test_json_has_times_that_people_read() -> None:
    told = json.loads(json.dumps(Job(7, "echo", at_added=0.5).to_json()))
    assert told["id"] == 7
    assert told["at_added"] == "1970-01-01T00:00:00.500+00:00"
    assert told["at_ended"] is None


def test_a_refusal_says_why() -> None:
    error = refuse_transition(Job(3, "send", state="done"), "cancel")
    assert str(error) == "job 3 cannot be cancelled: it is done"
    assert error.reason == "wrong-state"
