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
mandoc -Tlint -W style "$page"
