"""Who listens at a port."""

from __future__ import annotations

import os
import socket
import sys

import pytest
from tests.servers import free_port

from napari_dicomdb.network.port_owner import owner_of_port


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_this_process():
    port = free_port()  # which nobody else gets meanwhile
    with socket.create_server(("127.0.0.1", port)):
        assert owner_of_port(port).endswith(f"(process {os.getpid()})")
    assert owner_of_port(port) == ""


def test_system_that_does_not_tell(tmp_path):
    assert owner_of_port(11112, proc=tmp_path / "none") == ""


def test_process_of_somebody_else(tmp_path):
    (tmp_path / "net").mkdir()
    line = "0: 0100007F:2B68 00000000:0000 0A 00000000:00000000 00:0 0 1000 0 4242 1 0"
    (tmp_path / "net" / "tcp").write_text(f"head\n{line}\nshort\n")
    (tmp_path / "17").mkdir()
    assert owner_of_port(0x2B68, proc=tmp_path) == ""
    (tmp_path / "18" / "fd").mkdir(parents=True)
    (tmp_path / "18" / "fd" / "3").symlink_to("socket:[4242]")
    (tmp_path / "18" / "comm").write_text("Orth\x1banc\n")
    assert owner_of_port(0x2B68, proc=tmp_path) == "Orthanc (process 18)"
    (tmp_path / "18" / "comm").unlink()
    assert owner_of_port(0x2B68, proc=tmp_path) == "a program (process 18)"
