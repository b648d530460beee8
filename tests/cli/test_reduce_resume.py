"""A reduction that is stopped, killed or damaged in any phase ends in the same file."""
import glob
import os
import signal
import subprocess
import time

import cli


class ReduceResume(cli.Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = cli.tempfile.mkdtemp(prefix="talaria-test-")
        cls.addClassCleanup(cli.shutil.rmtree, cls.shared, ignore_errors=True)
        cls.source = os.path.join(cls.shared, "source.fa")
        done = cli.talaria("simulate", "--sequences", 4000, "--families", 200, "--mean-length", 350,
                           "--divergence", 0.3, "--seed", 5, "--no-truth", "-o", cls.source)
        assert done.code == 0, done.err
        cls.folder_of_results = os.path.join(cls.shared, "results")
        os.mkdir(cls.folder_of_results)
        cls.out = os.path.join(cls.folder_of_results, "out.h5")
        cls.table = os.path.join(cls.folder_of_results, "clusters.tsv")
        cls.job = cls.out + ".job"
        done = cli.talaria(*cls.command())
        assert done.code == 0, done.err
        cls.want = cli.sha256(cls.out), cli.sha256(cls.table)

    @classmethod
    def command(cls, *more):
        return ["reduce", cls.source, "-o", cls.out, "--clusters", cls.table, "--identity", 60,
                "--threads", 1, *more]

    def setUp(self):
        super().setUp()
        cli.shutil.rmtree(self.folder_of_results)
        os.mkdir(self.folder_of_results)

    def expect_result(self, ranks=1):
        done = self.run_ok(*self.command(), ranks=ranks)
        self.assertEqual((cli.sha256(self.out), cli.sha256(self.table)), self.want)
        self.assertEqual(sorted(os.listdir(self.folder_of_results)), ["clusters.tsv", "out.h5"])
        return done

    def journal_bytes(self):
        try:
            return os.path.getsize(os.path.join(self.job, "journal"))
        except OSError:
            return 0

    def start(self, ranks=1):
        words = [cli.TALARIA, *map(str, self.command())]
        if ranks > 1:
            words = [cli.MPIRUN, "-q", "-n", str(ranks), "--oversubscribe", *words]
        return subprocess.Popen(words, env=cli.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def stop_after(self, states, how, ranks=1):
        """End a run once it has kept so many states; False when it was faster."""
        process = self.start(ranks)
        sizes = set()
        while process.poll() is None and len(sizes) < states:
            size = self.journal_bytes()
            if size > 0 and (sizes or os.listdir(self.job)) and glob.glob(self.job + "/segment-*"):
                sizes.add(size)
            time.sleep(0.002)
        process.send_signal(how)
        process.communicate()
        return process.returncode != 0 and os.path.exists(self.job)

    def test_killed_in_every_phase_and_gone_on_with_by_other_ranks(self):
        stopped = 0
        for states, ranks in ((1, 1), (2, 2), (3, 3), (4, 1), (5, 2)):
            stopped += self.stop_after(states, signal.SIGKILL)
            self.expect_result(ranks if cli.MPIRUN else 1)
            os.remove(self.out)
            os.remove(self.table)
        self.assertGreater(stopped, 1)

    def test_killed_again_and_again(self):
        for states in (2, 1, 2, 1):
            if not self.stop_after(states, signal.SIGKILL):
                break
        if not os.path.exists(self.out):
            self.expect_result()

    def test_asked_to_stop_within_a_round_it_keeps_what_was_found(self):
        self.expect_error(75, ["time is up", "the same command goes on"],
                          *self.command("--max-time", "0.001"))
        self.assertFalse(os.path.exists(self.out))
        if self.stop_after(2, signal.SIGUSR1):
            self.assertIn("going on with", self.expect_result(2 if cli.MPIRUN else 1).err)
        else:
            self.skipTest("the reduction ended before it could be stopped")

    def stop_early(self):
        if not self.stop_after(3, signal.SIGTERM):
            self.skipTest("the reduction ended before it could be stopped")

    def test_torn_journal_and_damaged_states_are_done_again(self):
        self.stop_early()
        with open(os.path.join(self.job, "journal"), "ab") as file:
            file.write(b"TLBLOCK2 torn")
        self.expect_result()
        for damaged in (1, 2):
            os.remove(self.out)
            os.remove(self.table)
            self.stop_early()
            segments = sorted(glob.glob(self.job + "/segment-*"), key=os.path.getmtime)
            self.assertEqual(len(segments), 2)
            for segment in segments[-damaged:]:
                with open(segment, "r+b") as file:
                    file.seek(os.path.getsize(segment) // 2)
                    byte = file.read(1)
                    file.seek(-1, os.SEEK_CUR)
                    file.write(bytes([byte[0] ^ 1]))
            done = self.expect_result()
            self.assertEqual(done.err.count("is damaged"), damaged)
            self.assertEqual("going on with" in done.err, damaged == 1)

    def test_lost_states_are_done_again(self):
        self.stop_early()
        for segment in glob.glob(self.job + "/segment-*"):
            os.remove(segment)
        self.expect_result()

    def test_what_has_changed_is_named(self):
        self.stop_early()
        self.expect_error(73, ["identity 6000", "identity 7000", "--force"],
                          *self.command("--identity", 70))
        with open(self.source, encoding="utf-8") as file:
            text = file.read()
        cli.write(self.source, text.replace("L", "I", 1))
        try:
            self.expect_error(73, ["reference_hash"], *self.command())
        finally:
            cli.write(self.source, text)
        self.expect_result()

    def test_other_files_are_not_replaced(self):
        self.stop_early()
        cli.write(self.table, "mine\n")
        self.expect_error(73, ["clusters.tsv", "exists"], *self.command())
        os.remove(self.table)
        self.expect_result()

    def test_a_search_for_a_target_goes_on(self):
        source = self.path("small.fa")
        self.run_ok("simulate", "--sequences", 1500, "--families", 80, "--mean-length", 250,
                    "--divergence", 0.3, "--seed", 6, "--no-truth", "-o", source)
        command = ["reduce", source, "-o", self.out, "--clusters", self.table, "--target-ratio", 40,
                   "--threads", 1]
        self.run_ok(*command)
        want = cli.sha256(self.out)
        os.remove(self.out)
        os.remove(self.table)
        stopped = 0
        for hundredths in (5, 10, 15, 20, 25, 30):
            done = cli.talaria(*command, "--max-time", hundredths / 100)
            stopped += done.code == 75
            if done.code == 0:
                break # Its command line is another: begun anew below.
            self.assertEqual(done.code, 75, done.err)
        else:
            self.assertIn("going on with", self.run_ok(*command, ranks=2).err)
            self.assertEqual(cli.sha256(self.out), want)
        self.assertGreater(stopped, 0)

    def test_killed_between_its_files_it_writes_all(self):
        self.run_ok(*self.command())
        os.remove(self.out)
        os.remove(self.table)
        process = self.start()
        while process.poll() is None and not os.path.exists(self.table):
            time.sleep(0.001)
        process.kill()
        process.communicate()
        if os.path.exists(self.out):
            self.skipTest("the reduction ended before it could be killed")
        self.expect_result()


cli.main()
