"""The model of study cards: rows at once, records by and by, none on the GUI thread."""

from __future__ import annotations

import threading

import pytest

from napari_dicomdb.widgets.models.study_cards import StudyCardsModel


@pytest.fixture
def model(qtbot, runner, three):
    made = StudyCardsModel(runner)
    with qtbot.waitSignal(made.outlined):
        made.show(three)
    return made


def read(qtbot, model):
    model.want(range(len(model)))
    qtbot.waitUntil(lambda: all(model.card(row) is not None for row in range(len(model))))


def test_rows_are_known_before_their_records(model, three):
    expected = three.studies(order="date", descending=True)
    assert [int(key) for key in model.keys] == [s.key for s in expected]
    assert [int(n) for n in model.counts] == [s.series_count for s in expected]
    assert [model.card(row) for row in range(3)] == [None] * 3
    assert [model.row_of(s.key) for s in expected] == [0, 1, 2]
    assert model.row_of(4711) == -1


def test_what_is_wanted_is_read(qtbot, model, three):
    arrived = []
    model.arrived.connect(arrived.append)
    model.want([1])
    qtbot.waitUntil(lambda: arrived == [[1]])
    study, patient, series = model.card(1)
    assert study == three.studies(order="date", descending=True)[1]
    assert patient == three.patient(study.patient_key)
    assert list(series) == three.series(study=study)
    assert model.card(0) is None
    read(qtbot, model)
    assert not model.is_waiting


def test_queries_run_elsewhere(qtbot, runner, three, monkeypatch):
    threads = set()

    def note(name):
        call = getattr(three, name)

        def noted(*args, **kwargs):
            threads.add(threading.current_thread())
            return call(*args, **kwargs)

        monkeypatch.setattr(three, name, noted)

    for name in ("outline", "studies_by_key", "patients_by_key", "series_of"):
        note(name)
    model = StudyCardsModel(runner)
    model.show(three)
    qtbot.waitUntil(lambda: len(model) == 3)
    read(qtbot, model)
    assert threads
    assert threading.main_thread() not in threads


def test_a_search_leaves_matching_series(qtbot, model, three):
    with qtbot.waitSignal(model.outlined):
        model.show(three, "oblique", "patient")
    read(qtbot, model)
    assert len(model) == 1
    assert (int(model.counts[0]), model.total(0)) == (1, 4)
    assert [s.uid for s in model.series(0)] == [s.uid for s in three.series(text="oblique")]


def test_refresh_shows_what_is_known_until_it_is_read_again(qtbot, model, three):
    read(qtbot, model)
    before = {int(key): model.card(row) for row, key in enumerate(model.keys)}
    (oldest,) = three.studies(order="date", limit=1)
    newest = three.studies(order="date", descending=True)[0]
    three.remove(study=newest)
    with qtbot.waitSignal(model.outlined):
        model.refresh()
    assert len(model) == 2
    assert model.row_of(newest.key) == -1
    assert model.card(model.row_of(oldest.key)) == before[oldest.key]
    model.want([0, 1])
    qtbot.waitUntil(lambda: not model.is_waiting)


def test_a_study_removed_in_between_is_not_asked_for_again(qtbot, model, three):
    newest = three.studies(order="date", descending=True)[0]
    three.remove(study=newest)
    read_rows = []
    model.arrived.connect(read_rows.extend)
    model.want([0])
    qtbot.waitUntil(lambda: read_rows == [0])
    assert model.card(0) is None
    assert int(model.counts[0]) == 0
    model.want([0])
    assert not model.is_waiting


def test_fetch_stops_at_its_limit(qtbot, model, three):
    found = []
    model.fetch(range(3), 5, found.append)
    qtbot.waitUntil(lambda: len(found) == 1)
    keys = [s.study_key for s in found[0]]
    assert len(keys) == 5
    assert keys == sorted(keys, key=model.row_of)


def test_an_error_is_told(qtbot, runner, three, monkeypatch):
    def fail(**_):
        raise OSError("the share is gone")

    model = StudyCardsModel(runner)
    monkeypatch.setattr(three, "outline", fail)
    with qtbot.waitSignal(model.failed) as told:
        model.show(three)
    assert "the share is gone" in str(told.args[0])
    assert len(model) == 0
    assert not model.is_waiting


def test_no_database(qtbot, model):
    with qtbot.waitSignal(model.outlined):
        model.show(None)
    assert len(model) == 0
