"""Each header compiles alone, twice, with the project's flags, and has the guard TAL_<PATH>_H.
usage: headers.py BUILD_DIR (takes the flags from its compile_commands.json)

Headers that end in _template.h are bodies included several times: no guard, not compiled alone."""
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys

import lint


def flags_of(build):
    """The compiler, and the union of include, define, warning and language flags of all C files."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    compiler, flags = None, []
    for entry in commands:
        if not entry["file"].endswith(".c"):
            continue
        words = shlex.split(entry["command"])
        if os.path.basename(words[0]) == "ccache":
            words = words[1:]
        compiler = compiler or words[0]
        for place, word in enumerate(words):
            if word == "-isystem":
                word = "-isystem" + words[place + 1]
            if re.match(r"-(I|isystem.|D|W|m|std=|fopenmp|pthread)", word) and word not in flags:
                if not word.startswith("-Wl,"):
                    flags.append(word)
    return compiler, flags


def guard_of(path):
    parts = path.split("/")
    if parts[0] == "src":
        parts = parts[1:]
    return "TAL_" + re.sub(r"[^A-Z0-9]", "_", "/".join(parts).upper()[:-2]) + "_H"


def main():
    build = sys.argv[1]
    compiler, flags = flags_of(build)
    headers = [path for path in lint.sources(endings=(".h",)) if not path.endswith("_template.h")]

    def compile_alone(path):
        line = '#include "%s"\n' % os.path.join(lint.ROOT, path)
        run = subprocess.run([compiler, *flags, "-fsyntax-only", "-x", "c", "-"],
                             input=line * 2, cwd=build, text=True, capture_output=True)
        return "" if run.returncode == 0 else "%s: does not compile alone\n%s" % (path, run.stderr)

    findings = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings += [fault for fault in pool.map(compile_alone, headers) if fault]
    for path in headers:
        guard = guard_of(path)
        bare = lint.code(lint.read(path))
        if not re.match(r"\s*#ifndef %s\n#define %s\n" % (guard, guard), bare):
            findings.append("%s:1: the guard must be %s, before all else" % (path, guard))
    lint.finish(findings, "%d headers, alone and guarded" % len(headers))


main()
