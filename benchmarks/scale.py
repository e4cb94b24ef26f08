"""A million instances: what their import costs, and every query of the browser on them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.generate import populate

__all__ = ["Scale", "measure_scale"]

HERE = Path(__file__).parent
SMALL, LARGE = 10_000, 1_000_000
ROWS_MS, SEARCH_MS = 50, 100
COST, MEMORY_MB = 1.2, 300

# Budgets of groups of queries, in ms; others are done now and then, with progress.
BUDGETS = {
    "first rows": ROWS_MS,
    "cards": ROWS_MS,
    "selection": ROWS_MS,
    "around": ROWS_MS,
    "search": SEARCH_MS,
    "several databases": SEARCH_MS * 3,
}
Row = tuple[str, ...]


class Scale:
    """What was measured.

    Parameters
    ----------
    small, large : dict
        Results of the imports.
    found : dict
        What `benchmarks.queries` printed.
    """

    def __init__(
        self, small: dict[str, float], large: dict[str, float], found: dict[str, Any]
    ) -> None:
        self.small, self.large, self.found = small, large, found

    def budgets(self) -> list[Row]:
        """Return the rows: what, measured, budget, verdict."""
        ratio = _per_instance(self.large) / _per_instance(self.small)
        rows = [
            _budget("cost per instance, x that of 10 000", f"{ratio:.2f}", ratio, COST),
            _budget(
                "memory of the import, MB",
                f"{self.large['peak_mb']:.0f}",
                self.large["peak_mb"],
                MEMORY_MB,
            ),
        ]
        for group, most in BUDGETS.items():
            times = [q["ms"] for q in self._of(group)]
            kept = sum(ms <= most for ms in times)
            said = f"{max(times):.0f} ({kept} of {len(times)} queries within)"
            rows.append(_budget(f"{group}, slowest, ms", said, max(times), most))
        return rows

    def text(self, table: Any) -> str:
        """Return the section of the document; `table` formats one."""
        parts = ["## A million instances", "", _WHAT, ""]
        parts += [table(("what", "measured", "budget", "verdict"), self.budgets()), ""]
        rows = [
            (f"{int(r['count']):,}", f"{r['count'] / r['seconds']:,.0f}", f"{r['peak_mb']:.0f}")
            for r in (self.small, self.large)
        ]
        head = ("instances", "imported/s", "peak memory of the main process, MB")
        parts += [table(head, rows), "", *self._size(), ""]
        parts += ["### What was asked", "", table(_QUERY_HEAD, self._groups()), ""]
        over = [
            (q["group"], f"`{q['what']}`", f"{q['ms']:.0f}", f"{q['rows']:,}")
            for q in sorted(self.found["queries"], key=lambda q: -q["ms"])
            if q["ms"] > _most(q["group"])
        ]
        if over:
            head = ("kind", "over its budget", "ms", "rows")
            parts += [table(head, over), ""]
        return "\n".join(parts)

    def _of(self, group: str) -> list[dict[str, Any]]:
        return [q for q in self.found["queries"] if q["group"].startswith(group)]

    def _groups(self) -> list[Row]:
        rows = []
        for group in dict.fromkeys(q["group"] for q in self.found["queries"]):
            of = self._of(group)
            slowest = max(of, key=lambda q: q["ms"])
            middle = statistics.median(q["ms"] for q in of)
            name = f"`{slowest['what']}`"
            rows.append((group, str(len(of)), f"{middle:.1f}", f"{slowest['ms']:.1f}", name))
        return rows

    def _size(self) -> list[str]:
        size = self.found["size"]
        each = size["bytes"] / size["instances"]
        parts = ", ".join(
            f"{table} {used / size['instances']:.0f}" for table, used in size["tables"].items()
        )
        return [f"On disk the index takes {each:.0f} bytes for each instance ({parts})."]


_WHAT = """\
20 000 series of 1 to 245 images, some 4 000 studies of 2 200 patients with names in several
scripts, imported from files that the system has in memory (`benchmarks/population.py`); read
from a disk, a million small files cost what the disk costs. Each query is the best of some
repetitions, a page of 200 rows where the browser reads pages; `benchmarks/queries.py` has
them all."""
_READINGS = 6
_WARM = 0.8
"""Reading again takes more than this part of the time: nothing came from the disk."""
_QUERY_HEAD = ("kind", "queries", "median, ms", "slowest, ms", "which")


def _most(group: str) -> float:
    return next((ms for name, ms in BUDGETS.items() if group.startswith(name)), float("inf"))


def _per_instance(result: dict[str, float]) -> float:
    return result["seconds"] / result["count"]


def _budget(what: str, said: str, measured: float, most: float) -> Row:
    return what, said, f"<= {most:g}", "met" if measured <= most else "**not met**"


def _warm(place: Path, run_once: Any) -> None:
    """Read the files until the system has them in memory: a disk's speed is not ours."""
    before = float("inf")
    for _ in range(_READINGS):
        read = run_once("read-8k", place, place.parent / "unused")
        each = _per_instance(read) * 1e6
        print(f"{'reading ' + place.name:24} {each:6.1f} us a file", flush=True)
        if each > _WARM * before:
            return
        before = each


def measure_scale(folder: Path, run_once: Any, runs: int) -> Scale | None:
    """Generate, import and ask; `run_once` runs one work in a process of its own."""
    small = folder / "population10k"
    large = folder / "population1m"
    for place, count in ((small, SMALL), (large, LARGE)):
        marker = place.with_suffix(".complete")
        if not marker.exists():
            print(f"generating {count} instances in {place}", flush=True)
            populate(place, count)
            marker.touch()
    scratch = folder / "database1m"
    _warm(small, run_once)
    few = [run_once("import", small, folder / "database10k") for _ in range(max(runs, 3))]
    _warm(large, run_once)
    many = run_once("import", large, scratch)
    if many is None or None in few:
        return None
    middle = sorted(few, key=lambda result: result["seconds"])[len(few) // 2]
    print(f"{'import 10^6':16} {many['seconds']:8.3f} s", flush=True)
    # Its saved filter goes into settings of its own.
    own = dict.fromkeys(("XDG_CONFIG_HOME", "APPDATA"), str(folder / "config"))
    words = [sys.executable, "-m", "benchmarks.queries", str(scratch)]
    done = subprocess.run(
        words,
        check=False,
        capture_output=True,
        text=True,
        cwd=HERE.parent,
        env={**os.environ, **own},
    )
    if done.returncode:
        sys.exit(f"the queries failed:\n{done.stderr}")
    return Scale(middle, many, json.loads(done.stdout.splitlines()[-1]))
