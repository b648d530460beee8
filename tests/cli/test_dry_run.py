"""talaria search --dry-run and --memory: the plan counts what the search counts, writes nothing."""
import os
import random
import re
import unittest

import cli

AMINO = "ARNDCQEGHILKMFPSTWYV"


def fasta(seed, count, length, alphabet=AMINO):
    rng = random.Random(seed)
    return "".join(f">s{i} of {seed}\n{''.join(rng.choice(alphabet) for _ in range(length))}\n"
                   for i in range(count))


def number(text, label, unit=r""):
    """The number that begins the line of this label."""
    match = re.search(rf"^  {re.escape(label)} +([0-9.]+){unit}", text, re.M)
    assert match, f"no '{label}' in: {text}"
    return float(match.group(1))


class PlanCase(cli.Case):
    def setUp(self):
        super().setUp()
        self.queries = self.file("queries.fa", fasta(1, 7, 90))
        self.references = self.file("refs.fa", fasta(2, 150, 200))

    def plan(self, *arguments, **run):
        before = sorted(os.listdir(self.folder))
        result = self.run_ok("search", *arguments, "--dry-run", "--threads", "1",
                             cwd=self.folder, **run)
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        return result.out


class DryRun(PlanCase):
    def test_counts_and_cells_are_those_of_the_inputs_for_any_rank_count(self):
        for ranks in (1, 3):
            text = self.plan(self.queries, self.references, ranks=ranks)
            self.assertRegex(text, r"queries +7 sequences, 630 residues, longest 90,")
            self.assertRegex(text, r"references +150 sequences, 30000 residues, longest 200,")
            self.assertEqual(number(text, "cells"), 630 * 30000)
            self.assertRegex(text, rf"ranks +{ranks} x 1 threads, \w+ kernels")
            self.assertGreater(number(text, "speed", " GCUPS"), 0)
            self.assertRegex(text, r"scoring +[0-9.]+ s;")

    def test_both_strands_count_twice_and_cells_equal_the_search(self):
        queries = self.file("q.fna", fasta(3, 5, 80, "ACGT"))
        references = self.file("r.fna", fasta(4, 90, 120, "ACGT"))
        text = self.plan(queries, references)
        self.assertIn("nucleotide, 2 strands", text)
        result = self.run_ok("search", queries, references, "-o", self.path("out.h5"))
        cells = re.search(r"cells +(\d+)", result.err).group(1)
        self.assertEqual(number(text, "cells"), float(cells))
        text = self.plan(queries, references, "--strand", "minus")
        self.assertEqual(number(text, "cells"), float(cells) / 2)

    def test_no_output_is_needed_and_an_existing_one_is_left_alone(self):
        result = self.file("hits.h5", "precious")
        self.plan(self.queries, self.references, "-o", result)
        with open(result, encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")
        self.plan(self.queries, self.references, "-o", self.path("not/there.h5"))

    def test_modes_without_8_bit_kernels_and_other_scorings_are_planned(self):
        for options in (["--align", "global", "--min-score", "1"],
                        ["--align", "semiglobal", "--min-score", "1"],
                        ["--matrix", "PAM30", "--max-hits", "0"], ["--isa", "scalar"]):
            text = self.plan(self.queries, self.references, *options)
            self.assertGreater(number(text, "speed", " GCUPS"), 0)

    def test_one_short_query_and_one_short_reference_are_a_plan(self):
        one = self.file("one.fa", ">a\nM\n")
        text = self.plan(one, one, "--type", "protein")
        self.assertEqual(number(text, "cells"), 1)

    def test_memory_falls_with_ranks_in_the_table(self):
        big = self.file("big.fa", fasta(5, 8, 1 << 19))
        text = self.plan(self.queries, big)
        rows = re.findall(r"^  (\d+) +(\d+) MiB +[0-9.]", text, re.M)
        self.assertEqual([int(ranks) for ranks, _ in rows], [1, 2, 4, 8, 16, 32])
        mebibytes = [int(each) for _, each in rows]
        self.assertEqual(mebibytes, sorted(mebibytes, reverse=True))

    def test_inputs_are_refused_as_a_search_refuses_them(self):
        dna = self.file("dna.fna", fasta(6, 3, 60, "ACGT"))
        empty = self.file("empty.fa", "")
        for ranks in (1, 2):
            self.expect_error(66, ["missing.fa"], "search", self.queries, "missing.fa",
                              "--dry-run", ranks=ranks)
            self.expect_error(65, ["protein", "nucleotide"], "search", self.queries, dna,
                              "--dry-run", ranks=ranks)
            self.expect_error(65, ["empty.fa"], "search", self.queries, empty, "--dry-run",
                              ranks=ranks)
        self.expect_error(64, ["-o FILE"], "search", self.queries, self.references, "--memory", "1G")


class Memory(PlanCase):
    def test_too_little_is_refused_with_what_would_do(self):
        out = self.path("out.h5")
        for mode in (["--dry-run"], ["-o", out]):
            for ranks in (1, 2):
                self.expect_error(71, ["--memory", "fewer --threads"], "search", self.queries,
                                  self.references, *mode, "--memory", "1M", "--quiet", ranks=ranks)
        self.assertFalse(os.path.exists(out))
        self.assertEqual(sorted(os.listdir(self.folder)), ["queries.fa", "refs.fa"])

    def test_what_does_not_fit_is_planned_on_disk(self):
        big = self.simulated(7)
        need = number(self.plan(self.queries, big), "memory of each rank", " MiB")
        text = self.plan(self.queries, big, "--memory", f"{int(need) - 10}M", "--max-hits", "5")
        self.assertRegex(text, r"references +on disk, \d+ tiles of each rank")
        text = self.plan(self.queries, big, "--memory", "1G")
        self.assertRegex(text, r"references +in memory, one pass")

    def test_a_limit_is_kept_and_changes_no_hit(self):
        """The limit falls until references go to disk, and on to refusal; peaks stay below it."""
        if cli.is_sanitized():
            self.skipTest("sanitizers take memory of their own")
        big = self.simulated(8)
        with open(big, encoding="utf-8") as file:
            queries = self.file("q.fa", "".join(file.readline() for _ in range(20)))
        out = self.path("out.h5")
        digests, on_disk = set(), 0
        # What a rank needs without references differs from machine to machine.
        need = int(number(self.plan(queries, big, "--max-hits", "5"), "memory of each rank", " MiB"))
        for limit in (2 * need, need + 10, *range(need - 5, 10, -8)):
            if not self.search_within(limit, queries, big, out):
                break
            on_disk += self.was_on_disk
            digests.add(cli.sha256(self.path("out.json")))
        self.assertEqual(len(digests), 1)
        self.assertGreater(on_disk, 0)

    def simulated(self, seed):
        """About 24 million residues."""
        path = self.path("big.fa")
        self.run_ok("simulate", "--sequences", "70000", "--families", "60000", "--seed", seed,
                    "--no-truth", "-o", path)
        return path

    def search_within(self, limit, queries, references, out):
        """Search under a limit in MiB; false when it is refused."""
        result = cli.talaria("search", queries, references, "-o", out, "--force", "--threads", "1",
                             "--memory", f"{limit}M", "--max-hits", "5")
        if result.code == 71:
            self.assertIn("even with the references on disk", result.err)
            self.assertFalse(os.path.exists(out + ".job"))
            return False
        self.assertEqual(result.code, 0, result.err)
        self.was_on_disk = "references do not fit" in result.err
        self.run_ok("export", out, "--format", "json", "-o", self.path("out.json"), "--force")
        for peak in self.peaks(out):
            self.assertLess(peak, limit * 2**20)
        return True

    def peaks(self, result):
        dump = cli.shutil.which("h5dump")
        if dump is None:
            self.skipTest("no h5dump")
        text = cli.subprocess.run([dump, "-d", "/ranks/peak_bytes", "-y", result],
                                  stdout=cli.subprocess.PIPE, check=True).stdout.decode()
        return [float(each) for each in text.split("DATA {")[1].split("}")[0].split(",")]


if __name__ == "__main__":
    cli.main()
