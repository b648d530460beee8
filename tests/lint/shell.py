"""Shell scripts pass shellcheck."""
import re
import shutil
import subprocess

import lint

FOLDERS = ("tools/", ".ci/", "slurm/", "tests/")


def is_shell(path):
    text = lint.read(path)
    return bool(re.match(r"#!.*\b(ba|da|)sh\b|# shellcheck shell=", text))


def main():
    program = shutil.which("shellcheck")
    if program is None:
        lint.skip("no shellcheck")
    paths = [path for path in lint.files() if path.startswith(FOLDERS) and is_shell(path)]
    run = subprocess.run([program, "--external-sources", "--source-path=SCRIPTDIR",
                          "--format=gcc", *paths],
                         cwd=lint.ROOT, capture_output=True, text=True)
    findings = (run.stdout + run.stderr).splitlines()
    if run.returncode != 0 and not findings:
        findings = ["shellcheck failed with %d" % run.returncode]
    lint.finish(findings, "%d shell scripts" % len(paths))


main()
