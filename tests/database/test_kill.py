"""An import that is killed at any moment and resumed ends as an undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database

FILES = 240

# Counts calls (of Python and C functions) in the importing process, and dies at
# the one that it is told to; without a number, says how many there are.
VICTIM = """
import os, signal, sys
from napari_dicomdb.database import Database, importing, pool
folder, target, copy, fatal = sys.argv[1], sys.argv[2], sys.argv[3] == "copy", int(sys.argv[4])
importing.BATCH_INSTANCES = 40
importing.CHUNK_SIZE = 8
count = 0
def count_calls(frame, event, argument):
    global count
    count += 1
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(count_calls)
with Database.open(target) as database:
    database.import_paths([folder], copy=copy, workers=0)
sys.setprofile(None)
print(count)
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", VICTIM, *map(str, arguments)], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_series: Callable[..., Any]) -> Path:
    root = tmp_path_factory.mktemp("kill")
    write_series(root / "in" / "a", FILES // 2, series=1)
    write_series(root / "in" / "b", FILES // 2 - 2, series=2)
    (root / "in" / "b" / "text").write_text("no DICOM")
    (root / "in" / "b" / "twin.dcm").write_bytes((root / "in" / "a" / "00001.dcm").read_bytes())
    return root / "in"


def relative(dumped: dict[str, Any], root: Path) -> str:
    return str(dumped).replace(str(root), "DATABASE")


@pytest.fixture(scope="module")
def undisturbed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, dump: Callable[..., Any]
) -> dict[str, tuple[int, str]]:
    """Number of calls, and the resulting index, of imports that nobody kills."""
    results = {}
    for mode in ("link", "copy"):
        root = tmp_path_factory.mktemp("undisturbed")
        done = run(folder, root, mode, 0)
        assert done.returncode == 0, done.stderr
        with Database.open(root) as database:
            results[mode] = int(done.stdout), relative(dump(database), root)
    return results


@pytest.mark.parametrize("mode", ["link", "copy"])
@pytest.mark.parametrize("seed", range(5))
def test_killed_twice_and_resumed(
    seed: int,
    mode: str,
    folder: Path,
    undisturbed: dict[str, tuple[int, str]],
    tmp_path: Path,
    dump: Callable[..., Any],
) -> None:
    calls, expected = undisturbed[mode]
    chance = random.Random(f"{mode}{seed}")
    # Two kills each: 20 moments in all, spread over the whole run.
    first = chance.randrange(calls * seed // 5, calls * (seed + 1) // 5) + 1
    for fatal in (first, chance.randrange(1, calls // 2)):
        done = run(folder, tmp_path / "db", mode, fatal)
        assert done.returncode == -signal.SIGKILL or fatal != first or seed == 4
    with Database.open(tmp_path / "db") as database:
        report = database.import_paths([folder], copy=mode == "copy", workers=0)
        assert report.added + report.unchanged + report.duplicates + len(report.rejected) == FILES
        assert relative(dump(database), tmp_path / "db") == expected
    files = {p.name for p in (tmp_path / "db" / "files").rglob("*.dcm")}
    assert len(files) == (FILES - 2 if mode == "copy" else 0)
    assert not (tmp_path / "db" / "incoming").exists()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_killed_with_its_workers(
    folder: Path, undisturbed: dict[str, tuple[int, str]], tmp_path: Path, dump: Callable[..., Any]
) -> None:
    code = (
        "import sys\n"
        "from napari_dicomdb.database import Database, importing\n"
        "importing.BATCH_INSTANCES = 8; importing.CHUNK_SIZE = 4\n"
        "importing._PROGRESS_SECONDS = 0\n"
        f"db = Database.open({str(tmp_path / 'db')!r})\n"
        f"db.import_paths([{str(folder)!r}], workers=2,\n"
        "                progress=lambda done, total, text: print(done, flush=True))\n"
    )
    victim = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert victim.stdout is not None
    for line in victim.stdout:
        if int(line) > FILES // 3:
            break
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    with Database.open(tmp_path / "db") as database:
        assert database.info()["instances"] > 0
        database.import_paths([folder])
        assert relative(dump(database), tmp_path / "db") == undisturbed["link"][1]
