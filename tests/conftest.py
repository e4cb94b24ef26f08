"""Fixtures shared by all tests: reference data, peers, and a user of their own."""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_TESTS = Path(__file__).parent
_WINDOW_FOLDERS = {"viewer", "widgets"}
_WINDOW_TESTS = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Qt and OpenGL: as many groups as there are cores to run them (xdist's loadgroup), each
    # in a process with a QApplication and a screen of its own.
    for item in items:
        if item.path.relative_to(_TESTS).parts[0] in _WINDOW_FOLDERS:
            half = zlib.crc32(item.path.name.encode()) % 2
            item.add_marker(pytest.mark.xdist_group(f"windows-{half}"))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave what was imported so far out of every later collection of garbage."""
    _set_aside()


def _set_aside(*, again: bool = False) -> None:
    """Collect garbage, then leave what lives out of later collections.

    Tests of windows collect after each test, to prove that nothing is left behind; that takes
    as long as there are objects from imports and from the tests before. What was set aside is
    looked at `again` seldom: it takes seconds.
    """
    if again:
        gc.unfreeze()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.path.relative_to(_TESTS).parts[0] in _WINDOW_FOLDERS:
        count = item.session.stash.get(_WINDOW_TESTS, 0)
        item.session.stash[_WINDOW_TESTS] = count + 1
        if count % 8 == 1:
            _set_aside(again=count % 800 == 401)


def _be_patient() -> None:
    """Let what must happen take as long as it does on a loaded machine."""
    from hypothesis import HealthCheck, settings

    slow = [HealthCheck.too_slow]
    settings.register_profile(
        "patient",
        settings.default,
        deadline=None,
        suppress_health_check=slow,
        # What is new at random is for a developer's machine: a landing is not decided by it.
        derandomize=bool(os.environ.get("DICOMDB_REQUIRE_PEERS")),
    )
    settings.load_profile("patient")
    try:
        from pytestqt.qtbot import QtBot
    except ImportError:
        return  # the library alone is tested
    for wait in (QtBot.waitActive, QtBot.waitExposed, QtBot.waitSignal, QtBot.waitSignals):
        wait.__kwdefaults__["timeout"] = 30_000
    QtBot.waitUntil.__kwdefaults__["timeout"] = 30_000


def pytest_configure(config: pytest.Config) -> None:
    """Give each process of a parallel run under Xvfb a screen of its own.

    On a shared one they would take the keyboard's focus from each other.
    """
    _be_patient()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As of what a shell runs in the background; children would ignore Ctrl+C, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    xvfb = shutil.which("Xvfb")
    if xvfb is None or os.environ.get("DICOMDB_HEADLESS") != "1":
        return
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    reading, writing = os.pipe()
    screen = subprocess.Popen(
        [xvfb, "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as said:
        number = said.readline().strip()

    def end() -> None:
        screen.terminate()
        screen.wait()

    config.add_cleanup(end)
    if number:
        os.environ["DISPLAY"] = f":{number}"


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the reference sets; skips, with a message, where it is absent."""
    default = _TESTS.parents[1] / "shared" / "data"
    root = Path(os.environ.get("DICOMDB_REFERENCE_DATA") or default)
    if not root.is_dir():
        pytest.skip(f"no reference data in {root}: set DICOMDB_REFERENCE_DATA")
    return root


# What even CI may lack: no setup can give it, or another test does the same in another way.
_MAY_BE_ABSENT = (
    "no IPv6",
    "open files are allowed",
    "test_in_a_namespace_of_its_own runs these",
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail in CI what is skipped, however and for whatever reason: all is there, or should be."""
    return _required((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for modules that are skipped as a whole."""
    return _required((yield))


def _required(report: Any) -> Any:
    skipped = report.outcome == "skipped" and not hasattr(report, "wasxfail")
    if os.environ.get("DICOMDB_REQUIRE_PEERS") == "1" and skipped:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(words in why for words in _MAY_BE_ABSENT):
            report.outcome, report.longrepr = "failed", f"skipped, which CI must not: {why}"
    return report


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Find a peer's program, e.g. ``program("dcmdump")``; skips where it is absent."""

    def find(name: str) -> str:
        # Some peers are wheels: their programs lie beside this interpreter.
        beside = Path(sys.executable).parent
        path = shutil.which(name) or shutil.which(name, path=str(beside))
        if path is None:
            pytest.skip(f"{name} is not installed: scripts/setup-system.sh peers")
        return str(path)

    return find


@pytest.fixture(autouse=True)
def user_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the settings and databases of whoever runs the tests out of them."""
    home = tmp_path / "user"
    monkeypatch.setenv("DICOMDB_SETTINGS", str(home / "settings.json"))
    monkeypatch.setenv("DICOMDB_DATABASE", str(home / "database"))
    return home


@pytest.fixture
def bound_by_permissions() -> Iterator[None]:
    """Let permissions of files bind this thread and those it starts, as root, too; no programs."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may write anywhere")
    # capset(2): the capabilities are a thread's own, and may be taken back while permitted.
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    held = (ctypes.c_uint32 * 6)()
    assert libc.capget(head, held) == 0, os.strerror(ctypes.get_errno())
    fewer = (ctypes.c_uint32 * 6)(*held)
    fewer[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, effective
    assert libc.capset(head, fewer) == 0, os.strerror(ctypes.get_errno())
    yield
    assert libc.capset(head, held) == 0, os.strerror(ctypes.get_errno())


@pytest.fixture(scope="session")
def csa_header() -> Callable[..., bytes]:
    """Give a function that writes a Siemens CSA2 header of elements and their values."""

    def write(elements: dict[str, list[str]], multiplicity: int | None = None) -> bytes:
        raw = b"SV10\4\3\2\1" + struct.pack("<LL", len(elements), 77)
        for name, values in elements.items():
            count = len(values) if multiplicity is None else multiplicity
            items = max(len(values), 6 if values else 0)
            vr = b"CS" if name == "DiffusionDirectionality" else b"FD"
            raw += struct.pack("<64sl4slll", name.encode(), count, vr, 4, items, 77)
            for k in range(items):
                data = values[k].encode() + b"\0" if k < len(values) else b""
                raw += struct.pack("<llll", len(data), len(data), 77, len(data))
                raw += data + b"\0" * (-len(data) % 4)
        return raw

    return write
