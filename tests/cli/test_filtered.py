"""talaria search --mode filtered: a part of the exact hits, the same for every layout."""
import os
import random
import unittest

import cli

AMINO = "ARNDCQEGHILKMFPSTWYV"
COLUMNS = "query_index,reference_index,strand,score,evalue,cigar,query_begin,ref_begin"


def fasta(records):
    return "".join(f">{name}\n{letters}\n" for name, letters in records)


def evolve(rng, letters, alphabet, changed, gapped):
    """Substitutions, and gaps of a few residues, per position."""
    out = []
    position = 0
    while position < len(letters):
        kind = rng.random()
        if kind < gapped / 2:
            position += rng.randrange(1, 6)
        elif kind < gapped:
            out.extend(rng.choice(alphabet) for _ in range(rng.randrange(1, 6)))
        elif kind < gapped + changed:
            out.append(rng.choice(alphabet))
            position += 1
        else:
            out.append(letters[position])
            position += 1
    return "".join(out)


def families(seed, count, members, alphabet, length):
    rng = random.Random(seed)
    records = []
    for family in range(count):
        root = "".join(rng.choice(alphabet) for _ in range(rng.randrange(length // 2, length * 2)))
        for member in range(members):
            changed = 0.1 + 0.6 * member / members
            records.append((f"f{family}m{member}",
                            evolve(rng, root, alphabet, changed, 0.02 if member % 2 else 0.0)))
    rng.shuffle(records)
    return records


class Searching(cli.Case):
    def rows(self, queries, references, *options, **run):
        """The hits, and the numbers printed at the end."""
        result = self.path("out.h5")
        done = self.run_ok("search", queries, references, "-o", result, "--force", *options, **run)
        numbers = dict(line.split()[1:3] for line in done.err.splitlines()
                       if line.startswith("talaria:   "))
        path = self.path("out.tsv")
        self.run_ok("export", result, "--format", "tsv", "--columns", COLUMNS, "-o", path,
                    "--force", "--quiet")
        with open(path, encoding="utf-8") as file:
            return [tuple(line.rstrip("\n").split("\t")) for line in file][1:], numbers


class Filtered(Searching):
    def pair(self, seed, alphabet=AMINO, count=12, members=12, length=150):
        records = families(seed, count, members, alphabet, length)
        return (self.file("q.fa", fasta(records[::6])), self.file("r.fa", fasta(records)))

    def test_cut_of_nothing_is_the_exact_search(self):
        for alphabet in (AMINO, "ACGT"):
            queries, references = self.pair(1, alphabet)
            for options in (["--evalue", "10"], ["--min-score", "30", "--max-hits", "0"],
                            ["--evalue", "1", "--max-hits", "3"])[:3 if alphabet == AMINO else 1]:
                exact, numbers = self.rows(queries, references, *options)
                self.assertTrue(exact)
                self.assertEqual(numbers["scored_pairs"], numbers["pairs"])
                for cut in ("0", "1"):
                    rows, numbers = self.rows(queries, references, *options, "--mode", "filtered",
                                              "--filter-cut", cut, ranks=2)
                    self.assertEqual(rows, exact, (options, cut))
                self.assertEqual(numbers["scored_pairs"], numbers["pairs"])

    def test_one_answer_for_ranks_threads_and_instruction_sets(self):
        queries, references = self.pair(2)
        for options in ([], ["--evalue", "10", "--filter-share", "0.8"], ["--filter-cut", "40"]):
            seen = {}
            for ranks, threads, isa in cli.layouts(3):
                rows, numbers = self.rows(queries, references, *options, "--mode", "filtered",
                                          "--threads", threads, "--isa", isa, ranks=ranks)
                self.assertLess(int(numbers["scored_pairs"]), int(numbers["pairs"]))
                key = (tuple(rows), numbers["pairs"], numbers["cells"],
                       numbers["scored_pairs"], numbers["scored_cells"])
                seen.setdefault(key, []).append((ranks, threads, isa))
            self.assertEqual(len(seen), 1, list(seen.values()))

    def test_hits_are_exact_ones_and_most_of_them(self):
        for alphabet in (AMINO, "ACGT"):
            queries, references = self.pair(3, alphabet, count=30, members=16)
            exact = set(self.rows(queries, references, "--max-hits", "0")[0])
            rows, numbers = self.rows(queries, references, "--max-hits", "0", "--mode", "filtered")
            self.assertGreater(len(exact), 300)
            self.assertTrue(set(rows) <= exact)
            self.assertGreaterEqual(len(rows), 0.98 * len(exact), numbers)
            self.assertLess(int(numbers["scored_pairs"]), 0.3 * int(numbers["pairs"]), numbers)

    def test_larger_cuts_find_less(self):
        queries, references = self.pair(4)
        before = None
        for cut in ("0", "30", "60", "120", "255"):
            rows, _ = self.rows(queries, references, "--mode", "filtered", "--filter-cut", cut)
            self.assertTrue(before is None or set(rows) <= before, cut)
            before = set(rows)
        self.assertTrue(before)  # the queries themselves, at the limit of what the filter counts

    def test_empty_queries_and_references_are_no_trouble(self):
        references = self.file("r.fa", ">e\n\n>a\nMKVLATWWCHGEMKVLATWWCHGE\n>f\n")
        queries = self.file("q.fa", ">none\n\n>q\nMKVLATWWCHGEMKVLATWWCHGE\n")
        rows, _ = self.rows(queries, references, "--type", "protein", "--mode", "filtered")
        self.assertEqual([row[:2] for row in rows], [("1", "1")])

    def test_what_cannot_be_filtered_is_refused(self):
        good = self.file("good.fa", ">a\nMKVLATWWCHGE\n>b\nMKVLATWWCHGD\n")
        out = self.path("out.h5")
        cases = [
            (["local"], ["--mode", "filtered", "--align", "global", "--min-score", "5"]),
            (["local"], ["--mode", "filtered", "--align", "semiglobal", "--min-score", "5"]),
            (["--filter-cut"], ["--mode", "filtered", "--min-score", "5"]),
            (["--filter-cut"], ["--mode", "filtered", "--min-score", "5", "--gap-open", "3",
                                "--gap-extend", "3"]),
            (["--mode filtered", "--filter-cut"], ["--filter-cut", "9"]),
            (["--mode filtered", "--filter-share"], ["--filter-share", "0.5"]),
            (["one"], ["--mode", "filtered", "--filter-share", "0.5", "--filter-cut", "9"]),
            (["filter-cut", "255"], ["--mode", "filtered", "--filter-cut", "256"]),
            (["filter-share"], ["--mode", "filtered", "--filter-share", "1.5"]),
        ]
        for fragments, options in cases:
            ranks = 2 if options[-1] == "5" else 1
            self.expect_error(64, fragments, "search", good, good, "-o", out, *options, ranks=ranks)
            self.assertFalse(os.path.exists(out))
        self.rows(good, good, "--mode", "filtered", "--min-score", "5", "--gap-open", "3",
                  "--gap-extend", "3", "--filter-cut", "5")


@unittest.skipUnless(cli.TEST_DATA, "TALARIA_TEST_DATA is not set")
class RealProteins(Searching):
    """The default cut on real proteins: what is lost of the exact hits."""

    def test_recall_at_the_default_threshold(self):
        queries = self.path("q.fa")
        source = cli.subprocess.run(
            ["zstd", "-dc", os.path.join(cli.TEST_DATA, "mixed_queries_1k.faa.zst")],
            stdout=cli.subprocess.PIPE, check=True).stdout.decode().split(">")[1:31]
        cli.write(queries, "".join(">" + record for record in source))
        references = os.path.join(cli.TEST_DATA, "mixed_sample_20k.faa.zst")
        exact = set(self.rows(queries, references)[0])
        rows, _ = self.rows(queries, references, "--mode", "filtered")
        self.assertTrue(set(rows) <= exact)
        self.assertGreaterEqual(len(rows), 0.985 * len(exact))


if __name__ == "__main__":
    cli.main()
