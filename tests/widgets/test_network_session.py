"""One queue and one listener for all docks; they follow the database and end with it."""

from __future__ import annotations

import pytest

from napari_dicomdb.widgets._session import attach_session


@pytest.fixture
def session(qtbot, user_folders):
    made, detach = attach_session()
    with qtbot.waitSignal(made.opened, timeout=20_000):
        made.open()
    yield made
    detach()


def test_follows_the_database(qtbot, session, tmp_path):
    network = session.network
    first = network.database
    assert first is session.database
    with qtbot.waitSignal(network.switched, timeout=20_000):
        session.open(tmp_path / "other", create=True)
    assert network.database is session.database
    assert network.database is not first
