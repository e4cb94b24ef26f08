"""The things that are timed, each run in a process of its own.

    python -m benchmarks.work NAME FOLDER [SCRATCH]

prints one JSON line: seconds (without the start of the interpreter and imports),
count, and the peak memory of this process in MB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

Work = Callable[[Path, Path], dict[str, float]]
WORKS: dict[str, Work] = {}


def work(name: str) -> Callable[[Work], Work]:
    """Register a function under `name`."""

    def register(function: Work) -> Work:
        WORKS[name] = function
        return function

    return register


@contextmanager
def timed(result: dict[str, float]) -> Iterator[None]:
    """Add the seconds of the block to `result`."""
    start = time.perf_counter()
    yield
    result["seconds"] = time.perf_counter() - start


def files_below(folder: Path) -> list[str]:
    """Return all paths below `folder`."""
    return [os.path.join(d, name) for d, _, names in os.walk(folder) for name in names]


def run_program(words: list[str], result: dict[str, float]) -> None:
    """Time a whole program, its output thrown away; absent: exit code 3."""
    if shutil.which(words[0]) is None:
        sys.exit(3)
    with timed(result):
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# --- reading headers ---------------------------------------------------------------


@work("walk-stat")
def walk_stat(folder: Path, scratch: Path) -> dict[str, float]:
    """Walk the folder and stat every file."""
    result: dict[str, float] = {}
    with timed(result):
        paths = files_below(folder)
        for path in paths:
            os.stat(path)
    return {**result, "count": len(paths)}


@work("read-8k")
def read_8k(folder: Path, scratch: Path) -> dict[str, float]:
    """Read the first 8 kB of every file."""
    result: dict[str, float] = {}
    with timed(result):
        paths = files_below(folder)
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY)
            os.read(descriptor, 8192)
            os.close(descriptor)
    return {**result, "count": len(paths)}


# Identity, position and what comes last before the pixels: it has to read as far as we do.
GDCM_TAGS = ("8,18", "8,60", "10,20", "20,d", "20,e", "20,32", "28,1053")


@work("gdcmscanner")
def gdcmscanner(folder: Path, scratch: Path) -> dict[str, float]:
    """Scan with GDCM: seven tags, nothing kept."""
    result: dict[str, float] = {}
    tags = [word for tag in GDCM_TAGS for word in ("-t", tag)]
    run_program(["gdcmscanner", "-r", "-d", str(folder), *tags], result)
    return {**result, "count": len(files_below(folder))}


@work("pydicom-headers")
def pydicom_headers(folder: Path, scratch: Path) -> dict[str, float]:
    """Read headers with pydicom, of 2 000 files at the most."""
    import pydicom

    result: dict[str, float] = {}
    paths = files_below(folder)[:2000]
    with timed(result):
        for path in paths:
            pydicom.dcmread(path, stop_before_pixels=True)
    return {**result, "count": len(paths)}


@work("import")
def import_(folder: Path, scratch: Path) -> dict[str, float]:
    """Import by reference into a new database."""
    from napari_dicomdb import Database

    shutil.rmtree(scratch, ignore_errors=True)
    result: dict[str, float] = {}
    with timed(result), Database.open(scratch) as db:
        report = db.import_paths([folder])
    return {**result, "count": report.added}


@work("import-again")
def import_again(folder: Path, scratch: Path) -> dict[str, float]:
    """Import the same folder once more: nothing has changed."""
    from napari_dicomdb import Database

    result: dict[str, float] = {}
    with timed(result), Database.open(scratch) as db:
        report = db.import_paths([folder])
    if report.added or report.rejected:
        sys.exit("the second import was not of known files")
    return {**result, "count": report.unchanged}


# --- one series of 500 x 512 x 512 --------------------------------------------------


def _pixel_places(folder: Path) -> list[tuple[str, int, int]]:
    """Return (path, offset, length) of the pixels: they are the end of our files."""
    places = []
    for path in sorted(files_below(folder)):
        length = 512 * 512 * 2
        places.append((path, os.path.getsize(path) - length, length))
    return places


def _read_bytes(folder: Path, threads: int) -> dict[str, float]:
    import numpy as np

    places = _pixel_places(folder)
    result: dict[str, float] = {}
    with timed(result):
        array = np.empty((len(places), 512, 512), np.int16)

        def read(index: int) -> None:
            path, offset, _ = places[index]
            with open(path, "rb", buffering=0) as file:
                file.seek(offset)
                file.readinto(array[index].reshape(-1).view(np.uint8).data)

        if threads == 1:
            for index in range(len(places)):
                read(index)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(read, range(len(places))))
    return {**result, "count": len(places), "check": float(array.sum(dtype=np.int64))}


@work("bytes-1")
def bytes_1(folder: Path, scratch: Path) -> dict[str, float]:
    """Read the pixels' bytes into one array, one thread."""
    return _read_bytes(folder, 1)


@work("bytes-2")
def bytes_2(folder: Path, scratch: Path) -> dict[str, float]:
    """Read the pixels' bytes into one array, two threads."""
    return _read_bytes(folder, 2)


@contextmanager
def _series(folder: Path, scratch: Path) -> Iterator[tuple[object, str]]:
    from napari_dicomdb import Database

    with Database.open(scratch) as db:
        db.import_paths([folder])
        yield db, db.series()[0].uid


def _timed_examine(examine: Callable[[], list[object]]) -> dict[str, float]:
    """Time the best of five and count the files that the last ones opened."""
    import builtins

    examine()  # loaders are imported, the first answer is stored
    opened: list[object] = []
    real_open, real_os_open = builtins.open, os.open
    times = []
    try:
        builtins.open = lambda *a, **k: opened.append(a) or real_open(*a, **k)
        os.open = lambda *a, **k: opened.append(a) or real_os_open(*a, **k)
        for _ in range(5):
            result: dict[str, float] = {}
            with timed(result):
                loadables = examine()
            times.append(result["seconds"])
    finally:
        builtins.open, os.open = real_open, real_os_open
    return {"seconds": min(times), "count": len(loadables), "files_opened": len(opened)}


@work("examine")
def examine(folder: Path, scratch: Path) -> dict[str, float]:
    """Examine the series by asking all loaders, index open; the best of five."""
    with _series(folder, scratch) as (db, uid):
        return _timed_examine(lambda: db.examine(db.instances(uid)))


@work("examine-again")
def examine_again(folder: Path, scratch: Path) -> dict[str, float]:
    """Examine the series when its database knows the answer; the best of five."""
    with _series(folder, scratch) as (db, uid):
        return _timed_examine(lambda: db.examine(uid))


@work("list-loadables")
def list_loadables(folder: Path, scratch: Path) -> dict[str, float]:
    """List what there is to open, as the browser does; the best of five."""
    with _series(folder, scratch) as (db, uid):
        series = db.find_series(uid)
        db.examine(series)
        return _timed_examine(lambda: db.loadables(series))


@work("load")
def load(folder: Path, scratch: Path) -> dict[str, float]:
    """Examine and load the whole series into memory."""
    with _series(folder, scratch) as (db, uid):
        import napari_dicomdb.loading  # noqa: F401 - its import is not what is timed

        db.examine(uid)
        result: dict[str, float] = {}
        with timed(result):
            volume = db.examine(uid)[0].load(lazy=False)
            array = volume.numpy()
    return {**result, "count": len(array)}


@work("first-slice")
def first_slice(folder: Path, scratch: Path) -> dict[str, float]:
    """Open the series lazily and read its first slice, after examine."""
    import numpy as np

    with _series(folder, scratch) as (db, uid):
        loadable = db.examine(uid)[0]
        result: dict[str, float] = {}
        with timed(result):
            layers = loadable.to_layers(loadable.load(lazy=True))
            np.asarray(layers[0][0][0])
    return {**result, "count": 1}


@work("course-examine")
def course_examine(folder: Path, scratch: Path) -> dict[str, float]:
    """Examine a time course of 5 000 files anew, index open, loaders loaded; the best of five."""
    from napari_dicomdb import loading

    with _series(folder, scratch) as (db, uid):
        instances = db.instances(uid)
        loading.examine(instances)
        times = []
        for _ in range(5):
            result: dict[str, float] = {}
            with timed(result):
                loadables = loading.examine(instances)
            times.append(result["seconds"])
        if len(loadables[0].shape) != 4:
            sys.exit("the time course is not opened as one")
    return {"seconds": min(times), "count": len(instances)}


@work("course-first")
def course_first(folder: Path, scratch: Path) -> dict[str, float]:
    """Open the time course lazily and read the first frame that is shown, after examine."""
    import numpy as np

    with _series(folder, scratch) as (db, uid):
        loadable = db.examine(uid)[0]
        result: dict[str, float] = {}
        with timed(result):
            layers = loadable.to_layers(loadable.load(lazy=True))
            np.asarray(layers[0][0][0, loadable.shape[1] // 2])
    return {**result, "count": 1}


@work("course-scrub")
def course_scrub(folder: Path, scratch: Path) -> dict[str, float]:
    """Look at every frame of the time course, twice, with 32 MB to keep frames in."""
    import numpy as np

    from napari_dicomdb.loading.lazy import frame_cache

    with _series(folder, scratch) as (db, uid):
        loadable = db.examine(uid)[0]
        data = loadable.to_layers(loadable.load(lazy=True))[0][0]
        frame_cache().limit = 32 << 20
        held, frames = 0, 0
        result: dict[str, float] = {}
        with timed(result):
            for _ in range(2):
                for k in range(loadable.shape[1]):
                    for t in range(loadable.shape[0]):
                        np.asarray(data[t, k])
                        held, frames = max(held, frame_cache().nbytes), frames + 1
    return {**result, "count": frames, "held": held / frame_cache().limit}


@work("simpleitk")
def simpleitk(folder: Path, scratch: Path) -> dict[str, float]:
    """Scan the series and read it with SimpleITK."""
    try:
        import SimpleITK
    except ImportError:
        sys.exit(3)
    folder = next(Path(d) for d, _, names in os.walk(folder) if names)
    result: dict[str, float] = {}
    with timed(result):
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        image = reader.Execute()
    return {**result, "count": image.GetSize()[2]}


@work("pydicom")
def pydicom_(folder: Path, scratch: Path) -> dict[str, float]:
    """Read and stack with pydicom, sorted by position."""
    import numpy as np
    import pydicom

    result: dict[str, float] = {}
    with timed(result):
        datasets = [pydicom.dcmread(path) for path in files_below(folder)]
        datasets.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
        array = np.stack([ds.pixel_array for ds in datasets])
    return {**result, "count": len(array)}


@work("dcm2niix")
def dcm2niix(folder: Path, scratch: Path) -> dict[str, float]:
    """Convert with dcm2niix to an uncompressed NIfTI, whole process."""
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as out:
        run_program(["dcm2niix", "-z", "n", "-b", "n", "-o", out, str(folder)], result)
    return {**result, "count": 500}


@work("convert")
def convert(folder: Path, scratch: Path) -> dict[str, float]:
    """Convert with `dicomdb` to an uncompressed NIfTI, whole process."""
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as out:
        program = str(Path(sys.executable).with_name("dicomdb"))
        target = str(Path(out) / "volume.nii")
        run_program([program, "convert", str(folder), "--to", target], result)
    return {**result, "count": 500}


def main() -> None:
    """Do one work and print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(WORKS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("scratch", type=Path, nargs="?", default=Path("scratch"))
    words = parser.parse_args()
    # Programs that pip installed stand beside the interpreter.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = WORKS[words.name](words.folder, words.scratch)
    # ru_maxrss is in kB on Linux and in bytes on macOS.
    unit = 1024 if sys.platform != "darwin" else 1024**2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(json.dumps({**result, "peak_mb": round(peak, 1)}))


if __name__ == "__main__":
    main()
