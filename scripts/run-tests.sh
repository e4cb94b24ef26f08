#!/bin/sh
# Runs the tests under Xvfb, with the coverage gate; without any screen, those that need none.
#
# usage: scripts/run-tests.sh PYTHON [pytest arguments]
#   COVERAGE=no leaves the gate out, as does any pytest argument (a part of the tests is no measure).
set -u

python=$1
shift

if [ $# -eq 0 ]; then
    set -- -n 2 --dist loadgroup
    if [ "${COVERAGE:-yes}" = yes ]; then
        set -- "$@" --cov --cov-report=term
    fi
fi
scripts/with-display.sh "$python" -m pytest "$@"
code=$?
if [ $code -ne 69 ]; then
    exit $code
fi
if [ "${DICOMDB_REQUIRE_PEERS:-}" = 1 ]; then
    exit 1
fi
echo "run-tests: going on without the tests of the viewer and the widgets" >&2
"$python" -m pytest "$@" --ignore tests/viewer --ignore tests/widgets
