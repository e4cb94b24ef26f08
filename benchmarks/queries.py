"""Every query that the browser makes, timed on a large index.

    python -m benchmarks.queries DATABASE

prints one JSON line: a list of {group, what, ms, rows}, each the best of some repetitions on a
warm cache, as when someone pages and types.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb import Database, settings
from napari_dicomdb.database import search_several
from napari_dicomdb.database.listing import ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = 200
"""Rows of a page, as the tables of the browser read them."""

SEARCHES = (
    ("as it is typed", ("j", "ja", "jan", "jane")),
    ("words", ("muller", "MÜLLER jürgen", "jane doe", "thorax abdomen OR topo", "xyzzy")),
    ("other scripts", ("山田", "動脈", "иванов", "علي", "παπα")),
    ("negation, phrases, OR", ("-thorax", '"low dose"', "xyzzy OR jane OR modality:PT")),
    (
        "fields",
        (
            "modality:CT", "modality:MR date:2019", "id:PAT0001", "name:doe", "desc:flair",
            "accession:A0000017", "sex:F birth:1950..1959", "is:linked", "has:findings",
            "uid:{series}", "uid:{instance}", "equipment:siemens", "institution:süd",
        ),
    ),
    (
        "ranges",
        (
            "date:2019..2020", "slices:>100", "spacing:<1", "gap:>2", "size:>1MB", "number:3",
            "rows:8", "thickness:<2", "time:08..12", "added:7d", "added:2023..2024",
        ),
    ),
    (
        "attributes",
        (
            "Manufacturer:siemens", "Manufacturer:nobody", "EchoTime:80..100",
            "modality:MR EchoTime:80..100", "SequenceName:ep", "ViewPosition:LL",
            "has:EchoTime", "ImageType:axial", "SliceLocation:>0", "SliceLocation:-999.3",
            "SliceLocation:-999.35", "InstanceNumber:7", "InstanceNumber:>200", "KVP:120",
            "KVP:80", "AcquisitionTime:10", "ImagePositionPatient:5", "HeartRate:72 slices:>20",
        ),
    ),
    ("hostile", ("(SELECT 1) ' OR 1=1 --", '"*" AND NEAR(', "x" * 2000)),
)  # fmt: skip


@contextmanager
def _filters() -> Iterator[None]:
    before = settings.saved_filters().get("benchmark")
    settings.save_filter("benchmark", "modality:CT thorax slices:>50")
    try:
        yield
    finally:
        settings.forget_filter("benchmark")
        if before is not None:
            settings.save_filter("benchmark", before)


class Stopwatch:
    """Times calls and keeps what they took."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def time(self, group: str, what: str, call: Callable[[], Any], repeat: int = 5) -> None:
        """Time the best of `repeat` calls."""
        best, rows = float("inf"), 0
        for _ in range(repeat):
            start = time.perf_counter()
            found = call()
            best = min(best, time.perf_counter() - start)
            rows = len(found) if hasattr(found, "__len__") else 1
            if best > 1:
                break
        self.rows.append({"group": group, "what": what, "ms": best * 1000, "rows": rows})


def first_rows(db: Database, watch: Stopwatch) -> None:
    """Time first and deep pages of every table in every order."""
    calls = {"patient": db.patients, "study": db.studies, "series": db.series}
    for table, call in calls.items():
        for order in ORDERS[table]:
            for down in (False, True):
                way = "down" if down else "up"
                watch.time(
                    "first rows",
                    f"{table} by {order}, {way}",
                    lambda c=call, o=order, d=down: c(order=o, descending=d, limit=PAGE),  # type: ignore[misc]
                )
    for table, call in calls.items():
        count = len(call())
        for order in ORDERS[table]:
            watch.time(
                "deep pages",
                f"{table} by {order}, the last",
                lambda c=call, o=order, n=count: c(order=o, limit=PAGE, offset=n - PAGE),  # type: ignore[misc]
            )


def look(db: Database, watch: Stopwatch) -> dict[str, Any]:
    """Time what is asked when things are selected and shown; return some of them."""
    patients, studies = db.patients(limit=PAGE), db.studies(limit=PAGE)
    series = db.series(order="instance_count", descending=True, limit=PAGE)
    largest = series[0]
    for order in ("date", "patient", "added"):
        watch.time(
            "cards", f"outline of all studies by {order}", lambda o=order: db.outline(order=o)
        )  # type: ignore[misc]
    laid = db.outline()
    watch.time("cards", "30 studies in sight", lambda: db.studies_by_key(laid.studies[500:530]))
    watch.time("cards", "their series", lambda: db.series_of(laid.studies[500:530]))
    watch.time("cards", "their patients", lambda: db.patients_by_key(laid.patients[500:530]))
    watch.time("selection", "studies of a patient", lambda: db.studies(patients[7]))
    watch.time("selection", "series of a study", lambda: db.series(studies[7]))
    watch.time("selection", "series of 200 studies", lambda: db.series(studies))
    watch.time("selection", "series of a patient", lambda: db.series(patient=patients[7]))
    watch.time("selection", "instances of 245", lambda: db.instances(largest))
    watch.time("selection", "a series by its UID", lambda: db.find_series(largest.uid))
    watch.time("selection", "what there is to open", lambda: db.loadables(largest))
    watch.time("selection", "its picture", lambda: db.thumbnail(largest.uid))
    watch.time(
        "around", "has anything changed", lambda: (db.listed_state(), db.change_counter)[:1]
    )
    watch.time("around", "counts", db.info, 2)
    watch.time("around", "recent series", db.recent)
    watch.time("around", "recent activity", db.activity)
    return {"series": largest.uid, "instance": db.instances(largest)[0].uid}


def searches(db: Database, watch: Stopwatch, known: dict[str, Any]) -> None:
    """Time searches of every kind over series, studies and patients."""
    for kind, texts in (*SEARCHES, ("saved filter", ("@benchmark", "@benchmark -topo"))):
        for template in texts:
            text = template.replace("{series}", known["series"])
            text = text.replace("{instance}", known["instance"])
            shown = text if len(text) < 60 else f"{text[:24]}..."
            for table, call in (
                ("series", lambda t: db.series(text=t, order="date", descending=True, limit=PAGE)),
                ("studies", lambda t: db.studies(text=t, descending=True, limit=PAGE)),
                ("patients", lambda t: db.patients(text=t, limit=PAGE)),
                ("outline", lambda t: db.outline(text=t)),
            ):
                watch.time(f"search: {kind}", f"{shown} ({table})", lambda c=call, t=text: c(t), 3)  # type: ignore[misc]


def upkeep(db: Database, watch: Stopwatch) -> None:
    """Time what is done now and then."""
    watch.time("upkeep", "patients that are alike", lambda: db.similar_patients(100), 2)
    watch.time("upkeep", "statistics", db.statistics, 1)
    watch.time("upkeep", "verify: each file looked at", lambda: [db.verify()][:1], 1)
    watch.time("upkeep", "check", lambda: [db.check()][:1], 1)


def changes(root: Path, watch: Stopwatch) -> None:
    """Time opening, and removals, on a copy."""
    watch.time("around", "open the database", lambda: Database.open(root).close())
    copy = root.with_name(f"{root.name}-changed")
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copy(root / "dicomdb.sqlite", copy / "dicomdb.sqlite")
    try:
        with Database.open(copy) as db:
            series = db.series(order="instance_count", descending=True, limit=1)[0]
            watch.time("upkeep", "remove a series of 245", lambda: [db.remove(series=series)], 1)
            patient = db.patients(limit=1)[0]
            watch.time("upkeep", "remove a patient", lambda: [db.remove(patient=patient)], 1)
    finally:
        shutil.rmtree(copy)


def several(root: Path, watch: Stopwatch) -> None:
    """Time a search over several databases: the same one under three names."""
    links = [root.with_name(f"{root.name}-{n}") for n in range(3)]
    for link in links:
        link.unlink(missing_ok=True)
        os.symlink(root, link)
    try:
        for text in ("jane", "modality:MR EchoTime:80..100", "xyzzy"):
            watch.time(
                "several databases",
                f"{text}, in three",
                lambda t=text: search_several(links, t, limit=PAGE).hits,  # type: ignore[misc]
                3,
            )
    finally:
        for link in links:
            link.unlink()


def sizes(root: Path) -> dict[str, Any]:
    """Return bytes on disk, for each instance and by table."""
    path = root / "dicomdb.sqlite"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    count = connection.execute("SELECT count(*) FROM instance").fetchone()[0]
    try:
        by_table = dict(
            connection.execute(
                "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 8"
            )
        )
    except sqlite3.OperationalError:  # not every SQLite is built with dbstat
        by_table = {}
    connection.close()
    return {"instances": count, "bytes": path.stat().st_size, "tables": by_table}


def run(root: Path) -> dict[str, Any]:
    """Time everything on one database."""
    watch = Stopwatch()
    with _filters(), Database.open(root) as db:
        first_rows(db, watch)
        known = look(db, watch)
        searches(db, watch, known)
        upkeep(db, watch)
    several(root, watch)
    changes(root, watch)
    return {"queries": watch.rows, "size": sizes(root)}


def main() -> None:
    """Print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path)
    print(json.dumps(run(parser.parse_args().database.resolve())))


if __name__ == "__main__":
    main()
