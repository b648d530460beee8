"""Ranks that help each other: the same result whoever scores a tile, however slow a rank is."""
import re

import cli
import test_search


# Where processes may not read each other's memory, as cli.environment says, Open MPI 4 makes windows
# only so: OMPI_MCA_osc=^rdma.
class Tiles(cli.Case):
    def setUp(self):
        super().setUp()
        if cli.talaria("export", "--help").code != 0:
            self.skipTest("this build cannot export")

    def search(self, queries, references, *options, ranks=1, tiles=None):
        """The digest of the hits, and how many tiles changed hands."""
        out = self.path("out.h5")
        result = self.run_ok("search", queries, references, "-o", out, "--force", "--stats",
                             "--threads", "1", *options, ranks=ranks,
                             env={"OMPI_MCA_osc": "^rdma", "TALARIA_TILES": tiles or ""})
        text = self.path("out.json")
        self.run_ok("export", out, "--format", "json", "-o", text, "--force")
        taken = re.search(r"(\d+) taken from others", result.err)
        self.assertIsNotNone(taken, result.err)
        return cli.sha256(text), int(taken[1])

    def check(self, queries, references, *options):
        want, taken = self.search(queries, references, *options)
        self.assertEqual(taken, 0)
        for ranks, tiles in ((3, "own"), (2, "others"), (5, "others"), (4, None)):
            got, taken = self.search(queries, references, *options, ranks=ranks, tiles=tiles)
            self.assertEqual(got, want, f"{ranks} ranks, {tiles}, {options}")
            if tiles == "own":
                self.assertEqual(taken, 0)
            if tiles == "others":
                self.assertGreater(taken, 0)

    def test_proteins_with_ties_at_the_limit(self):
        records = test_search.families(31, 60, 12, test_search.AMINO)
        references = self.file("refs.fa", test_search.fasta(records))
        queries = self.file("queries.fa", test_search.fasta(records[::9]))
        self.check(queries, references, "--max-hits", "5")
        self.check(queries, references, "--mode", "filtered")

    def test_both_strands_and_more_ranks_than_references(self):
        records = test_search.families(32, 2, 2, "ACGT")
        references = self.file("refs.fa", test_search.fasta(records))
        self.check(references, references, "--type", "nucleotide", "--evalue", "1000")

    def test_a_slow_rank_is_helped(self):
        records = test_search.families(33, 120, 12, test_search.AMINO)
        references = self.file("refs.fa", test_search.fasta(records))
        queries = self.file("queries.fa", test_search.fasta(records[::3]))
        want, _ = self.search(queries, references)
        got, taken = self.search(queries, references, ranks=2, tiles="slow:1:20")
        self.assertEqual(got, want)
        self.assertGreater(taken, 0)

    def test_a_wrong_value_is_refused(self):
        record = self.file("one.fa", ">a\nMKV\n")
        for value in ("other", "slow:1:0.5", "own,"):
            self.expect_error(64, ["TALARIA_TILES", value], "search", record, record, "-o",
                              self.path("out.h5"), env={"TALARIA_TILES": value})


if __name__ == "__main__":
    cli.main()
