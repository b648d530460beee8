"""A search that is stopped, killed or damaged at any instant ends in the same result."""
import glob
import os
import random
import signal
import subprocess
import time

import cli


class Resume(cli.Case):
    """Four blocks of queries: about a quarter of a million residues each."""

    @classmethod
    def setUpClass(cls):
        cls.rng = random.Random(11)
        cls.shared = cli.tempfile.mkdtemp(prefix="talaria-test-")
        cls.addClassCleanup(cli.shutil.rmtree, cls.shared, ignore_errors=True)
        cls.queries = os.path.join(cls.shared, "queries.fa")
        cls.references = os.path.join(cls.shared, "references.fa")
        for path, count in ((cls.queries, 3000), (cls.references, 6 if cli.is_sanitized() else 150)):
            done = cli.talaria("simulate", "--sequences", count, "--families", min(count, 60),
                               "--mean-length", 350, "--seed", 1, "--no-truth", "-o", path)
            assert done.code == 0, done.err
        want = os.path.join(cls.shared, "want.h5")
        done = cli.talaria("search", cls.queries, cls.references, "-o", want, *cls.options())
        assert done.code == 0, done.err
        cls.want = cls.digest(want)

    @staticmethod
    def options():
        quicker = ["--null-model", "none"] if cli.is_sanitized() else []
        return ["--evalue", "1", "--max-hits", "2", *quicker]

    @staticmethod
    def digest(result):
        done = cli.talaria("export", result, "--format", "json")
        assert done.code == 0, done.err
        return cli.hashlib.sha256(done.out.encode()).hexdigest()

    def setUp(self):
        super().setUp()
        self.out = self.path("out.h5")
        self.job = self.out + ".job"

    def command(self, *more):
        return ["search", self.queries, self.references, "-o", self.out, *self.options(), *more]

    def start(self, ranks=1, more=()):
        words = [cli.TALARIA, *map(str, self.command(*more))]
        if ranks > 1:
            words = [cli.MPIRUN, "-q", "-n", str(ranks), "--oversubscribe", *words]
        return subprocess.Popen(words, env=cli.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                start_new_session=True)

    def journal_bytes(self):
        try:
            return os.path.getsize(os.path.join(self.job, "journal"))
        except OSError:
            return 0

    def wait_for_blocks(self, process, count):
        """Until the journal has grown `count` times (or the program ends)."""
        seen = set()
        while process.poll() is None and len(seen) <= count:
            seen.add(self.journal_bytes())
            time.sleep(0.005)

    @staticmethod
    def processes(run, text=""):
        """The living processes of a run whose command line holds `text`, by number: the launcher
        gives each rank a process group of its own, but all stay in the session start() began."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    state, _, _, session = file.read().rpartition(")")[2].split()[:4]
                with open(f"/proc/{name}/cmdline", encoding="utf-8", errors="replace") as file:
                    command = file.read()
            except OSError:
                continue # It ended meanwhile.
            if int(session) == run.pid and state != "Z" and text in command:
                found.append(int(name))
        return found

    @staticmethod
    def kill(number):
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            pass # It ended by itself.

    def end(self, process):
        """Kill what is left of the run; afterwards no process of it holds the job."""
        for number in self.processes(process):
            self.kill(number)
        process.communicate()
        while self.processes(process):
            time.sleep(0.01)

    def expect_result(self, ranks=1):
        self.run_ok(*self.command(), ranks=ranks)
        self.assertEqual(self.digest(self.out), self.want)
        self.assertFalse(os.path.exists(self.job))
        self.assertEqual(sorted(os.listdir(self.folder)), ["out.h5"])

    def stop_after_one_block(self, *more):
        """An unfinished job with at least one finished block; skipped when the machine is too fast."""
        process = self.start(more=more)
        self.wait_for_blocks(process, 2)
        process.send_signal(signal.SIGUSR1)
        process.communicate()
        if process.returncode == 0:
            self.skipTest("the search ended before it could be stopped")
        self.assertEqual(process.returncode, 75)
        self.assertFalse(os.path.exists(self.out))

    def test_killed_at_random_instants_on_any_number_of_ranks(self):
        if not cli.MPIRUN:
            self.skipTest("no mpirun")
        for _ in range(5):
            process = self.start(self.rng.choice((1, 2, 3)))
            time.sleep(self.rng.uniform(0.2, 1.5))
            victims = self.processes(process, "search")
            if victims:
                self.kill(self.rng.choice(victims))
            time.sleep(0.1)
            self.end(process)
            if os.path.exists(self.out):
                break # It won the race.
        if not os.path.exists(self.out):
            self.run_ok(*self.command(), ranks=self.rng.choice((1, 2, 3)))
        self.assertEqual(self.digest(self.out), self.want)

    def test_signal_stops_with_75_and_the_same_command_goes_on(self):
        self.stop_after_one_block()
        result = cli.talaria(*self.command(), ranks=2)
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("blocks of queries are finished", result.err)
        self.assertEqual(self.digest(self.out), self.want)

    def test_time_limit_stops_with_75(self):
        self.expect_error(75, ["time is up"], *self.command("--max-time", "0.02"))
        self.assertFalse(os.path.exists(self.out))
        self.expect_result(ranks=3)

    def test_torn_journal_and_damaged_segments_are_done_again(self):
        self.stop_after_one_block()
        with open(os.path.join(self.job, "journal"), "ab") as file:
            file.write(b"TLBLOCK1 torn")
        self.expect_result()
        self.out = self.path("out.h5")
        os.remove(self.out)
        self.stop_after_one_block()
        segment = glob.glob(os.path.join(self.job, "segment-*"))[0]
        with open(segment, "r+b") as file:
            file.seek(os.path.getsize(segment) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        result = cli.talaria(*self.command())
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("damaged", result.err)
        self.assertEqual(self.digest(self.out), self.want)

    def test_lost_segment_is_done_again(self):
        self.stop_after_one_block()
        for segment in glob.glob(os.path.join(self.job, "segment-*")):
            os.remove(segment)
        self.expect_result()

    def test_changed_parameters_and_queries_are_refused_with_what_changed(self):
        self.stop_after_one_block()
        self.expect_error(73, ["max_hits 2", "max_hits 21", "--force"], *self.command(),
                          "--max-hits", "21")
        other = self.path("other.fa")
        with open(self.queries, encoding="utf-8") as file:
            text = file.read()
        cli.write(other, text.replace("L", "I", 1) if text.startswith(">") else text)
        words = ["search", other, self.references, "-o", self.out, *self.options()]
        self.expect_error(65, ["queries have changed"], *words)
        self.run_ok(*self.command(), "--max-hits", "21", "--force")
        self.assertFalse(os.path.exists(self.job))

    def test_missing_references_lose_no_work(self):
        self.stop_after_one_block()
        journal = self.journal_bytes()
        self.expect_error(66, ["missing.fa"], "search", self.queries, "missing.fa", "-o", self.out,
                          *self.options())
        self.expect_error(66, ["missing.fa"], "search", "missing.fa", self.references, "-o",
                          self.out, *self.options())
        self.assertEqual(self.journal_bytes(), journal)
        self.expect_result()

    def test_goes_on_under_another_memory_limit_with_the_blocks_it_was_begun_with(self):
        """20 hits a query: a limit of 200 MB cuts blocks smaller than their residues do."""
        if cli.is_sanitized():
            self.skipTest("sanitizers take memory of their own")
        many = ("--max-hits", "20")
        self.references = os.path.join(self.shared, "fewer.fa") # Each hit is traced.
        self.run_ok("simulate", "--sequences", 60, "--families", 30, "--mean-length", 350, "--seed",
                    1, "--no-truth", "-o", self.references)
        self.run_ok(*self.command(*many))
        want = self.digest(self.out)
        os.remove(self.out)
        for first, then in ((["--memory", "200M"], []), ([], ["--memory", "4G"]),
                            (["--memory", "4G"], ["--memory", "3G"])):
            self.stop_after_one_block(*many, *first)
            result = self.run_ok(*self.command(*many, *then), ranks=2)
            self.assertIn("blocks of queries are finished", result.err)
            self.assertEqual(self.digest(self.out), want, f"{first}, then {then}")
            os.remove(self.out)
        self.stop_after_one_block(*many)
        journal = self.journal_bytes()
        self.expect_error(71, ["MiB", "150 MiB", "unfinished work"], *self.command(*many),
                          "--memory", "150M")
        self.assertEqual(self.journal_bytes(), journal)

    def test_two_runs_of_one_job_do_not_meet(self):
        process = self.start()
        self.wait_for_blocks(process, 1)
        if process.poll() is None:
            second = cli.talaria(*self.command())
            self.assertIn(second.code, (0, 73), second.err)
        process.communicate()
        self.assertEqual(self.digest(self.out), self.want)


if __name__ == "__main__":
    cli.main()
