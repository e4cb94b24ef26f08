#!/bin/sh
# Runs a command with a screen: under Xvfb by default, on the real one when told to.
#
# usage: scripts/with-display.sh [--real] COMMAND ...
#   --real  prefer the screen of this session (make demo); tests leave it alone
# Exit code 69 when there is neither.
set -u

real=no
if [ "$1" = --real ]; then
    real=yes
    shift
fi
screen=no
if [ "$(uname -s)" != Linux ] || [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]; then
    screen=yes
fi
if [ $screen = yes ] && { [ $real = yes ] || ! command -v xvfb-run >/dev/null 2>&1; }; then
    exec "$@"
fi
if command -v xvfb-run >/dev/null 2>&1; then
    export DICOMDB_HEADLESS=1
    # The xcb platform, also when the session's own is Wayland.
    unset WAYLAND_DISPLAY
    export QT_QPA_PLATFORM=xcb
    exec xvfb-run -a -s '-screen 0 1600x1000x24 +extension GLX' "$@"
fi
echo "with-display: no screen and no xvfb-run; please run: sudo apt-get install xvfb xauth" >&2
exit 69
