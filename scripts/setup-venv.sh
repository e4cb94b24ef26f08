#!/bin/sh
# Makes or refreshes a virtual environment with this package, editable.
#
# usage: scripts/setup-venv.sh DIRECTORY EXTRAS [pip arguments]
#   PYTHON=python3.12 chooses the interpreter; else the first one that is new enough.
set -eu

directory=$1
extras=$2
shift 2

say() { printf 'setup-venv: %s\n' "$*"; }
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    say "no Python 3.11 or newer (tried ${PYTHON:-python3, python3.11 to 3.14}): install one," \
        "or name one with PYTHON=..." >&2
    return 1
}

make_venv() {
    # Debian splits ensurepip off into python3-venv.
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        if [ "$(id -u)" -eq 0 ]; then root=""; else root="sudo -n"; fi
        minor=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        say "installing $minor"
        if ! { $root apt-get -qq update && $root env DEBIAN_FRONTEND=noninteractive \
                apt-get -qq install -y "$minor"; } >/dev/null 2>&1; then
            say "$python cannot make virtual environments, and this user may not install;" \
                "please run: sudo apt-get install $minor"
            exit 1
        fi
    fi
    "$python" -m venv --clear "$directory"
}

bin="$directory/bin"
if ! is_new_enough "$bin/python" || ! "$bin/python" -c 'import pip' 2>/dev/null; then
    python=$(find_python)
    say "making $directory with $python"
    make_venv
fi
say "installing the package and what it needs into $directory (minutes, the first time)"
"$bin/python" -m pip install -qq --disable-pip-version-check -e ".[$extras]" "$@"
