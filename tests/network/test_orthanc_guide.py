"""The page about Orthanc is true: its commands are run, word by word, against a real one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from tests.servers import PATIENCE, listens, until

PAGE = Path(__file__).parents[2] / "docs" / "orthanc.md"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
# By the port that the page names: of what it is.
PORTS = ("4242", "8042", "11112")


def blocks() -> Iterator[tuple[str, str]]:
    """Yield kind and content of the code blocks, and where the background ends."""
    text = PAGE.read_text(encoding="utf-8")
    pattern = r"(?:<!-- ([^>]+) -->\n)?```(?:\w*)\n(.*?)```|<!-- (end of background: [^>]+) -->"
    for found in re.finditer(pattern, text, re.DOTALL):
        if found[3]:
            yield found[3], ""
        else:
            yield found[1] or "run", found[2]


class Shell:
    """Runs the page's commands in a home of their own."""

    def __init__(self, home: Path, ports: dict[str, str]) -> None:
        self.home, self.ports = home, ports
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
        self.environment = {**os.environ, "HOME": str(home), "PATH": path, "COLUMNS": "200"}
        self.background: dict[str, subprocess.Popen[bytes]] = {}
        self.said: dict[str, str] = {}

    def of_us(self, text: str) -> str:
        """Put free ports in the place of the page's."""
        return re.sub("|".join(PORTS), lambda found: self.ports[found[0]], text)

    def run(self, line: str) -> None:
        done = subprocess.run(
            self.of_us(line), shell=True, cwd=self.home, env=self.environment,
            capture_output=True, text=True, timeout=50, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.said[line] = done.stdout
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr

    def start(self, line: str, ports: list[str]) -> None:
        with open(self.home / "background.log", "ab") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {self.of_us(line)}"],
                cwd=self.home, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.background[line] = process
        for port in map(int, map(self.ports.__getitem__, ports)):
            until(lambda port=port: listens(port), process, self.home / "background.log")

    def end(self, beginning: str) -> None:
        """End what began with this word by word, as Ctrl+C does; it must end well."""
        (line,) = [one for one in self.background if one.startswith(beginning)]
        process = self.background.pop(line)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0

    def close(self) -> None:
        for process in self.background.values():
            process.kill()
            process.wait()


@pytest.fixture
def shell(tmp_path: Path, free_port_of: Callable[[], int]) -> Iterator[Shell]:
    home = tmp_path / "home"
    home.mkdir()
    made = Shell(home, {port: str(free_port_of()) for port in PORTS})
    yield made
    made.close()


@pytest.fixture
def images(shell: Shell, reference_data: Path) -> dict[str, Path]:
    """Fill ~/dicom: plain, compressed, and with names in other scripts; by UID."""
    folder = shell.home / "dicom"
    folder.mkdir()
    found: dict[str, Path] = {}
    wanted = ["chrX1.dcm", "chrI2.dcm", "chrRuss.dcm", "chrGerm.dcm", "CT1_JPLL", "SC_rgb_rle.dcm"]
    for name in wanted:
        source = next(reference_data.rglob(name))
        target = folder / name
        shutil.copyfile(source, target)
        found[str(pydicom.dcmread(target, force=True).SOPInstanceUID)] = target
    assert len(found) == len(wanted)
    return found


@pytest.mark.skipif(not PLUGIN.exists(), reason="Orthanc's DICOMweb plug-in is not installed")
def test_every_command_of_the_page(
    shell: Shell,
    images: dict[str, Path],
    program: Callable[[str], str],
    data_set_of: Callable[[Path], bytes],
) -> None:
    program("Orthanc")
    ports = {"Orthanc": ["4242", "8042"], "dicomdb": ["11112"]}
    run = 0
    for kind, content in blocks():
        if kind == "not run":
            continue
        if kind.startswith("file: "):
            (shell.home / kind.removeprefix("file: ")).write_text(shell.of_us(content))
        elif kind == "background":
            line = content.strip()
            shell.start(line, ports[line.split()[0]])
        elif kind.startswith("end of background: "):
            shell.end(kind.removeprefix("end of background: "))
        else:
            for line in content.strip().splitlines():
                shell.run(line)
                run += 1
    assert run >= 15
    said = shell.said
    # What was sent comes back by every way, whole.
    for folder in ("from-orthanc", "by-move", "from-web"):
        got = {
            str(pydicom.dcmread(path).SOPInstanceUID): path
            for path in (shell.home / folder).rglob("*")
            if path.is_file()
        }
        assert got.keys() == images.keys(), folder
        for uid, path in got.items():
            original, copy = pydicom.dcmread(images[uid]), pydicom.dcmread(path)
            assert copy.PatientName == original.PatientName
            assert copy.PixelData == original.PixelData if "PixelData" in original else True
    # Names of other scripts are readable in what Orthanc answers.
    names = [str(pydicom.dcmread(path).PatientName) for path in images.values()]
    families = [name.partition("=")[0].partition("^")[0].strip() for name in names]
    assert sum(not family.isascii() for family in families) >= 2
    for line in ("dicomdb find orthanc", 'dicomdb find orthanc-web "PatientName=*"'):
        assert [family for family in families if family not in said[line]] == []
    offer = said["dicomdb nodes test orthanc"]
    assert "C-MOVE" in offer and "query" in offer


def test_the_page_speaks_of_what_there_is() -> None:
    kinds = [kind for kind, _ in blocks()]
    assert kinds.count("background") == 2
    assert kinds.count("file: orthanc.json") == 1
    content = next(content for kind, content in blocks() if kind.startswith("file"))
    assert all(port in content for port in PORTS)
