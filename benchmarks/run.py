"""Measures us and the peers in one run and writes docs/performance.md.

    python -m benchmarks [--runs 5] [--million] [--work DIR]

The runs of all competitors are interleaved, each in its own process; the tables
give the minimum and the median. Ratios are of minimums.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import receiving
from benchmarks.generate import generate
from benchmarks.scale import measure_scale

HERE = Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "performance.md"

IMPORT_WORKS = (
    "walk-stat", "read-8k", "gdcmscanner", "pydicom-headers", "import", "import-again",
)  # fmt: skip
LOAD_WORKS = (
    "bytes-1", "bytes-2", "examine", "examine-again", "list-loadables", "load",
    "first-slice",
    "simpleitk", "pydicom", "dcm2niix", "convert",
)  # fmt: skip
COURSE_WORKS = ("course-examine", "course-first", "course-scrub")

# CTK was measured beside gdcmscanner on one machine (569 and 34 000 instances/s
# beside 4 600/s and a walk of 130 000/s): that relation carries its budgets here.
CTK_PER_GDCM = 569 / 4600
CTK_AGAIN_PER_WALK = 34_000 / 130_000


@dataclass
class Series:
    """Results of one work over all runs."""

    name: str
    results: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> float:
        """Seconds of the fastest run."""
        return min(r["seconds"] for r in self.results)

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return statistics.median(r["seconds"] for r in self.results)

    @property
    def rate(self) -> float:
        """Instances per second of the fastest run."""
        return max(r["count"] / r["seconds"] for r in self.results)

    @property
    def peak_mb(self) -> float:
        """Largest peak memory of the process."""
        return max(r["peak_mb"] for r in self.results)


def run_once(name: str, folder: Path, scratch: Path) -> dict[str, float] | None:
    """Run one work in its own process; None when its program is absent."""
    words = [sys.executable, "-m", "benchmarks.work", name, str(folder), str(scratch)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode == 3:
        return None
    if done.returncode != 0:
        sys.exit(f"{name} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(names: tuple[str, ...], folder: Path, scratch: Path, runs: int) -> dict[str, Series]:
    """Interleave `runs` runs of each work; the first round warms the cache and is dropped."""
    series = {name: Series(name) for name in names}
    for round_ in range(runs + 1):
        for name in names:
            result = run_once(name, folder, scratch)
            if result is None:
                continue
            print(f"{name:16} {result['seconds']:8.3f} s", flush=True)
            if round_:
                series[name].results.append(result)
    return {name: s for name, s in series.items() if s.results}


def ensure(
    folder: Path, instances: int, per_series: int, matrix: int, *, volumes: int = 1
) -> Path:
    """Generate the data once; a marker says that they are complete."""
    marker = folder.with_suffix(".complete")
    if not marker.exists():
        print(f"generating {instances} instances in {folder}", flush=True)
        generate(folder, instances, per_series=per_series, matrix=matrix, volumes=volumes)
        marker.touch()
    return folder


def verdict(ratio: float, budget: float, *, at_least: bool) -> str:
    """Say whether a ratio keeps its budget."""
    kept = ratio >= budget if at_least else ratio <= budget
    return "met" if kept else "**not met**"


def budget_rows(
    imports: dict[str, Series], loads: dict[str, Series], courses: dict[str, Series]
) -> list[tuple[str, ...]]:
    """Return the rows: what, measured, budget, verdict; those whose peer is here."""
    rows: list[tuple[str, ...]] = []

    def row(what: str, ratio: float, budget: float, *, at_least: bool, digits: int = 2) -> None:
        sign = ">=" if at_least else "<="
        rows.append(
            (
                what,
                f"{ratio:.{digits}f}",
                f"{sign} {budget:g}",
                verdict(ratio, budget, at_least=at_least),
            )
        )

    ours, again = imports["import"], imports["import-again"]
    if "gdcmscanner" in imports:
        gdcm = imports["gdcmscanner"].rate
        row("import, x gdcmscanner", ours.rate / gdcm, 2, at_least=True)
        row("import, x CTK (inferred)", ours.rate / (gdcm * CTK_PER_GDCM), 12, at_least=True)
    walk = imports["walk-stat"].rate
    ratio = again.rate / (walk * CTK_AGAIN_PER_WALK)
    row("import again, x CTK (inferred)", ratio, 1.5, at_least=True)
    load = loads["load"].best
    row("load, x reading the bytes (2 threads)", load / loads["bytes-2"].best, 1.3, at_least=False)
    if "simpleitk" in loads:
        row("load, times faster than SimpleITK", loads["simpleitk"].best / load, 6, at_least=True)
    if "dcm2niix" in loads:
        row("load, times faster than dcm2niix", loads["dcm2niix"].best / load, 1, at_least=True)
    first = loads["first-slice"].best * 1000
    row("first slice after examine, ms", first, 100, at_least=False, digits=1)
    row("examine 500 instances, ms", loads["examine"].best * 1000, 20, at_least=False, digits=1)
    once_more = loads["examine-again"].best * 1000
    row("examine them again, ms", once_more, 20, at_least=False, digits=1)
    listed = loads["list-loadables"].best * 1000
    row("list what there is to open, ms", listed, 1, at_least=False)
    opened = loads["examine"].results[0]["files_opened"]
    row("files opened by examine", opened, 0, at_least=False, digits=0)
    for name, what in (
        ("course-examine", "examine a time course of 5 000 files, ms"),
        ("course-first", "its first frame after examine, ms"),
    ):
        row(what, courses[name].best * 1000, 1000, at_least=False, digits=0)
    held = max(r["held"] for r in courses["course-scrub"].results)
    row("memory held while scrubbing it, x what it may", held, 1, at_least=False)
    return rows


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Format a Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(r) for r in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def write_document(
    imports: dict[str, Series],
    loads: dict[str, Series],
    courses: dict[str, Series],
    scale: str,
    received: str = "",
) -> None:
    """Write docs/performance.md; remarks below its marker stay as they are."""
    marker = "<!-- remarks: written by hand, kept by benchmarks/run.py -->"
    old = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    remarks = old.split(marker, 1)[1].strip() if marker in old else ""
    if not scale and "## A million instances" in old:
        scale = "## A million instances" + old.split("## A million instances", 1)[1]
        scale = scale.split(marker, 1)[0].strip() + "\n"
    seconds = [
        (s.name, f"{s.best:.3f}", f"{s.median:.3f}", f"{s.rate:,.0f}", f"{s.peak_mb:.0f}")
        for group in (imports, loads, courses)
        for s in group.values()
    ]
    today = datetime.datetime.now(tz=datetime.UTC).date()
    text = f"""# Performance

Written by `make bench` (`benchmarks/run.py`) on {today}: {os.cpu_count()} cores,
{platform.system()} {platform.machine()}, Python {platform.python_version()}, warm cache.
Compare only within the table: every figure is of this one run.

## Budgets

{table(("what", "measured", "budget", "verdict"), budget_rows(imports, loads, courses))}

CTK's indexer is in no package registry. "Inferred" takes its measured relation to
`gdcmscanner` and to a bare walk on one machine ({CTK_PER_GDCM:.3f} and
{CTK_AGAIN_PER_WALK:.3f}).

## Everything that was timed

{table(("work", "best, s", "median, s", "instances/s", "peak memory, MB"), seconds)}

`import` works on 20 000 CT instances, `load` and what follows on one series of
500 x 512 x 512, `course-...` on one of 200 volumes of 25 x 128 x 128 in 5 000 files;
`benchmarks/work.py` says what each does.

{received}
{scale}
{marker}

{remarks}
"""
    DOCUMENT.write_text(text.rstrip() + "\n")
    print(f"written: {DOCUMENT}")


def measure_receiving(folder: Path, runs: int) -> str:
    """Measure the listener; "" where there is no storescu."""
    if shutil.which("storescu") is None:
        return ""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    lines = receiving.table(receiving.measure(str(folder), runs, memory), 500)
    head = "`storescu` sends 500 x 512 x 512 CT; ours puts them into the index, too.\n"
    return "\n".join(["## Receiving by C-STORE\n", head, *lines, ""])


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--million", action="store_true", help="also import 10^6 instances and ask"
    )
    parser.add_argument("--work", type=Path, default=HERE / "work")
    words = parser.parse_args()
    folder = words.work.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / "database"
    many = ensure(folder / "db20k", 20_000, 50, 64)
    one = ensure(folder / "ct500", 500, 500, 512)
    imports = measure(IMPORT_WORKS, many, scratch, words.runs)
    loads = measure(LOAD_WORKS, one, folder / "database500", words.runs)
    course = ensure(folder / "course5000", 5000, 5000, 128, volumes=200)
    courses = measure(COURSE_WORKS, course, folder / "database5000", words.runs)
    received = measure_receiving(one, words.runs)
    scale = ""
    if words.million:
        measured = measure_scale(folder, run_once, words.runs)
        scale = measured.text(table) if measured else ""
    write_document(imports, loads, courses, scale, received)


if __name__ == "__main__":
    main()
