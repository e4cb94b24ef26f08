"""STOW-RS to our server through broken lines: nothing acknowledged is lost, nothing is partial."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from napari_dicomdb import Database
from napari_dicomdb.network.serving import Server, ServerSettings

REQUESTS, SIDE_BY_SIDE, PER_REQUEST = 150, 6, 3
KIND = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=m'}


@pytest.mark.parametrize("seed", range(2))
def test_interrupted_requests(
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    small: Any,
    tmp_path: Path,
    check_kept: Callable[..., dict[str, Path]],
    seed: int,
) -> None:
    root = tmp_path / "database"
    chance = random.Random(seed)
    kinds = ("cut", "reset", "half-close", "delay", "trickle") * 3 + ("hang",)
    size = PER_REQUEST * (small.path.stat().st_size + 100)
    files = [small.write(tmp_path / str(number), PER_REQUEST) for number in range(REQUESTS)]
    plan = [faults.random_fault(chance, size, kinds) for _ in files]
    acknowledged: set[str] = set()
    with Database.open(root) as database, Server(database, ServerSettings(port=0)) as server:
        between = fault_proxy(server.address[1], lambda number: plan[number])
        url = f"http://127.0.0.1:{between.port}/dicom-web/studies"

        def post(some: dict[str, Path]) -> list[str]:
            content = b"".join(
                b"--m\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n"
                for path in some.values()
            )
            try:
                answer = httpx.post(url, content=content + b"--m--\r\n", headers=KIND, timeout=1)
            except httpx.HTTPError:
                return []
            if answer.status_code not in (200, 202):
                return []
            return [one["00081155"]["Value"][0] for one in answer.json()["00081199"]["Value"]]

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            for uids in pool.map(post, files):
                acknowledged.update(uids)
        assert httpx.get(f"{server.url}/studies", timeout=20).status_code == 200
    came = {
        uid: {path.read_bytes()[144 + int.from_bytes(path.read_bytes()[140:144], "little") :]}
        for some in files
        for uid, path in some.items()
    }
    check_kept(root, acknowledged, came)
    assert between.interrupted > REQUESTS // 2
    assert len(acknowledged) > REQUESTS // 3
