"""A rank that is killed, or gets no more memory, ends the whole job: soon, with one message."""
import os
import resource
import signal
import subprocess
import time

import cli

RANKS = 3
POLL_SECONDS = 0.002
LONG_RESIDUES = 400_000


class FailingRank(cli.Case):
    """Four blocks of queries, so that there is something to fail in, and to go on with."""

    def setUp(self):
        super().setUp()
        if not cli.MPIRUN:
            self.skipTest("no mpirun")
        self.queries = self.path("queries.fa")
        self.references = self.path("references.fa")
        for path, count in ((self.queries, 3000), (self.references, 60)):
            self.run_ok("simulate", "--sequences", count, "--families", 60, "--mean-length", 350,
                        "--seed", 1, "--no-truth", "-o", path)
        # The last block asks for 32 bytes a residue in one piece: more than all others need anew,
        # and than the libraries, of which HDF5 1.10 dies of a signal where it gets no memory.
        with open(self.queries, "a", encoding="ascii") as file:
            file.write(">long\n" + "ACDEFGHIKLMNPQRSTVWY" * (LONG_RESIDUES // 20) + "\n")
        self.out = self.path("out.h5")
        self.words = ["search", self.queries, self.references, "-o", self.out, "--max-hits", "2",
                      "--threads", "1", "--quiet"]

    def start(self, **env):
        return subprocess.Popen([cli.MPIRUN, "-n", str(RANKS), "--oversubscribe", cli.TALARIA,
                                 *self.words], env=cli.environment(env), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def rank_of(self, number):
        """The rank of a process of this test's search; -1: it is none."""
        try:
            with open(f"/proc/{number}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            with open(f"/proc/{number}/environ", "rb") as file:
                variables = dict(entry.split(b"=", 1) for entry in file.read().split(b"\0")
                                 if b"=" in entry)
        except OSError:
            return -1
        is_rank = words[:1] == [cli.TALARIA.encode()] and self.out.encode() in words
        return int(variables.get(b"OMPI_COMM_WORLD_RANK", -1)) if is_rank else -1

    def find_rank(self, run, rank):
        """The process of a rank, once a block of the search is finished."""
        journal = os.path.join(self.out + ".job", "journal")
        sizes = set()
        while run.poll() is None and len(sizes) < 3: # Empty, parameters, a block.
            if os.path.exists(journal):
                sizes.add(os.path.getsize(journal))
            time.sleep(POLL_SECONDS)
        for number in map(int, filter(str.isdigit, os.listdir("/proc"))):
            if self.rank_of(number) == rank:
                return number
        return self.skipTest("the search ended before a rank could fail")

    def finish(self, run):
        """How the job ended, all of its ranks."""
        _, err = run.communicate(timeout=cli.TIMEOUT_SECONDS)
        left = [number for number in filter(str.isdigit, os.listdir("/proc"))
                if self.rank_of(number) >= 0]
        self.assertEqual(left, [])
        self.assertFalse(os.path.exists(self.out))
        err = err.decode("utf-8", "replace")
        return run.returncode, err, [line for line in err.splitlines()
                                     if line.startswith("talaria: error:")]

    def expect_rest(self):
        """The same command goes on with what was finished."""
        self.words.remove("--quiet")
        result = self.run_ok(*self.words)
        self.assertIn("blocks of queries are finished", result.err)

    def test_a_killed_rank_ends_the_job_with_the_launchers_message(self):
        for rank in (RANKS - 1, 0):
            run = self.start()
            os.kill(self.find_rank(run, rank), signal.SIGKILL)
            code, err, lines = self.finish(run)
            self.assertEqual(code, 128 + signal.SIGKILL, err)
            self.assertIn(f"rank {rank} ", err)
            self.assertEqual(lines, [])
        self.expect_rest()

    def test_a_rank_without_memory_ends_the_job_with_one_message(self):
        # Large pieces come from the system each time, however much was given back before: the
        # profile of the long query, of 12 MiB, where 4 are left.
        run = self.start(MALLOC_MMAP_THRESHOLD_="1048576")
        number = self.find_rank(run, 1)
        with open(f"/proc/{number}/statm", encoding="ascii") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        if taken > 1 << 40:
            run.kill()
            run.communicate()
            self.skipTest("address space of a sanitizer: it cannot be limited")
        resource.prlimit(number, resource.RLIMIT_AS, (taken + (4 << 20), taken + (4 << 20)))
        code, err, lines = self.finish(run)
        self.assertEqual(code, 71, err)
        self.assertEqual(len(lines), 1, err)
        self.assertIn("out of memory", lines[0])
        self.expect_rest()


if __name__ == "__main__":
    cli.main()
