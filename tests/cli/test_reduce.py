"""talaria reduce: one result for any ranks, threads, memory and order; its tables; bad input."""
import os
import random
import re
import subprocess

import cli


def records(path):
    with open(path) as file:
        return [">" + record for record in file.read().split(">")[1:]]


def identifier(record):
    return record[1:].split()[0]


class Reduce(cli.Case):
    def simulate(self, kind, count=700):
        path = self.path(kind + ".fa")
        self.run_ok("simulate", "--sequences", count, "--families", count // 12, "--mean-length",
                    150, "--divergence", 0.2, "--type", kind, "-o", path, "--no-truth", "--quiet")
        return path

    def clusters(self, source, *options, **run):
        out = self.path("clusters.tsv")
        self.run_ok("reduce", source, "--clusters", out, "--force", *options, **run)
        with open(out) as file:
            return [tuple(line.rstrip("\n").split("\t")) for line in file]

    def test_any_ranks_threads_and_memory_give_one_result(self):
        for kind, identity in [("protein", 70), ("nucleotide", 85)]:
            source = self.simulate(kind)
            expected = self.clusters(source, "--identity", identity, "--threads", 1)
            self.assertEqual(len(expected), 700)
            self.assertLess(len({pair[0] for pair in expected}), 500)
            for ranks, threads, memory in [(1, 2, "300M"), (3, 1, "4G")]:
                self.assertEqual(expected, self.clusters(
                    source, "--identity", identity, "--threads", threads, "--memory", memory,
                    ranks=ranks), (kind, ranks))

    def test_a_memory_limit_is_kept_and_changes_nothing(self):
        if cli.is_sanitized():
            self.skipTest("sanitizers take memory of their own")
        os.environ.pop("MALLOC_PERTURB_", None)  # It fills what would never be touched.
        source = self.path("large.fa")
        self.run_ok("simulate", "--sequences", 25000, "--families", 12000, "--mean-length", 120,
                    "--divergence", 0.2, "-o", source, "--no-truth", "--quiet")
        options = ("--identity", 50, "--threads", 1, "--residual-sample", 0)
        free, out = self.path("free.h5"), self.path("set.h5")

        def peak(result):
            value, unit = re.search(r"at most ([\d.]+) (\wiB) of memory", result.err).groups()
            return float(value) * {"MiB": 1, "GiB": 1024}[unit]

        expected = self.run_ok("reduce", source, *options, "-o", free, "--clusters",
                               self.path("free.tsv"))
        for ranks in (1, 2, 3):
            plan = self.run_ok("reduce", source, *options, "-o", out, "--dry-run", ranks=ranks).out
            limit = int(re.search(r"memory of each rank +(\d+) MiB", plan).group(1)) + 6
            self.assertGreater(peak(expected), limit)
            result = self.run_ok("reduce", source, *options, "-o", out, "--clusters",
                                 self.path("set.tsv"), "--force", "--memory", f"{limit}M",
                                 ranks=ranks)
            self.assertLess(peak(result), limit, ranks)
            self.assertEqual(cli.sha256(self.path("free.tsv")), cli.sha256(self.path("set.tsv")))
        self.run_ok("verify", out, "--threads", 2)
        for ranks in (1, 2):
            self.expect_error(71, ["at least", "--memory"], "reduce", source, "-o",
                              self.path("none.h5"), "--memory", "20M", ranks=ranks)
        self.assertFalse(os.path.exists(self.path("none.h5")))
        self.assertFalse(os.path.exists(self.path("none.h5.job")))

    def test_the_order_of_the_input_does_not_matter(self):
        source = self.simulate("protein")
        all_records = records(source)
        content = {identifier(r): r.split("\n", 1)[1] for r in all_records}
        expected = {(content[a], content[b]) for a, b in self.clusters(source, "--identity", 60)}
        random.Random(3).shuffle(all_records)
        shuffled = self.file("shuffled.fa", "".join(all_records))
        self.assertEqual(expected, {(content[a], content[b]) for a, b in
                                    self.clusters(shuffled, "--identity", 60)})

    def test_a_target_finds_the_highest_identity_that_keeps_to_it(self):
        for kind, lowest in [("protein", 30), ("nucleotide", 60)]:
            source = self.simulate(kind, 500)
            content = {identifier(r): "".join(r.split("\n")[1:]) for r in records(source)}

            def share(clusters):
                kept = {a for a, _ in clusters}
                return sum(len(content[a]) for a in kept) / sum(map(len, content.values()))

            out = self.path("clusters.tsv")
            for target, ranks in ((70, 1), (60, 2)):
                run = self.run_ok("reduce", source, "--clusters", out, "--force", "--target-ratio",
                                  target, ranks=ranks)
                found = int(re.search(r"an identity of (\d+) % keeps to the", run.err).group(1))
                with open(out) as file:
                    told = [tuple(line.rstrip("\n").split("\t")) for line in file]
                self.assertEqual(told, self.clusters(source, "--identity", found), (kind, target))
                self.assertLessEqual(share(told), target / 100)
                above = self.clusters(source, "--identity", found + 1)
                self.assertGreater(share(above), target / 100)
            message = self.expect_error(64, [f"lowest one, {lowest} %, have"], "reduce", source,
                                        "--clusters", self.path("x"), "--target-ratio", 1).err
            reached = float(re.search(r"have ([\d.]+) %", message).group(1)) / 100
            self.assertAlmostEqual(reached, share(self.clusters(source, "--identity", lowest)), 3)
            self.assertFalse(os.path.exists(self.path("x.job")))

    def test_redundant_representatives_are_counted(self):
        source = self.simulate("protein", 300)
        told = []
        for ranks in (1, 2):
            run = self.run_ok("reduce", source, "--identity", 40, "--residual-sample", 1000,
                              "--clusters", self.path("x.tsv"), "--force", ranks=ranks)
            told += [line for line in run.err.splitlines() if "residual" in line]
        self.assertEqual(len(told), 2)
        self.assertEqual(told[0], told[1])
        self.assertRegex(told[0], r"stand for 0 of \d+ representatives looked at")

    def test_every_member_meets_both_thresholds_for_an_outside_judge(self):
        if not cli.ORACLE_CLUSTERS:
            self.skipTest("built without libparasail")
        source = self.file("numbered.fa", "".join(
            f">r{i}\n" + record.split("\n", 1)[1]
            for i, record in enumerate(records(self.simulate("protein")), 1)))
        table = self.path("clusters.tsv")
        for identity, order in [(40, "set-cover"), (80, "cover")]:
            self.clusters(source, "--identity", identity, "--order", order)
            done = subprocess.run([cli.ORACLE_CLUSTERS, source, table, str(identity), "80", "20"],
                                  stdout=subprocess.PIPE, check=True, timeout=cli.TIMEOUT_SECONDS)
            kept, members, _, failed, lost, sample, _ = map(int, done.stdout.split())
            self.assertEqual((kept + members, failed, lost, sample), (700, 0, 0, 20))
            self.assertGreater(members, 200)

    def test_the_other_strand_is_found(self):
        base = "".join(random.Random(1).choice("ACGT") for _ in range(300))
        turned = base[::-1].translate(str.maketrans("ACGT", "TGCA"))
        source = self.file("strands.fa", f">a\n{base}\n>b\n{turned[:280]}\n>c\n{base}\n")
        self.assertEqual(self.clusters(source), [("a", "a"), ("a", "b"), ("a", "c")])
        clstr, uc = self.path("x.clstr"), self.path("x.uc")
        self.run_ok("reduce", source, "--clstr", clstr, "--uc", uc)
        with open(clstr) as file:
            self.assertEqual(file.read(), ">Cluster 0\n0\t300nt, >a... *\n"
                             "1\t280nt, >b... at -/100.00%\n2\t300nt, >c... at +/100.00%\n")
        with open(uc) as file:
            self.assertEqual(file.read(), "S\t0\t300\t*\t*\t*\t*\t*\ta\t*\n"
                             "H\t0\t280\t100.0\t-\t0\t0\t*\tb\ta\n"
                             "H\t0\t300\t100.0\t+\t0\t0\t*\tc\ta\n"
                             "C\t0\t3\t*\t*\t*\t*\t*\ta\t*\n")

    def test_options_that_cannot_be_are_refused(self):
        source = self.file("one.fa", ">a\nMKV\n")
        self.expect_error(64, ["--clusters FILE"], "reduce", source)
        self.expect_error(64, ["identity"], "reduce", source, "--identity", 101, "--clusters",
                          self.path("x"))
        self.expect_error(64, ["--target-ratio", "--identity"], "reduce", source, "--identity", 90,
                          "--target-ratio", 50, "--clusters", self.path("x"))
        self.expect_error(66, ["missing.fa"], "reduce", self.path("missing.fa"), "--clusters",
                          self.path("x"), ranks=2)
        self.expect_error(73, ["one.fa", "--force"], "reduce", source, "--clusters", source)
        self.assertFalse(os.path.exists(self.path("x")))


cli.main()
