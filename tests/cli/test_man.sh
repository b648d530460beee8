#!/bin/sh
# The manual page has no fault that mandoc knows of. Usage: test_man.sh TALARIA
set -u
command -v mandoc >/dev/null || {
    echo 'skipped: mandoc is not installed'
    exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
page=$work/talaria.1 # mandoc compares the section with the file's name
ASAN_OPTIONS=detect_leaks=0 "$1" --man >"$page" || exit 1
[ -s "$page" ] || exit 1
# A machine's clock may lie before the release: its date is no fault of the page.
faults=$(mandoc -Tlint -W style "$page" | grep -v ': date in the future, using it anyway: ')
[ -z "$faults" ] || {
    printf '%s\n' "$faults"
    exit 1
}
