"""What HTTP statuses are said to mean."""

from __future__ import annotations

import datetime
from email.utils import format_datetime

import pytest

from napari_dicomdb.network.dicomweb.http_statuses import BusyError, status_error
from napari_dicomdb.network.node import Node

NODE = Node("x", kind="dicomweb", url="http://host/rs")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "bad-request"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not-found"),
        (406, "not-acceptable"),
        (413, "too-large"),
        (418, "http-status"),
        (429, "busy"),
        (500, "server-error"),
        (503, "busy"),
        (507, "remote-disk-full"),
    ],
)
def test_each_has_its_reason_and_number(status, reason) -> None:
    error = status_error(status, NODE, {})
    assert error.reason == reason
    assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize(
    ("credentials", "offered", "said"),
    [
        ("none", 'Basic realm="x"', "give user and password"),
        ("none", "Bearer", "give a token"),
        ("none", "", "user and password, or a token"),
        ("basic", "Basic", "does not accept this user"),
        ("basic", "Bearer", "another kind of login: a token"),
        ("bearer", "Bearer", "may have expired"),
    ],
)
def test_a_login_that_is_wanted_is_named(credentials, offered, said) -> None:
    node = Node("x", kind="dicomweb", url="http://host/", credentials=credentials, user="u")
    assert said in str(status_error(401, node, {"www-authenticate": offered}))


def test_when_to_come_back() -> None:
    busy = status_error(503, NODE, {"retry-after": "7"})
    assert isinstance(busy, BusyError)
    assert busy.retry_after == 7
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
    later = status_error(429, NODE, {"retry-after": format_datetime(then)})
    assert isinstance(later, BusyError)
    assert later.retry_after is not None
    assert 50 < later.retry_after <= 60
    never = status_error(503, NODE, {"retry-after": "some day"})
    assert isinstance(never, BusyError)
    assert never.retry_after is None
