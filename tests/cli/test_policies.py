"""One result under every policy of the configuration; what the keys of the team do, seen from
outside."""
import itertools
import os
import random
import subprocess
import sys

import cli
import test_search

PLOT = os.path.join(os.path.dirname(__file__), "..", "..", "bench", "plot_hits.py")

CPUS = os.cpu_count() or 1


def configuration(threadpool=None, algorithms=None):
    lines = []
    for table, values in (("threadpool", threadpool), ("algorithms", algorithms)):
        lines.append(f"[parallel.{table}]")
        for key, value in (values or {}).items():
            text = str(value).lower() if isinstance(value, bool) else \
                f'"{value}"' if isinstance(value, str) else str(value)
            lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"


class Policies(cli.Case):
    def setUp(self):
        super().setUp()
        records = test_search.families(21, 20, 12, test_search.AMINO)
        self.references = self.file("refs.fa", test_search.fasta(records))
        self.queries = self.file("queries.fa", test_search.fasta(records[::4]))

    def search(self, conf, threads, ranks=1):
        out = self.path("out.h5")
        result = self.run_ok("search", self.queries, self.references, "-o", out, "--force",
                             "--max-hits", "5", "--threads", threads, "--config",
                             self.file("conf.toml", conf), ranks=ranks)
        text = self.path("out.tsv")
        self.run_ok("export", out, "--format", "json", "-o", text, "--force")
        return cli.sha256(text), result

    def test_one_result_for_every_policy_chunk_size_and_idle_strategy(self):
        if cli.talaria("export", "--help").code != 0:
            self.skipTest("this build cannot export")
        want, _ = self.search("", 1)
        mixes = itertools.product(("static", "dynamic", "guided"), ("spin", "yield", "park"),
                                  ((1, False), (130, True), (100000, False)))
        for number, (balance, idle, (chunk, adaptive)) in enumerate(mixes):
            conf = configuration(
                {"yield_strategy": idle, "work_stealing": number % 4 != 3,
                 "pin_threads": number % 2 == 0,
                 "affinity_mode": ("compact", "scatter", "numa")[number % 3]},
                {"load_balancing": balance, "chunk_size": chunk, "dynamic_chunking": adaptive,
                 "min_chunk_size": 64, "steal_threshold": (0.0, 0.5, 1.0)[number % 3]})
            got, _ = self.search(conf, (2, 3)[number % 2], ranks=2 if number % 9 == 0 else 1)
            self.assertEqual(got, want, conf)

    def test_simulated_files_are_the_same_under_every_policy(self):
        digests = set()
        for number, (balance, idle) in enumerate(itertools.product(
                ("static", "dynamic", "guided"), ("spin", "yield", "park"))):
            conf = self.file("conf.toml", configuration({"yield_strategy": idle},
                                                        {"load_balancing": balance}))
            out = self.path("sim.fa")
            self.run_ok("simulate", "--sequences", "3000", "-o", out, "--force", "--threads",
                        1 + number % 3, "--config", conf)
            digests.add((cli.sha256(out), cli.sha256(out + ".truth.tsv")))
        self.assertEqual(len(digests), 1)

    def test_crowding_is_said_once_and_by_rank_0(self):
        out = self.path("sim.fa")
        for ranks in (1, 2):
            crowded = self.run_ok("simulate", "-o", out, "--force", "--threads", CPUS + 1,
                                  ranks=ranks)
            lines = [line for line in crowded.err.splitlines() if "share" in line]
            self.assertEqual(len(lines), 1, crowded.err)
            self.assertRegex(lines[0], f"{CPUS + 1}|{2 * CPUS + 2} workers share")
        fitting = self.run_ok("simulate", "-o", out, "--force", "--threads", 1)
        self.assertNotIn("share", fitting.err)

    def test_a_stack_that_the_environment_shrinks_is_said(self):
        conf = self.file("conf.toml", configuration({"stack_size_mb": 16}))
        result = self.run_ok("simulate", "-o", self.path("sim.fa"), "--threads", 2, "--config",
                             conf, env={"OMP_STACKSIZE": "1M"})
        if "stack" in result.err: # LLVM's runtime takes what it is told.
            self.assertIn("OMP_STACKSIZE", result.err)
        plain = self.run_ok("simulate", "-o", self.path("sim2.fa"), "--threads", 2, "--config",
                            conf)
        self.assertNotIn("stack", plain.err)


class Info(cli.Case):
    def places(self, *options, ranks=1, conf=""):
        result = self.run_ok("info", "--config", self.file("conf.toml", conf), *options,
                             ranks=ranks)
        lines = result.out.splitlines()
        begin = next(i for i, line in enumerate(lines) if line.startswith("Ranks"))
        return [line.split()[-1] for line in lines[begin + 2:begin + 2 + ranks]]

    def test_info_shows_where_workers_run(self):
        place = self.places("--threads", 1)
        self.assertRegex(place[0], r"^\d+$")
        pinned = configuration({"pin_threads": False})
        self.assertEqual(self.places("--threads", 1, conf=pinned), ["pinned"]) # "any, not pinned"

    def test_ranks_on_the_same_cpus_divide_them(self):
        if CPUS < 2:
            self.skipTest("needs two CPUs")
        places = self.places("--threads", 1, ranks=2)
        self.assertEqual(len(set(places)), 2, places)


class Bench(cli.Case):
    def test_scaling_makes_a_table_and_a_file(self):
        csv = self.path("scaling.csv")
        result = self.run_ok("bench", "scaling", "--references", 70, "--query-count", 3,
                             "--repeats", 2, "--max-threads", 2, "--csv", csv)
        self.assertIn("strong", result.out)
        with open(csv, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split(",") for line in file]
        self.assertEqual([row[:3] for row in rows[1:]],
                         [[study, threads, "2"] for study in ("strong", "weak")
                          for threads in ("1", "2")])
        self.assertTrue(all(len(row) == len(rows[0]) for row in rows))

    def test_contention_names_its_subjects(self):
        result = self.run_ok("bench", "contention", "--operations", 1000, "--max-threads", 3)
        for subject in ("shared counter", "padded counters", "empty items", "deque"):
            self.assertIn(subject, result.out)

    def test_kernels_are_selected_by_name_level_and_length(self):
        csv = self.path("kernels.csv")
        self.run_ok("bench", "kernels", "--kernel", "score-local-8", "--kernel", "wave", "--isa",
                    "scalar", "--lengths", "5,17", "--repeats", 2, "--sample-us", 1, "--csv", csv)
        with open(csv, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split(",") for line in file]
        self.assertEqual([row[:5] for row in rows[1:]],
                         [[kernel, "scalar", "uniform", length, "2"] for length in ("5", "17")
                          for kernel in ("score-local-8", "wave-16", "wave-32")])
        self.assertTrue(all(len(row) == len(rows[0]) and float(row[5]) > 0 for row in rows[1:]))

    def test_kernels_run_at_every_level(self):
        result = self.run_ok("bench", "kernels", "--lengths", 9, "--repeats", 1, "--sample-us", 1,
                             "--distribution", "all")
        for kernel in ("score-local-8", "score-global-16", "score-semiglobal-32", "gapless",
                       "identity", "wave-32"):
            rows = [line.split() for line in result.out.splitlines() if kernel == line.split()[0]]
            self.assertEqual({row[2] for row in rows}, {"uniform", "protein", "short"}, kernel)
            for row in rows:  # Every level but the scalar one has a bound.
                self.assertEqual(row[7] == "-", row[1] == "scalar", row)

    def draw(self, csv):
        drawn = subprocess.run([sys.executable, PLOT, csv, self.path("hits.svg")], check=True,
                               stdout=subprocess.PIPE).stdout.decode()
        self.assertTrue("hits.svg" in drawn or "other.m8" in drawn, drawn)

    def test_calibration_counts_false_hits_and_those_of_other_programs(self):
        rng = random.Random(4)
        proteins = "".join(f">p{i} x\n" + "".join(rng.choice("ARNDCQEGHILKMFPSTWYV")
                                                  for _ in range(80)) + "\n" for i in range(30))
        path = self.file("p.fa", proteins)
        decoys, csv = self.path("decoys.fa"), self.path("c.csv")
        self.run_ok("bench", "calibration", path, path, "--max-queries", 5, "--write-queries", decoys)
        with open(decoys, encoding="utf-8") as file:
            lines = file.read().split(">")[1:]
        first = proteins.split("\n")[1]
        self.assertEqual(lines[0].split("\n")[0], "p0")
        self.assertEqual("".join(lines[0].split("\n")[1:]), first[::-1])
        self.assertEqual([line.split("\n")[0] for line in lines], ["p0", "p6", "p12", "p18", "p24"])
        # Of p6 reversed, p6 itself does not count.
        hits = self.file("other.m8", "".join(f"p6\tp{i}" + "\t1" * 8 + f"\t{e}\t40\n"
                                             for i, e in ((0, 5), (1, 0.5), (2, 1e-5), (6, 1e-9))))
        result = self.run_ok("bench", "calibration", path, path, "--max-queries", 5, "--csv", csv,
                             "--hits", hits)
        self.assertIn("shuffled", result.out)
        with open(csv, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split(",") for line in file]
        other = [row for row in rows if row[1] == "other.m8"]
        self.assertEqual([(row[5], row[7]) for row in other],
                         [("10", "3"), ("1", "2"), ("0.1", "1"), ("0.01", "1"), ("0.001", "1")])
        ours = [row for row in rows[1:] if row[1] in ("exact", "filtered")]
        self.assertEqual(len(ours), 2 * 10 * 5)
        self.draw(csv)
        self.expect_error(65, ["other.m8", "line 1"], "bench", "calibration", path, path,
                          "--max-queries", 1, "--defaults", "--hits", hits)
        self.expect_error(64, ["two files"], "bench", "calibration", path)
        self.expect_error(64, ["no files"], "bench", "scaling", path, path)

    def test_sensitivity_stops_at_the_first_other_fold(self):
        rng = random.Random(5)
        # One query; two of its family, one of its superfamily, one of its fold, one of another.
        classes = ["a.1.1.1", "a.1.1.1", "a.1.1.1", "a.1.1.2", "a.1.2.1", "a.2.1.1"]
        domains = self.file("d.fa", "".join(
            f">d{i} x\n" + "".join(rng.choice("ARNDCQEGHILKMFPSTWYV") for _ in range(60)) + "\n"
            for i in range(6)))
        lookup = self.file("d.tsv", "".join(f"d{i}\t{c}\n" for i, c in enumerate(classes)))
        table = "".join(f"d0\td{i}" + "\t1" * 8 + f"\t{e}\t40\n"
                        for i, e in ((0, 1e-9), (1, 1e-8), (1, 1e-7), (3, 1e-6), (5, 1e-5), (2, 1),
                                     (4, 2)))
        csv = self.path("s.csv")
        self.run_ok("bench", "sensitivity", domains, lookup, "--max-queries", 1, "--csv", csv,
                    "--hits", self.file("other.m8", table))
        with open(csv, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split(",") for line in file]
        self.assertEqual(len(rows), 1 + 6 + 1)
        self.draw(csv)
        self.assertEqual([float(value) for value in rows[-1][4:7]], [0.5, 1.0, 0.0])
        short = self.file("short.tsv", "d0\ta.1.1.1\n")
        self.expect_error(65, ["d1"], "bench", "sensitivity", domains, short)
        bad = self.file("bad.tsv", "d0\n")
        self.expect_error(65, ["line 1"], "bench", "sensitivity", domains, bad)

    def test_misuse_is_refused(self):
        self.expect_error(64, ["scaling"], "bench", "nothing")
        self.expect_error(64, ["gaplos", "gapless"], "bench", "kernels", "--kernel", "gaplos")
        for lengths in ("0", "1,", "12x", "1,100001", ""):
            self.expect_error(64, ["lengths", "100000"], "bench", "kernels", "--lengths", lengths)
        self.expect_error(64, ["one rank"], "bench", "scaling", ranks=2)
        self.expect_error(73, ["none"], "bench", "contention", "--operations", 1, "--max-threads",
                          1, "--csv", self.path("none/x.csv"))


if __name__ == "__main__":
    cli.main()
