"""--stats and --watch of search: what is told and stored, and that a stall ends the program."""
import os
import re
import unittest

import cli

RECORDS = "".join(f">s{i}\n{'MKVLATWWCHGEDNQRSTYFPIKLMVAC' * (1 + i % 5)}\n" for i in range(40))


class Diagnosis(cli.Case):
    def setUp(self):
        super().setUp()
        self.sequences = self.file("s.fa", RECORDS)

    def search(self, *options, **run):
        return cli.talaria("search", self.sequences, self.sequences, "-o", self.path("out.h5"),
                           "--force", *options, **run)

    def export(self):
        self.run_ok("export", self.path("out.h5"), "--format", "json", "-o", self.path("out.json"),
                    "--force", "--quiet")
        return cli.sha256(self.path("out.json"))

    def test_stats_are_shown_and_the_result_stays_the_same(self):
        for ranks in (1, 3):
            digests = set()
            for options in ([], ["--stats"], ["--watch", "60"], ["--stats", "--watch", "60"]):
                result = self.search("--threads", "2", *options, ranks=ranks)
                self.assertEqual(result.code, 0, result.err)
                digests.add(self.export())
                found = re.search(r"hit table +(\d+) +(\d+)", result.err)
                self.assertEqual(found is not None, "--stats" in options, result.err)
                if found:
                    # Every candidate enters the table once, under its lock.
                    self.assertGreaterEqual(int(found.group(1)), 40)
                    self.assertRegex(result.err, r"blocks read +\d+")
                    self.assertEqual("workers of rank 0:" in result.err, True)
                    self.assertRegex(result.err, r"broadcast +\d+ +0 +\d+")
            self.assertEqual(len(digests), 1)

    def test_stats_are_stored(self):
        try:
            import h5py
        except ImportError:
            self.skipTest("no h5py")
        result = self.search("--stats", "--quiet", ranks=2)
        self.assertEqual((result.code, result.err), (0, ""))
        with h5py.File(self.path("out.h5")) as file:
            self.assertGreaterEqual(sum(file["ranks/hit_table_acquisitions"][:]), 40)
            self.assertEqual(file["ranks/idle_seconds"].shape, (2,))
            # What is given in all is what is given by kind.
            ranks = file["ranks"]
            kinds = [name for name in ranks if re.fullmatch("comm_[a-z]+_bytes", name)]
            self.assertGreater(len(kinds), 5)
            self.assertEqual(sum(ranks[name][0] for name in kinds), ranks["comm_bytes"][0])
            self.assertGreater(ranks["comm_broadcast_bytes"][0], 0)
            self.assertEqual(ranks["comm_agree_calls"][0], ranks["comm_agree_calls"][1])
            size = sum(os.path.getsize(path) for path in (self.sequences,))
            self.assertGreaterEqual(sum(ranks["file_read_bytes"][:]), size)
        self.search("--quiet")
        with h5py.File(self.path("out.h5")) as file:
            self.assertNotIn("hit_table_acquisitions", file["ranks"])
            self.assertNotIn("comm_broadcast_bytes", file["ranks"])
            self.assertEqual(file["ranks/comm_bytes"][0], 0) # One rank gives nobody anything.
            self.assertGreater(file["ranks/comm_calls"][0], 0)

    def test_a_stall_is_told_and_ends_the_program(self):
        pipe = self.path("silent")
        os.mkfifo(pipe)
        writer = os.open(pipe, os.O_RDWR)
        self.addCleanup(os.close, writer)
        for ranks in (1, 2):
            result = cli.talaria("search", pipe, self.sequences, "-o", self.path("never.h5"),
                                 "--watch", "0.5", ranks=ranks)
            self.assertEqual(result.code, 76, result.err)
            self.assertRegex(result.err, r"talaria: watch: stall on rank \d: nothing has moved")
            self.assertTrue("waits for data of the input 'pipe'" in result.err or
                            "waits for the other ranks in 'agree'" in result.err, result.err)
            self.assertFalse(os.path.exists(self.path("never.h5")))

    def test_a_stall_may_be_told_only(self):
        pipe = self.path("slow")
        os.mkfifo(pipe)
        # A writer that first holds the pipe open for longer than the limit.
        feeder = os.fork()
        if feeder == 0:
            with open(pipe, "wb") as file:
                import time
                time.sleep(1.5)
                file.write(RECORDS.encode())
            os._exit(0)
        result = cli.talaria("search", pipe, self.sequences, "-o", self.path("out.h5"),
                             "--watch", "0.3", "--watch-action", "continue")
        os.waitpid(feeder, 0)
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("stall on rank 0", result.err)
        self.assertTrue(os.path.exists(self.path("out.h5")))


if __name__ == "__main__":
    cli.main()
