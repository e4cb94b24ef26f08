"""Who is alive: by process, by start of the system, by the last sign of life."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from napari_dicomdb.network.jobs import leases
from napari_dicomdb.network.jobs.leases import SECONDS, Lease, is_over

NOW = 1_000_000.0


def test_this_process_is_alive() -> None:
    lease = Lease.new()
    assert Lease.from_text(lease.to_text()) == lease
    assert lease != Lease.new()  # another queue of this process
    # However long it was silent: it may have been stopped by its user for the night.
    assert not is_over(lease.to_text(), NOW - 10 * SECONDS, NOW)
    assert str(lease.pid) in lease.describe()


def test_a_process_that_has_ended_is_not() -> None:
    code = "from napari_dicomdb.network.jobs.leases import Lease; print(Lease.new().to_text())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert is_over(done.stdout.strip(), NOW, NOW)


@pytest.mark.skipif(sys.platform != "linux", reason="what ended and nobody waited for")
def test_a_process_that_was_killed_and_not_waited_for_has_ended() -> None:
    code = """
from napari_dicomdb.network.jobs.leases import Lease
print(Lease.new().to_text(), flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        text = child.stdout.readline().strip()
        assert not is_over(text, NOW, NOW)
        child.kill()
        import os

        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_over(text, NOW, NOW)


def test_a_number_that_another_process_got_is_no_sign_of_life() -> None:
    lease = Lease.new()
    if not lease.born:
        pytest.skip("this system does not say when a process began")
    assert is_over(replace(lease, born="1").to_text(), NOW, NOW)


@pytest.mark.parametrize("other", [{"host": "elsewhere"}, {"boot": "another start"}])
def test_of_another_computer_counts_the_last_sign_of_life(other: dict[str, str]) -> None:
    text = replace(Lease.new(), **other).to_text()
    assert not is_over(text, NOW - SECONDS + 1, NOW)
    assert is_over(text, NOW - SECONDS - 1, NOW)
    assert is_over(text, NOW + SECONDS + 1, NOW)  # the clock was put back
    assert is_over(text, None, NOW)


def test_where_the_system_tells_nothing_counts_the_last_sign_of_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leases, "_boot", lambda: "")
    text = Lease.new().to_text()
    assert not is_over(text, NOW, NOW)
    assert is_over(text, NOW - SECONDS - 1, NOW)


@pytest.mark.parametrize("text", [None, "", "nonsense", "[]", '{"host": "x"}'])
def test_a_mark_that_nobody_understands_is_over(text: str | None) -> None:
    assert is_over(text, NOW, NOW)
