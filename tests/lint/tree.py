"""What the tree may hold: no large files, no sequence data, no paths of one machine, no long
functions or files."""
import os
import re

import lint

FILE_BYTES_MAX = 512 * 1024
FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 70  # Between the braces.

# Hand-made inputs of tests may be small; anything else of this kind is data, not source.
DATA = re.compile(r"\.(fa|fas|fasta|faa|fna|ffn|frn|fastq|fq|sto|aln|h5|hdf5|gz|zst|bz2|xz|tar)$")
TEST_DATA_BYTES_MAX = 4096

# Written so that this file does not find itself. A template for mkstemp may stand in the usual
# folder for temporary files.
MACHINE_PATH = re.compile(
    r"(?<![\w.$}~-])/(?:work|root|home|Users|tmp)/(?![\w./-]*XXXXXX)[\w.-]+")


def data_fault(path, size):
    if size > FILE_BYTES_MAX:
        return "%s: %d KiB; at most %d" % (path, size // 1024, FILE_BYTES_MAX // 1024)
    if DATA.search(path) and not (path.startswith("tests/") and size <= TEST_DATA_BYTES_MAX):
        return "%s: data does not belong here (only in tests/, up to %d bytes)" % (
            path, TEST_DATA_BYTES_MAX)
    return None


def path_faults(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        found = MACHINE_PATH.search(line)
        if found:
            yield "%s:%d: path of one machine: %s" % (path, number, found.group())


def length_faults(path, text):
    """Functions open with a brace alone at the left edge and close at the left edge: the format
    lint makes it so."""
    lines = text.split("\n")
    if len(lines) - 1 > FILE_LINES_MAX:
        yield "%s: %d lines; at most %d: does it hold more than one idea?" % (
            path, len(lines) - 1, FILE_LINES_MAX)
    if not path.endswith((".c", ".h", ".cpp")):
        return
    begin = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line.startswith("}") and begin is not None:
            if number - begin - 1 > FUNCTION_LINES_MAX:
                yield "%s:%d: function of %d lines; at most %d" % (
                    path, begin, number - begin - 1, FUNCTION_LINES_MAX)
            begin = None


def main():
    findings = []
    paths = lint.files()
    for path in paths:
        fault = data_fault(path, os.path.getsize(os.path.join(lint.ROOT, path)))
        if fault:
            findings.append(fault)
            continue
        text = lint.read(path)
        if "\0" in text:
            continue
        findings += path_faults(path, text)
        if path.endswith((".c", ".h", ".cpp", ".py", ".sh", ".cl", ".cu")):
            findings += length_faults(path, text)
    lint.finish(findings, "sizes, data, machine paths, lengths of %d files" % len(paths))


main()
