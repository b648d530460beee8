"""Studies of bench: whole searches on parts of the ranks, simulated statistics, hits judged."""
import csv
import os
import subprocess
import sys

import cli

PLOT = os.path.join(os.path.dirname(__file__), "..", "..", "bench", "plot_scaling.py")


class Ranks(cli.Case):
    def study(self, name, *options, ranks=3):
        path = self.path("table.csv")
        result = self.run_ok("bench", name, "--references", 60, "--query-count", 6, "--threads", 1,
                             "--repeats", 1, "--folder", self.folder, "--csv", path, *options,
                             ranks=ranks)
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(result.out.splitlines()) - len(rows) >= 2, True, result.out)
        return rows

    def test_strong_searches_the_same_on_one_two_and_all_ranks(self):
        rows = self.study("strong")
        self.assertEqual([row["ranks"] for row in rows], ["1", "2", "3"])
        self.assertEqual(len({row["cells"] for row in rows}), 1)
        self.assertEqual(rows[0]["efficiency"], "1.0000")
        self.assertEqual(rows[0]["comm_bytes_per_rank"], "0")
        for row in rows:
            shares = sum(float(row[name]) for name in ("comm_share", "wait_share", "io_share"))
            # Of the first rank's time; the others do not begin at the same instant.
            self.assertLess((shares - 1) * float(row["seconds"]), 0.1, row)
            self.assertGreaterEqual(float(row["imbalance"]), 1.0)
        self.assertEqual(os.listdir(self.folder), ["table.csv"]) # Nothing else is left.

    def test_weak_searches_references_in_proportion_to_ranks(self):
        rows = self.study("weak", ranks=2)
        self.assertEqual([row["ranks"] for row in rows], ["1", "2"])
        ratio = float(rows[1]["cells"]) / float(rows[0]["cells"])
        self.assertTrue(1.5 < ratio < 2.5, ratio)

    def test_own_files_are_searched_and_kept_results_make_the_same_table(self):
        files = [self.file(f"{name}.fa", "".join(f">{name}{i}\n{'MKVLATWWCHGEDNQRST' * i}\n"
                                                 for i in range(1, 9))) for name in "qr"]
        options = ("--keep", "--search-options=--min-score 30 --stats")
        path = self.path("own.csv")
        self.run_ok("bench", "strong", *files, "--threads", 1, "--repeats", 1, "--folder",
                    self.folder, "--csv", path, *options, ranks=2)
        folder = self.path(next(n for n in os.listdir(self.folder) if n.startswith("talaria-")))
        self.assertEqual(sorted(os.listdir(folder)), ["ranks-1.h5", "ranks-2.h5"])
        again = self.path("again.csv")
        self.run_ok("bench", "table", *(os.path.join(folder, f"ranks-{n}.h5") for n in (1, 2)),
                    "--csv", again)
        self.assertEqual(open(path, encoding="utf-8").read(), open(again, encoding="utf-8").read())
        drawn = subprocess.run([sys.executable, PLOT, path, self.path("plot.svg")], check=True,
                               stdout=subprocess.PIPE, cwd=self.folder).stdout.decode()
        self.assertTrue("plot.svg" in drawn or "efficiency" in drawn, drawn)

    def test_trouble_is_told_once(self):
        self.expect_error(64, ["max-hitz"], "bench", "strong", "--folder", self.folder,
                          "--search-options=--max-hitz 3", ranks=2)
        self.assertEqual(os.listdir(self.folder), [])
        self.expect_error(73, ["none"], "bench", "weak", "--folder", self.path("none"), ranks=2)
        self.expect_error(64, ["no files"], "bench", "strong", "one.fa")
        self.expect_error(64, ["takes no files"], "bench", "weak", "a.fa", "b.fa")
        self.expect_error(64, ["results"], "bench", "table")
        self.expect_error(65, ["x.h5"], "bench", "table", self.file("x.h5", "no result"))


class Statistics(cli.Case):
    NAMES = ("PAM30", "PAM70", "match 1 mismatch -3", "match 2 mismatch -3")

    def study(self, threads):
        path = self.path("statistics.csv")
        named = [word for name in self.NAMES for word in ("--scoring", name)]
        done = self.run_ok("bench", "statistics", "--threads", threads, "--csv", path, *named)
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(done.out.splitlines()), 2 + len(rows), done.out)
        return rows

    def test_simulated_parameters_are_the_published_ones(self):
        rows = self.study(1)
        self.assertEqual(tuple(row["scoring"] for row in rows), self.NAMES)
        for row in rows:
            own, published = float(row["own_lambda"]), float(row["lambda"])
            self.assertAlmostEqual(own / published, 1, delta=0.01, msg=row)
            self.assertAlmostEqual(float(row["own_k"]) / float(row["k"]), 1, delta=0.13, msg=row)
            self.assertLess(float(row["lambda_error"]), 0.005, row)
            self.assertGreater(int(row["samples"]), 0, row)
        again = self.study(2)
        for row in rows + again:
            self.assertGreater(float(row.pop("seconds")), 0)
        self.assertEqual(rows, again)

    def test_unknown_scoring_is_named(self):
        self.expect_error(64, ["PAM31", "--scoring"], "bench", "statistics", "--scoring", "PAM31")
        self.expect_error(64, ["no files"], "bench", "statistics", "a.fa")


if __name__ == "__main__":
    cli.main()
