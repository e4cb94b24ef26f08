"""The rules that every part keeps: light imports, layers, a valid manifest, told dependencies."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
from npe2 import PluginManifest
from packaging.version import Version

import napari_dicomdb

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_dicomdb"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 450
SCREEN = {"PyQt6", "PySide6", "magicgui", "napari", "qtpy", "superqt", "vispy"}
HEAVY = SCREEN | {"loky", "numpy", "pandas", "pydicom", "scipy"}
NEEDS_A_SCREEN = {"viewer", "widgets"}


def modules_loaded_by(statement: str) -> set[str]:
    """Top-level names in sys.modules after `statement` ran in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rooms() -> set[str]:
    """Names of the package's direct children: folders with modules, and modules."""
    folders = {p.parent.relative_to(PACKAGE).parts[0] for p in PACKAGE.glob("*/**/*.py")}
    return folders | {p.stem for p in PACKAGE.glob("*.py") if p.stem != "__init__"}


@pytest.mark.parametrize("module", ["napari_dicomdb", "napari_dicomdb.dicom.header"])
def test_light_modules_bring_in_nothing_heavy(module: str) -> None:
    assert modules_loaded_by(f"import {module}") & HEAVY == set()


def test_core_and_command_import_without_a_screen() -> None:
    core = [dotted(p) for p in MODULES if p.relative_to(PACKAGE).parts[0] not in NEEDS_A_SCREEN]
    assert len(core) > 5
    assert modules_loaded_by("import " + ", ".join(core)) & SCREEN == set()


def test_every_folder_is_a_package() -> None:
    """Else import-linter would not see what is in it."""
    folders = {path.parent for path in MODULES}
    assert [f.name for f in folders if not (f / "__init__.py").exists()] == []


def test_every_module_is_importable() -> None:
    for path in MODULES:
        if path.stem != "__main__":
            importlib.import_module(dotted(path))


@pytest.mark.parametrize("name", napari_dicomdb.__all__)
def test_public_names_are_there(name: str) -> None:
    assert getattr(napari_dicomdb, name) is not None
    assert name in dir(napari_dicomdb)


def test_all_errors_are_public() -> None:
    from napari_dicomdb import errors

    classes = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert classes <= set(napari_dicomdb.__all__)


def test_a_wrong_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Databse'"):
        napari_dicomdb.Databse  # noqa: B018


def test_version_is_the_installed_one() -> None:
    assert version("napari-dicomdb") == napari_dicomdb.__version__


def test_layers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_has_its_layer() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    layers = " ".join(contracts[0]["layers"])
    core = set(contracts[1]["source_modules"])
    for room in rooms():
        name = f"napari_dicomdb.{room}"
        assert re.search(rf"\b{re.escape(name)}\b", layers), f"{name} is in no layer"
        if room not in NEEDS_A_SCREEN | {"cli"}:
            assert name in core, f"{name} may import Qt: add it to the contract of the core"


def test_manifest_is_valid_and_its_commands_exist() -> None:
    manifest = PluginManifest.from_file(PACKAGE / "napari.yaml")
    assert manifest.name == "napari-dicomdb"
    commands = manifest.contributions.commands
    assert commands
    for command in commands:
        module, _, name = str(command.python_name).partition(":")
        assert callable(getattr(importlib.import_module(module), name)), command.id
    described = {c.id for c in commands}
    used = {w.command for w in manifest.contributions.widgets or ()}
    used |= {r.command for r in manifest.contributions.readers or ()}
    used |= {w.command for w in manifest.contributions.writers or ()}
    used |= {s.command for s in manifest.contributions.sample_data or ()}
    menus = manifest.contributions.menus or {}
    used |= {i.command for items in menus.values() for i in items if hasattr(i, "command")}
    assert used == described


def test_manifest_at_the_top_is_the_one_in_the_package() -> None:
    assert (ROOT / "napari.yaml").samefile(PACKAGE / "napari.yaml")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("IM000001", True),
        ("1.2.840.113619.2.55.3.604688.dcm", True),
        ("1.3.6.1.4.1.9590.100.1.2", True),
        ("DICOMDIR", True),
        ("scan.IMA", True),
        ("board.dicomscene", True),
        ("photo.tif", False),
        ("photo.png", False),
        ("brain.nii.gz", False),
        ("notes.txt", False),
    ],
)
def test_reader_asks_for_dicom_like_names_only(name: str, ours: bool) -> None:
    from fnmatch import fnmatchcase

    manifest = PluginManifest.from_file(PACKAGE / "napari.yaml")
    path = Path(name)
    # npe2 matches the stem as it is and the extension in lower case.
    seen = path.stem + path.suffix.lower()
    patterns = [p for r in manifest.contributions.readers for p in r.filename_patterns]
    assert any(fnmatchcase(seen, p) for p in patterns) is ours


def test_entry_points_load() -> None:
    groups = PROJECT["project"]["entry-points"]
    for group, entries in groups.items():
        if group == "napari.manifest":
            continue
        installed = {e.name: e for e in entry_points(group=group)}
        for name in entries:
            assert callable(installed[name].load())


def requirement_names() -> set[str]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    lines = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)]
    names = {re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0] for line in lines}
    return names - {"napari-dicomdb"}


@pytest.mark.parametrize("name", sorted(requirement_names()))
def test_dependency_is_told(name: str) -> None:
    told = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| {re.escape(name)} \|", told, re.MULTILINE), (
        f"docs/dependencies.md has no line for {name}"
    )


def lower_bounds(lines: list[str]) -> dict[str, str]:
    """Give the oldest allowed version by name, of lines like ``name[extras]>=1.0``."""
    found = {}
    for line in lines:
        if not line.startswith("napari-dicomdb["):
            name, bound = re.fullmatch(r"([\w-]+)(?:\[[\w,]+\])?>=([\d.]+)", line).groups()
            assert found.setdefault(name.lower(), bound) == bound, f"two bounds of {name}"
    return found


def test_the_oldest_versions_are_those_that_are_tested() -> None:
    """Each bound of what a user may have is in `make test-oldest`, and nothing else is."""
    extras = PROJECT["project"]["optional-dependencies"]
    tools = {"test", "bench", "dev"}
    users = [*PROJECT["project"]["dependencies"]]
    users += [line for name, lines in extras.items() if name not in tools for line in lines]
    everything = lower_bounds([*users, *(line for name in tools for line in extras[name])])
    text = (ROOT / "tests" / "oldest-constraints.txt").read_text(encoding="utf-8")
    tested = dict(line.lower().split("==") for line in text.splitlines() if "==" in line)
    assert lower_bounds(users).keys() <= tested.keys()
    for name, oldest in tested.items():
        assert Version(oldest) == Version(everything[name]), name


def test_neither_qt_nor_napari_is_a_hard_dependency() -> None:
    hard = {line.split(">")[0].lower() for line in PROJECT["project"]["dependencies"]}
    assert hard.isdisjoint(name.lower() for name in SCREEN)


def test_imports_of_third_parties_are_declared() -> None:
    """Every distribution that the package imports is in pyproject, under a name we know."""
    imported_as = {
        "PIL": "pillow",
        "nibabel": "nibabel",
        "nrrd": "pynrrd",
        "click": "typer",
    }
    declared = {name.lower().replace("-", "_") for name in requirement_names()}
    known = sys.stdlib_module_names | {"napari_dicomdb", "_typeshed"}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for top in {name.partition(".")[0] for name in names}:
                if top not in known:
                    wanted = imported_as.get(top, top).lower()
                    assert wanted in declared, f"{path.name} imports {top}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_module_is_short_and_finished(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST_MODULE, "split it by what it does"
    unfinished = [line for line in lines if re.search(r"\b(TODO|FIXME|XXX)\b", line)]
    assert not unfinished


def test_module_has_a_test_module() -> None:
    """One test module per module, in the folder of its room; private modules aside."""
    tests = {
        (path.relative_to(ROOT / "tests").parts[0], path.name)
        for path in ROOT.glob("tests/*/**/test_*.py")
    } | {("", path.name) for path in ROOT.glob("tests/test_*.py")}
    missing = []
    for path in MODULES:
        *folders, name = path.relative_to(PACKAGE).parts
        room = folders[0] if folders else ""
        if not name.startswith("_") and (room, f"test_{name}") not in tests:
            missing.append("/".join((*folders, name)))
    assert missing == []


# A pause of fixed length: too short on a loaded machine, too long on all others.
FIXED_WAIT = re.compile(
    r"(?<!\w)m?sleep\(|(?<!\w)(?:qtbot\.wait|qWait)\(|\.wait\((?:timeout=)?0?\.\d+\)"
)
# What is waited for there is no event: the proxy makes a line slow.
SLOW_ON_PURPOSE = {("tests/network/faults/fault_proxy.py", "self._ending.wait(0.05)")}


def test_no_test_waits_by_the_clock() -> None:
    """Tests wait for the event itself; for a program of others by `tests.servers.until`."""
    found = {
        (path.relative_to(ROOT).as_posix(), line.strip())
        for path in sorted(ROOT.glob("tests/**/*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if path != Path(__file__) and FIXED_WAIT.search(line)
    }
    assert found == SLOW_ON_PURPOSE


# What others read is in these; everything else at the top is made by tools.
TEXT_FOLDERS = (".ci", ".github", "benchmarks", "docs", "examples", "scripts", "src", "tests")
TEXT_SUFFIXES = {"", ".json", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}
MACHINE_PATH = r"(?<![\w.~-])/(?:work|root|tmp|home/\w+|Users/\w+)/[\w.-]+|[A-Z]:\\Users\\\w+"
# Made up in tests, which nothing may make, or which another program has written.
MADE_UP = {
    ("tests/database/test_archives.py", "/tmp/evil"),
    ("tests/database/test_slicer.py", r"C:\Users\me"),
    ("tests/network/serving/test_storing.py", "/tmp/escape"),
    ("tests/viewer/test_scene_state.py", "/home/me/x.dcm"),
}
PUBLIC_HOSTS = {
    "github.com",
    "keepachangelog.com",
    "napari.org",
    "semver.org",
    "www.orthanc-server.com",
}


def texts() -> dict[str, str]:
    """Give the text of every file that others get, by its path; this one aside."""
    paths = [p for p in ROOT.iterdir() if p.is_file() and not p.name.startswith(".coverage")]
    paths += [p for folder in TEXT_FOLDERS for p in (ROOT / folder).rglob("*") if p.is_file()]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in paths
        if path.suffix in TEXT_SUFFIXES and path != Path(__file__)
    }


def test_no_text_has_a_path_of_a_machine() -> None:
    """Neither those of the usual places, nor where this checkout, its data and we are at home."""
    data = os.environ.get("DICOMDB_REFERENCE_DATA") or ROOT.parent / "shared" / "data"
    here = [str(p) for p in (ROOT, Path(data), Path.home()) if len(p.absolute().parts) > 2]
    wanted = re.compile("|".join([MACHINE_PATH, *map(re.escape, here)]))
    found = {(name, hit) for name, text in texts().items() for hit in wanted.findall(text)}
    assert found - MADE_UP == set()
    assert MADE_UP - found == set(), "no longer an exception"


def test_no_text_names_where_packages_came_from() -> None:
    """Package registries and other hosts that the world cannot reach are those of a machine."""
    reserved = re.compile(r"(.*\.)?example(\.\w+)?|.*\.invalid|127\.[\d.]+")
    for name, text in texts().items():
        options = re.findall(r"(?i)(?:index[-_]url|find[-_]links|trusted[-_]host)", text)
        assert not options, name
        if not name.startswith("tests/"):
            hosts = set(re.findall(r"https?://([\w-]+(?:\.[\w-]+)+)", text))
            hosts = {host for host in hosts if not reserved.fullmatch(host)}
            assert hosts <= PUBLIC_HOSTS, name
