"""`dicomdb listen`: a process of its own, real peers, stopped by Ctrl+C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from napari_dicomdb import Database
from napari_dicomdb.cli.app import app
from napari_dicomdb.cli.listening import _bytes_of
from napari_dicomdb.network.listener_settings import ListenerTls, load_listener_settings
from napari_dicomdb.viewer.phantom import write_phantom_study

CLI = "from napari_dicomdb.cli import main; main()"


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    (series,) = write_phantom_study(folder, ("axial-ct",), matrix=32, slices=5)
    return [str(path) for path in series.paths]


@pytest.fixture
def listening(tmp_path):
    """Run `dicomdb listen` on a free port; give the process and its port."""
    processes = []

    def start(*words):
        process = subprocess.Popen(
            [
                sys.executable, "-c", CLI, "listen", "--db", str(tmp_path / "db"),
                "--port", "0", *words,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ},
        )  # fmt: skip
        processes.append(process)
        line = process.stdout.readline()
        text = json.loads(line)["text"] if line.startswith("{") else line
        return process, int(text.split(" port ")[1].split()[0])

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_json_lines_until_ctrl_c(listening, program, paths, tmp_path):
    process, port = listening("--json", "--aet", "HERE")
    words = [program("storescu"), "-aec", "HERE", "127.0.0.1", str(port), *paths]
    subprocess.run(words, check=True, timeout=60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    events = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0, err
    assert [e["kind"] for e in events].count("stored") == 5
    assert events[-1]["kind"] == "stopped"
    with Database.open(tmp_path / "db") as database:
        assert database.info()["instances"] == 5


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_killed_it_loses_nothing_that_it_acknowledged(listening, program, paths, tmp_path):
    process, port = listening()
    words = [program("storescu"), "-aec", "DICOMDB", "127.0.0.1", str(port), *paths]
    subprocess.run(words, check=True, timeout=60)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    with Database.open(tmp_path / "db") as database:
        assert database.info()["instances"] == 5
        assert all(record.path.is_file() for record in database.instances())


def test_words_for_people_and_sigterm(listening, program, paths):
    process, port = listening("--allow-aet", "SCANNER")
    words = [program("storescu"), "-aec", "DICOMDB", "127.0.0.1", str(port), paths[0]]
    assert subprocess.run(words, capture_output=True, timeout=60).returncode != 0
    subprocess.run([*words[:1], "-aet", "SCANNER", *words[1:]], check=True, timeout=60)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped: 1 instance received" in out
    assert "[wrong-calling-aet]" in err
    assert f"{out}{err}".count("rejected:") == 1  # once, by the log no second time
    assert "Traceback" not in err


def test_port_in_use_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [
                sys.executable, "-c", CLI, "listen",
                "--db", str(tmp_path / "db"), "--port", str(port), "--save",
            ],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert "[port-in-use]" in done.stderr
    assert load_listener_settings().port != port  # what does not work is not kept


def test_settings_are_kept_and_used(tmp_path, monkeypatch):
    from napari_dicomdb.cli import listening

    monkeypatch.setattr(listening, "_follow", lambda events, json_: None)
    run = CliRunner().invoke
    db = ["--db", str(tmp_path / "db")]
    done = run(
        app,
        ["listen", *db, "--port", "0", "--aet", "KEPT", "--allow-aet", "A", "--allow-aet", "B",
         "--allow-from", "127.0.0.0/8", "--max-object", "1.5M", "--idle", "9", "--save",
         "--any-called-aet", "--max-associations", "3"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    kept = load_listener_settings()
    assert (kept.aet, kept.allowed_aets, kept.max_object_bytes) == ("KEPT", ("A", "B"), 1_572_864)
    assert (kept.idle_seconds, kept.any_called_aet, kept.max_associations) == (9.0, True, 3)
    done = run(app, ["listen", *db, "--allow-any", "--save"])
    assert done.exit_code == 0, done.output
    assert "as KEPT" in done.output
    assert load_listener_settings().allowed_aets == ()
    done = run(app, ["listen", *db, "--bind", "0.0.0.0"])
    assert "anybody on the network may store here" in done.output


@pytest.mark.parametrize(
    "words",
    [
        ["--allow-any", "--allow-aet", "A"],
        ["--tls-key", "k.pem"],
        ["--no-tls", "--tls-cert", "c.pem"],
        ["--max-object", "large"],
        ["--port", "70000"],
        ["--aet", "FAR TOO LONG A TITLE"],
        ["--allow-from", "nowhere"],
    ],
)
def test_wrong_usage(words, tmp_path):
    done = CliRunner().invoke(app, ["listen", "--db", str(tmp_path / "db"), *words])
    assert done.exit_code == 2
    assert not (tmp_path / "db").exists()


def test_tls_files(tmp_path, monkeypatch):
    from napari_dicomdb.cli import listening
    from napari_dicomdb.network.listener_settings import ListenerSettings

    before = ListenerSettings(tls=ListenerTls("c", "k"))
    assert listening._tls(before, None, None, None, False) == before.tls
    assert listening._tls(before, None, None, None, True) is None
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    made = listening._tls(before, Path("c.pem"), Path("k.pem"), Path("ca.pem"), False)
    assert made == ListenerTls(*(str(tmp_path / n) for n in ("c.pem", "k.pem", "ca.pem")))


def test_sizes():
    assert [_bytes_of(text) for text in ("5", "2k", "3 MB", "1GiB")] == [5, 2048, 3 << 20, 1 << 30]
