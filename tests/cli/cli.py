"""What the command-line tests share: running talaria on ranks, temporary folders, skipping.

Environment: TALARIA (the binary), MPIRUN (empty where there is none), ORACLE_SCORES and ORACLE_CLUSTERS (may be unset).
A test program ends with cli.main(): exit 0 passed, 1 failed, 77 when every case was skipped.
"""
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

TALARIA = os.environ.get("TALARIA", "talaria")
MPIRUN = os.environ.get("MPIRUN", shutil.which("mpirun") or "")
ORACLE_SCORES = os.environ.get("ORACLE_SCORES", "")
ORACLE_CLUSTERS = os.environ.get("ORACLE_CLUSTERS", "")
TEST_DATA = os.environ.get("TALARIA_TEST_DATA", "")

TIMEOUT_SECONDS = 120


def environment(extra=None):
    env = dict(os.environ)
    env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
               OMPI_MCA_btl_vader_single_copy_mechanism="none", OMPI_MCA_plm_rsh_agent="",
               OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_mpi_yield_when_idle="1",
               # Start quickly: no search for fast networks. (A rank without mpirun sees to it itself.)
               OMPI_MCA_pml="ob1")
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", "TALARIA_CONFIG", "TALARIA_ISA",
                 "TALARIA_DEVICE_FAIL"):
        env.pop(name, None)
    # Nothing is kept from test to test.
    env["TALARIA_CACHE"] = "/dev/null/none"
    # Open MPI leaks by design; the unit tests look for leaks of our own.
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    env.update(extra or {})
    return env


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    def error_lines(self):
        """Lines talaria itself printed as errors (mpirun adds its own)."""
        return [line for line in self.err.splitlines() if line.startswith("talaria: error:")]


def talaria(*arguments, ranks=1, env=None, stdin=None, cwd=None):
    command = [TALARIA, *map(str, arguments)]
    if ranks > 1:
        if not MPIRUN:
            raise unittest.SkipTest("no mpirun")
        command = [MPIRUN, "-q", "-n", str(ranks), "--oversubscribe", *command]
    done = subprocess.run(command, env=environment(env), input=stdin, cwd=cwd,
                          stdin=None if stdin is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=TIMEOUT_SECONDS)
    return Result(done)


# Ranks, threads and instruction sets: every two of them that can meet meet at least once.
LAYOUTS = ((1, 1, "scalar"), (1, 2, "sse41"), (1, 1, "avx2"), (1, 2, "avx512vbmi"),
           (2, 2, "scalar"), (2, 1, "sse41"), (2, 1, "avx512vbmi"), (3, 2, "avx2"),
           (4, 1, "avx512vbmi"))


def layouts(ranks_max=4):
    """Those of LAYOUTS that this machine can run."""
    levels = {isa for _, _, isa in LAYOUTS if talaria("info", "--isa", isa).code == 0}
    return [each for each in LAYOUTS if each[0] <= ranks_max and each[2] in levels]


@functools.lru_cache(maxsize=None)
def is_sanitized():
    """Sanitizers make a search a dozen times as long: what only has to last gets less to do."""
    return "sanitize=none" not in talaria("info").out


def write(path, content):
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="talaria-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content):
        return write(self.path(name), content)

    def run_ok(self, *arguments, **options):
        result = talaria(*arguments, **options)
        self.assertEqual(result.code, 0, f"{arguments}: {result.err}")
        return result

    def expect_error(self, code, fragments, *arguments, **options):
        """The exit code, and exactly one error line that holds every fragment."""
        result = talaria(*arguments, **options)
        self.assertEqual(result.code, code, f"{arguments}: {result.err}")
        lines = result.error_lines()
        self.assertEqual(len(lines), 1, result.err)
        for fragment in fragments:
            self.assertIn(fragment, lines[0])
        return result


def main():
    program = unittest.main(exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    if result.testsRun == len(result.skipped):
        sys.exit(77)
    sys.exit(0)
