"""The command ``dicomdb``: a thin face over the library; one module per group of verbs."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command with the arguments of this process."""
    from napari_dicomdb.cli.app import run

    run()
