"""The command ``dicomdb``: a thin face over the library; one module per group of verbs."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command with the arguments of this process."""
    try:
        from napari_dicomdb.cli.app import run
    except KeyboardInterrupt:  # while it is still being loaded
        print("dicomdb: interrupted; nothing was done", file=sys.stderr)
        sys.exit(130)
    run()
