"""An import needs no more memory for more files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# 30 000 instances made up in place of scanned ones: what walking, collecting and
# storing them needs, beyond what it needed for the first 6 000.
CODE = """
import sys
from napari_dicomdb.database import Database, importing
from napari_dicomdb.database.pool import Chunk
from napari_dicomdb.database.rows import rows_of
from napari_dicomdb.database.scanning import Scanned
from napari_dicomdb.database.sources import FoundFile
from napari_dicomdb.dicom.header import Header

def peak():
    # Not ru_maxrss: that begins with the size of the process which forked this one.
    with open("/proc/self/status") as status:
        return next(line.split()[1] for line in status if line.startswith("VmHWM"))

def chunks(self, places):
    for n in range(30_000 // 60):
        if n == 100:
            print(peak())
        yield Chunk([FoundFile(f"/data/{n}", f"{i}.dcm", 1000, n) for i in range(60)])

def results(self, chunks):
    for chunk in chunks:
        series = f"1.2.{chunk.files[0].mtime_ns}"
        headers = [Header({"SOPInstanceUID": f"{series}.{f.name}", "SeriesInstanceUID": series,
            "StudyInstanceUID": "1.2", "PatientID": "P", "Modality": "CT",
            "InstanceNumber": f.name, "SeriesDescription": "x" * 200}) for f in chunk.files]
        groups, accepted = rows_of(headers)
        yield chunk, Scanned(groups, accepted, list(range(60)))

importing.Import._chunks = chunks
importing.ScanPool.results = results
with Database.open(sys.argv[1]) as database:
    assert database.import_paths(["/data"], workers=0).added == 30_000
    assert database.info()["instances"] == 30_000
print(peak())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_memory_is_bounded(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    early, late = (int(line) / 1024 for line in done.stdout.split())
    # The page cache of the index may grow to 64 MB; nothing grows with the files.
    assert late - early < 64
    assert late < 300
