#!/bin/sh
# Installs the system libraries that are missing, where it may; else says which, and goes on.
#
# usage: scripts/setup-system.sh [display] [peers]
#   display  what napari needs to run with no screen: Xvfb, Mesa, Qt's libraries, a font
#   peers    the programs that the tests compare with: DCMTK, GDCM, dicom3tools, Orthanc
set -eu

DISPLAY_PACKAGES="xvfb xauth libgl1 libegl1 libgl1-mesa-dri libopengl0 libglib2.0-0 libdbus-1-3
 libfontconfig1 fonts-dejavu-core libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4
 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0"
PEER_PACKAGES="dcmtk libgdcm-tools dicom3tools orthanc orthanc-dicomweb"

say() { printf 'setup-system: %s\n' "$*"; }

is_installed() {
    # Debian 13 and Ubuntu 24.04 renamed some libraries: libglib2.0-0t64.
    for name in "$1" "$1t64"; do
        status=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null) || continue
        [ "$status" = "install ok installed" ] && return 0
    done
    return 1
}

packages=""
for set in "$@"; do
    case $set in
        display) packages="$packages $DISPLAY_PACKAGES" ;;
        peers) packages="$packages $PEER_PACKAGES" ;;
        *) say "no such set: $set (display, peers)"; exit 2 ;;
    esac
done

if [ "$(uname -s)" != Linux ]; then
    exit 0 # macOS and Windows bring their own screen; the peers are optional there
fi
if ! command -v dpkg-query >/dev/null 2>&1; then
    say "this is no Debian or Ubuntu: if something is missing, install what corresponds to:$packages"
    exit 0
fi

missing=""
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    say "missing, and this user may not install:$missing"
    say "please run: sudo apt-get install$missing"
    exit 0
fi

# Orthanc's package would start a server, now and at every boot: it is only ever
# started by a test, on a port of its own.
policy=/usr/sbin/policy-rc.d
made_policy=""
remove_policy() { if [ -n "$made_policy" ]; then $as_root rm -f "$policy"; fi; }
trap remove_policy EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

say "installing$missing"
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }
log=$(mktemp)
if { apt update && apt install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    rm -f "$log"
else
    tail -n 20 "$log" >&2
    rm -f "$log"
    say "apt-get failed (above); please install:$missing"
    exit 0
fi
case $missing in
    *orthanc*)
        if command -v systemctl >/dev/null 2>&1; then
            $as_root systemctl disable -q orthanc || say "orthanc could not be disabled at boot"
        fi
        ;;
esac
