"""What the lint tests share: the files of the tree, comments stripped, one way to report.

Exit codes: 0 clean, 1 findings (one a line: file:line: what), 77 skipped (a tool is missing).
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files():
    """Paths of the tree's files, relative to its root: what git tracks, or else what lies there."""
    try:
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True).stdout.decode()
        paths = sorted(set(path for path in listed.split("\0") if path))
        top = subprocess.run(["git", "-c", "safe.directory=*", "rev-parse", "--show-toplevel"],
                             cwd=ROOT, check=True, capture_output=True).stdout.decode().strip()
        if os.path.realpath(top) == os.path.realpath(ROOT):
            return [path for path in paths if os.path.isfile(os.path.join(ROOT, path))]
    except (OSError, subprocess.CalledProcessError):
        pass
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders
                      if name != ".git" and not (folder == ROOT and name.startswith("build"))]
        for name in names:
            if not name.endswith((".pyc", ".h5")):
                found.append(os.path.relpath(os.path.join(folder, name), ROOT))
    return sorted(found)


def sources(*folders, endings=(".c", ".h", ".cpp")):
    """Source files below the folders (all, when none is given)."""
    return [path for path in files() if path.endswith(endings) and
            (not folders or path.split("/")[0] in folders)]


def read(path):
    with open(os.path.join(ROOT, path), "rb") as file:
        return file.read().decode("utf-8", "replace")


TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def code(text):
    """C text without comments and without what stands in quotes; lines keep their numbers."""
    def blank(match):
        token = match.group()
        kept = "" if token[0] == "/" else token[0] * 2
        return kept + "\n" * token.count("\n")
    return TOKEN.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def finish(findings, what):
    """Print the findings and end the program."""
    for finding in findings:
        print(finding)
    print("%d findings: %s" % (len(findings), what))
    sys.exit(1 if findings else 0)


def skip(reason):
    print("skipped: " + reason)
    sys.exit(77)
