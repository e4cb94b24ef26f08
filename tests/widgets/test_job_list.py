"""Rows of jobs change in place, and say in words how a job stands."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
from qtpy.QtCore import QPersistentModelIndex, Qt

from napari_dicomdb.network.jobs import Job
from napari_dicomdb.widgets.models.job_list import JOB_ROLE, JobList, facts_of, state_of


def _job(id, **values):
    return Job(id, "send", title=f"Job {id}", **values)


def test_any_change_keeps_each_row_on_its_job(qtmodeltester):
    model, chance = JobList(), random.Random(5)
    qtmodeltester.check(model)
    kept: dict[int, QPersistentModelIndex] = {}
    for turn in range(60):
        jobs = [_job(id, done=turn) for id in chance.sample(range(12), chance.randrange(12))]
        model.show_jobs(jobs)
        assert model.jobs == jobs
        assert model.rowCount() == len(jobs)
        ids = {job.id for job in jobs}
        for id, index in kept.items():
            assert index.isValid() == (id in ids)
            if index.isValid():
                assert index.data(JOB_ROLE).id == id
        kept = {job.id: QPersistentModelIndex(model.index(row, 0)) for row, job in enumerate(jobs)}


def test_only_what_changed_is_drawn_again():
    model, drawn = JobList(), []
    jobs = [_job(id) for id in range(4)]
    model.show_jobs(jobs)
    model.dataChanged.connect(lambda first, last: drawn.append((first.row(), last.row())))
    model.rowsInserted.connect(lambda *_: drawn.append("inserted"))
    model.rowsMoved.connect(lambda *_: drawn.append("moved"))
    model.show_jobs([jobs[0], replace(jobs[1], done=3), *jobs[2:]])
    assert drawn == [(1, 1)]
    model.show_jobs(list(model.jobs))
    assert drawn == [(1, 1)]


@pytest.mark.parametrize(
    ("values", "state", "facts"),
    [
        ({}, "waiting", ""),
        ({"total": 8}, "waiting", ""),
        ({"state": "running", "done": 1200, "total": 2400, "rate": 40.0}, "running",
         "1\u2009200 of 2\u2009400 · 40/s · 30 s left"),
        ({"state": "running", "done": 10, "total": 1810, "rate": 0.5}, "running",
         "10 of 1\u2009810 · 0.5/s · 60 min left"),
        ({"state": "running", "wanted": "pause"}, "pausing…", ""),
        ({"state": "failed", "error": "nothing\nlistens", "done": 3}, "failed",
         "3 · nothing listens"),
        ({"state": "done", "done": 5, "total": 5, "text": "5 sent"}, "done", "5 sent"),
    ],
)  # fmt: skip
def test_words(values, state, facts):
    job = _job(1, **values)
    assert (state_of(job), facts_of(job)) == (state, facts)


def test_when_it_is_tried_again_and_what_is_read_aloud():
    at = time.mktime((2026, 1, 2, 14, 5, 6, 0, 0, -1))
    job = _job(7, at_next=at, error="refused", node="PACS")
    assert state_of(job) == "tries again 14:05:06"
    model = JobList()
    model.show_jobs([job])
    index = model.index(0, 0)
    aloud = index.data(int(Qt.ItemDataRole.AccessibleTextRole))
    assert aloud == "Job 7: tries again 14:05:06, refused"
    assert "Node PACS" in index.data(int(Qt.ItemDataRole.ToolTipRole))
    assert index.data(int(Qt.ItemDataRole.DisplayRole)) == "Job 7"
