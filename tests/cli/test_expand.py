"""Expanded searches of reduced sets: what is reported is what a search of everything reports."""
import json
import os
import random
import subprocess
import time

import cli
from test_reduced import AMINO, complement, fold, relative


def records_of(rng, letters, families, length):
    """Families of one to eight records whose members differ in 4 of 100 letters; copies too."""
    firsts = ["".join(rng.choice(letters) for _ in range(length + rng.randrange(length)))
              for _ in range(families)]
    records = [(f"f{f}_{m}", relative(rng, first, letters, 0.04 if m % 4 else 0))
               for f, first in enumerate(firsts) for m in range(rng.randrange(1, 9))]
    rng.shuffle(records)
    return firsts, records


def fasta(records):
    return "".join(f">{name} record {i}\n{fold(text, 60)}" for i, (name, text) in enumerate(records))


class Expand(cli.Case):
    @classmethod
    def setUpClass(cls):
        rng = random.Random(8)
        firsts, records = records_of(rng, AMINO, 25, 90)
        cls.proteins = fasta(records)
        cls.queries = fasta([(f"q{i}", relative(rng, first, AMINO, 0.45))
                             for i, first in enumerate(firsts[:16])])
        firsts, records = records_of(rng, "ACGT", 12, 300)
        cls.genes = fasta([(name, complement(text) if i % 3 == 0 else text)
                           for i, (name, text) in enumerate(records)])
        cls.reads = fasta([(f"r{i}", relative(rng, first, "ACGT", 0.1))
                           for i, first in enumerate(firsts[:8])])

    def reduce(self, text):
        whole, reduced = self.file("whole.fa", text), self.path("reduced.h5")
        self.run_ok("reduce", whole, "-o", reduced, "--force", "--quiet", "--threads", "1")
        return whole, reduced

    def search(self, *words, ranks=1, env=None):
        """The hits as lines of m8."""
        out = self.path("out.h5")
        self.run_ok("search", *words, "-o", out, "--force", "--threads", "1", ranks=ranks, env=env)
        return self.run_ok("export", out).out

    def check_same(self, queries, text, options=((),)):
        queries = self.file("queries.fa", queries)
        whole, reduced = self.reduce(text)
        for i, some in enumerate(options):
            with self.subTest(some):
                want = self.search(queries, whole, *some)
                self.assertGreater(want.count("\n"), 5)
                for ranks in (1, 2, 3) if i == 0 else (1 + i,):
                    self.assertEqual(self.search(queries, reduced, "--expand", *some, ranks=ranks),
                                     want)

    def test_proteins_are_found_as_in_a_full_search(self):
        self.check_same(self.queries, self.proteins,
                        ((), ("--max-hits", "2"), ("--min-score", "60", "--mask", "none")))

    def test_genes_are_found_on_both_strands(self):
        self.check_same(self.reads, self.genes, ((), ("--strand", "plus"), ("--strand", "minus")))

    def test_neither_device_nor_memory_nor_tiles_change_the_result(self):
        queries = self.file("queries.fa", self.queries)
        _, reduced = self.reduce(self.proteins)
        words = (queries, reduced, "--expand")
        want = self.search(*words)
        config = self.file("talaria.toml", '[parallel.gpu]\nuse_gpu = true\ngpu_backend = "host"\n')
        self.assertEqual(self.search(*words, "--config", config), want)
        self.assertEqual(self.search(*words, "--memory", "600M", "--isa", "scalar"), want)
        self.assertEqual(self.search(*words, ranks=3, env={"TALARIA_TILES": "others",
                                                           "OMPI_MCA_osc": "^rdma"}), want)

    def test_a_killed_search_goes_on(self):
        queries, references = self.path("many.fa"), self.path("few.fa")
        few = 6 if cli.is_sanitized() else 120
        for path, count in ((queries, 2600), (references, few)): # Four blocks of queries.
            self.run_ok("simulate", "--sequences", count, "--families", few // 3, "--mean-length", 350,
                        "--seed", 1, "--no-truth", "-o", path)
        with open(references, encoding="utf-8") as file:
            _, reduced = self.reduce(file.read())
        words = (queries, reduced, "--expand", "--max-hits", "2", "--null-model", "none")
        want = self.search(*words)
        out = self.path("out.h5")
        run = subprocess.Popen([cli.TALARIA, "search", *words, "-o", out, "--force"],
                               env=cli.environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        journal = os.path.join(out + ".job", "journal")
        seen = set() # Its sizes: begun, and with each block.
        while run.poll() is None and len(seen) < 3:
            if os.path.exists(journal):
                seen.add(os.stat(journal).st_size)
            time.sleep(0.002)
        run.kill() # A machine that was too quick for this has the result already.
        run.wait()
        self.assertEqual(self.search(*words, ranks=2), want)

    def test_exports_show_the_representative(self):
        queries = self.file("queries.fa", self.queries)
        _, reduced = self.reduce(self.proteins)
        out, clusters = self.path("out.h5"), self.path("clusters.tsv")
        self.run_ok("reduce", self.path("whole.fa"), "--clusters", clusters)
        with open(clusters, encoding="utf-8") as file:
            of = {member: representative for representative, member in map(str.split, file)}
        self.run_ok("search", queries, reduced, "--expand", "-o", out, "--threads", "1")
        rows = [line.split("\t") for line in self.run_ok(
            "export", out, "--format", "tsv", "--columns",
            "reference,representative,reference_index,representative_index").out.splitlines()[1:]]
        self.assertTrue(any(row[0] != row[1] for row in rows))
        for reference, representative, index, representative_index in rows:
            self.assertEqual(of[reference], representative)
            self.assertEqual(reference == representative, index == representative_index)
        for name in ("paf", "sam"):
            tags = [line.split("ZR:Z:")[1].split("\t")[0] for line in
                    self.run_ok("export", out, "--format", name).out.splitlines() if "AS:i" in line]
            self.assertEqual(tags, [row[1] for row in rows])
        hits = [hit for query in json.loads(self.run_ok("export", out, "-f", "json").out)["queries"]
                for hit in query["hits"]]
        self.assertEqual([hit["representative"]["id"] for hit in hits], [row[1] for row in rows])
        self.assertEqual([str(hit["representative"]["index"]) for hit in hits],
                         [row[3] for row in rows])

    def test_a_share_of_one_finds_less(self):
        queries = self.file("queries.fa", self.queries)
        whole, reduced = self.reduce(self.proteins)
        missed = 0
        for least in ("262", "268", "274"):
            options = ("--min-score", least)
            want = set(self.search(queries, whole, *options).splitlines())
            found = set(self.search(queries, reduced, "--expand", *options,
                                    "--expand-share", "1").splitlines())
            self.assertLessEqual(found, want)
            missed += len(want - found)
        self.assertGreater(missed, 0)

    def test_a_dry_run_plans_it(self):
        queries = self.file("queries.fa", self.queries)
        _, reduced = self.reduce(self.proteins)
        done = self.run_ok("search", queries, reduced, "--expand", "--dry-run")
        self.assertIn("representatives", done.out)

    def test_what_does_not_go_together_is_refused(self):
        queries = self.file("queries.fa", self.queries)
        whole, reduced = self.reduce(self.proteins)
        reads = self.file("reads.fa", self.reads)
        cases = ((64, "--expand", queries, reduced),
                 (64, "add --expand", queries, whole, "--expand-share", "0.5"),
                 (64, "one reduced set", queries, reduced, reduced, "--expand"),
                 (64, "--mode exact", queries, reduced, "--expand", "--mode", "filtered"),
                 (64, "local", queries, reduced, "--expand", "--align", "global", "--min-score", 1),
                 (65, "is no reduced set", queries, whole, "--expand"),
                 (65, "queries are nucleotide", reads, reduced, "--expand"),
                 (66, "cannot open", queries, self.path("missing.h5"), "--expand"),
                 (71, "--memory", queries, reduced, "--expand", "--memory", "1M"))
        for i, (code, text, *words) in enumerate(cases):
            with self.subTest(text):
                self.expect_error(code, [text], "search", *words, "-o", self.path("out.h5"),
                                  ranks=2 if i % 4 == 0 else 1)
                self.assertFalse(os.path.exists(self.path("out.h5")))

    def test_damage_is_named(self):
        queries = self.file("queries.fa", self.queries)
        _, reduced = self.reduce(self.proteins)
        out = self.path("out.h5")
        with open(reduced, "rb") as file:
            whole = file.read()
        named = 0
        for trial in range(6):
            damaged = bytearray(whole)
            damaged[len(whole) * (2 * trial + 1) // 12] ^= 16
            path = self.file("damaged.h5", bytes(damaged))
            done = cli.talaria("search", queries, path, "--expand", "-o", out, "--force",
                               "--threads", "1", ranks=1 + trial % 2)
            self.assertIn(done.code, (0, 65, 70, 74), done.err)
            if done.code != 0: # Else metadata that nobody reads, or unused space.
                self.assertEqual(len(done.error_lines()), 1, done.err)
                named += "damaged" in done.error_lines()[0]
        self.assertGreater(named, 0)


if __name__ == "__main__":
    cli.main()
