"""All C files are as clang-format 14 writes them with the tree's .clang-format."""
import re
import shutil
import subprocess

import lint

VERSION = "14"


def main():
    for name in ("clang-format-" + VERSION, "clang-format"):
        program = shutil.which(name)
        if program is None:
            continue
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
        found = re.search(r"version (\d+)\.", said)
        if found and found.group(1) == VERSION:
            break
    else:
        lint.skip("no clang-format %s (other versions format differently)" % VERSION)
    paths = lint.sources(endings=(".c", ".h"))
    run = subprocess.run([program, "--dry-run", "-Werror", "--ferror-limit=3", *paths],
                         cwd=lint.ROOT, capture_output=True, text=True)
    places = sorted(set(re.findall(r"^(\S+?:\d+):\d+: error:", run.stderr, re.M)))
    findings = ["%s: format differs; run clang-format -i" % place for place in places]
    if run.returncode != 0 and not findings:
        findings = [run.stderr.strip()]
    lint.finish(findings, "format of %d files" % len(paths))


main()
