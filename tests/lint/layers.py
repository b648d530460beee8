"""Layers as law: a folder includes only folders of earlier lines, foreign headers have one home,
and only the program's edge prints or reads the environment."""
import re

import lint

# Earlier lines first; within a line a folder includes only itself.
LAYERS = [
    ["base"],
    ["par", "conf", "kernels"],
    ["comm"],
    ["seq"],
    ["score"],
    ["mask"],
    ["align"],
    ["device"],
    ["search"],
    ["reduce", "sim"],
    ["dist", "store"],
    ["app"],
]
LEVEL = {folder: level for level, line in enumerate(LAYERS) for folder in line}

# Kernels are arithmetic only.
KERNEL_INCLUDES = {"base/cpu.h", "base/types.h"}

# Foreign header -> where it may stand; ONE: one file, whichever it is.
ONE = None
HOMES = [
    (r"mpi\.h", r"src/comm/|src/store/mpio\.c$"),
    (r"hdf5(_hl)?\.h|H5.*\.h", r"src/store/"),
    (r"hwloc(\.h|/.*)", ONE),
    (r"omp\.h", r"src/par/team\.c$"),
    (r"cuda(_.*)?\.h", ONE),
    (r"CL/.*\.h", ONE),
    (r"parasail\.h", ONE),
    (r"zlib\.h|zstd\.h", r"src/seq/|src/reduce/|src/store/"),
    (r"toml\+\+/.*|toml\.hpp", r"src/conf/"),
]
ENDS_OF_PRINTING = r"src/app/|src/base/log\.c$|src/base/check\.c$"
ENDS_OF_ENVIRONMENT = r"src/conf/|src/app/"

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
PRINT = re.compile(r"\b(printf|puts|putchar|vprintf|perror)\s*\(|\b(stdout|stderr)\b")
ENVIRONMENT = re.compile(r"\b(getenv|secure_getenv|setenv|putenv|unsetenv|environ)\b")


def folder_of(path):
    parts = path.split("/")
    return "kernels" if parts[0] == "kernels" else parts[1]


def project_include_fault(path, included):
    """What is wrong with a quoted include, or None."""
    own = folder_of(path)
    if "/" not in included:
        return None  # A neighbour in the same folder.
    target = included.split("/")[0]
    if target == own:
        return None
    if target not in LEVEL:
        return "includes '%s': no such layer" % included
    if own not in LEVEL:
        return "folder '%s' is in no layer: add it to tests/lint/layers.py" % own
    if own == "kernels" and included not in KERNEL_INCLUDES:
        return "kernels include only %s of other folders, not '%s'" % (
            " and ".join(sorted(KERNEL_INCLUDES)), included)
    if LEVEL[target] >= LEVEL[own]:
        return "'%s' may not include '%s': it is not an earlier layer" % (own, included)
    return None


def main():
    findings = []
    users = {}  # foreign pattern with one home -> files
    for path in lint.sources("src", "kernels"):
        text = lint.read(path)
        bare = lint.code(text)
        for match in INCLUDE.finditer(text):
            where = "%s:%d: " % (path, lint.line_of(text, match.start()))
            quote, included = match.groups()
            if quote == '"':
                fault = project_include_fault(path, included)
                if fault:
                    findings.append(where + fault)
                continue
            for pattern, home in HOMES:
                if not re.fullmatch(pattern, included):
                    continue
                if home is ONE:
                    users.setdefault(pattern, set()).add(path)
                elif not re.match(home, path):
                    findings.append(where + "<%s> belongs to %s" % (included, home))
        for pattern, home, what in [(PRINT, ENDS_OF_PRINTING, "prints"),
                                    (ENVIRONMENT, ENDS_OF_ENVIRONMENT, "reads the environment")]:
            if re.match(home, path):
                continue
            for match in pattern.finditer(bare):
                findings.append("%s:%d: %s: '%s' belongs to %s" % (
                    path, lint.line_of(bare, match.start()), what, match.group().rstrip("("), home))
    for pattern, paths in users.items():
        if len(paths) > 1:
            findings.append("%s: more than one file includes <%s>" % (
                ", ".join(sorted(paths)), pattern))
    lint.finish(findings, "layers, homes of foreign headers, printing, environment")


main()
