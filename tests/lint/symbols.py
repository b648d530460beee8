"""Every public symbol of the libraries starts with tal_. usage: symbols.py LIBRARY...

Mangled C++ names and weak symbols (templates, inline functions of headers) do not count: a C++
file's face is its C interface."""
import re
import shutil
import subprocess
import sys

import lint

EXEMPT = re.compile(r"_Z|__odr_asan|__asan_|DW\.ref\.|__start_|__stop_|__llvm_|__prof")


def main():
    nm = shutil.which("nm")
    if nm is None:
        lint.skip("no nm")
    findings = []
    seen = 0
    for library in sys.argv[1:]:
        listing = subprocess.run([nm, "--defined-only", "--extern-only", "--print-file-name",
                                  library], capture_output=True, text=True)
        if listing.returncode != 0:
            findings.append("%s: %s" % (library, listing.stderr.strip()))
        for line in listing.stdout.splitlines():
            where, _, rest = line.rpartition(": ") if ": " in line else ("", "", line)
            fields = rest.split()
            if len(fields) < 2:
                continue
            kind, name = fields[-2:]
            seen += 1
            if kind in "WVwvuU" or EXEMPT.match(name) or name.startswith("tal_"):
                continue
            object_name = where or line.split(":")[-2]
            findings.append("%s: public symbol '%s' does not start with tal_" % (
                object_name, name))
    if seen == 0:
        findings.append("no symbols at all in: " + " ".join(sys.argv[1:]))
    lint.finish(findings, "names of %d public symbols" % seen)


main()
