"""The model of bench/scaling_model.py predicts calls, messages and bytes of searches exactly, and
what each rank holds within 5 %. Constants of the command come from two searches on two ranks; the
law is checked on other numbers of ranks, other blocks, other hits."""
import os
import random
import re
import shutil
import subprocess
import sys

import cli

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "bench"))
import scaling_model as model # noqa: E402

AMINO = "ACDEFGHIKLMNPQRSTVWY"
KINDS = ("agree", "broadcast", "combine", "accumulate", "prefix", "gather", "sizes")


def numbers(path, name):
    """A number of every rank, from the result."""
    dumped = subprocess.run(["h5dump", "-m", "%.17g", "-d", f"/ranks/{name}", path], check=True,
                            stdout=subprocess.PIPE).stdout.decode()
    lines = re.findall(r"^ *\(\d+\): (.*)$", dumped, re.MULTILINE)
    return [int(float(value)) for line in lines for value in re.findall(r"[\d.e+]+", line)]


class Search:
    """One search of the program, as the model sees its input and as it counted."""

    def __init__(self, case, ranks, query_count, limit):
        self.ranks, self.limit = ranks, limit
        letters = random.Random(query_count)
        self.query_lens = [letters.randint(18, 30) for _ in range(query_count)]
        names = [f"query{i * i}" for i in range(query_count)]
        self.header_lens = [len(name) for name in names]
        sequences = []
        for i, length in enumerate(self.query_lens):
            reference = case.references[i % len(case.references)]
            sequences.append(reference[5:5 + length] if i % 5 == 0 else
                             "".join(letters.choices(AMINO, k=length)))
        queries = case.file("q.fa", "".join(f">{n}\n{s}\n" for n, s in zip(names, sequences)))
        self.path = case.path(f"{ranks:03}-{query_count:05}-{limit:05}.h5")
        case.run_ok("search", queries, case.reference_path, "-o", self.path, "--force", "--stats",
                    "--quiet", "--threads", 1, "--min-score", 45, "--max-hits", limit, "--mask",
                    "none", "--composition", "none", ranks=ranks, env={"TALARIA_TILES": "own"})
        self.blocks = model.cut_blocks(self.query_lens)
        table = case.path("hits.tsv")
        case.run_ok("export", self.path, "--format", "tsv", "--columns",
                    "query_index,reference_index,cigar", "-o", table, "--force")
        self.hits = []
        with open(table, encoding="utf-8") as file:
            next(file)
            for line in file:
                query, reference, cigar = line.rstrip("\n").split("\t")
                runs = re.findall(r"(\d+)([=XID])", cigar)
                kept = sum(int(count) for count, kind in runs if kind in "XD")
                self.hits.append(model.Hit(int(query), int(reference), len(runs), kept))

    def counts(self, kind):
        columns = [numbers(self.path, f"comm_{kind}_{what}")
                   for what in ("calls", "messages", "bytes")]
        return [model.Count(*rank) for rank in zip(*columns)]

    def rest(self, kind):
        """Calls and bytes of a rank that are not explained by the input."""
        counts = self.counts(kind)
        rank = 1 if kind == "accumulate" else 0
        calls, sent = counts[rank].calls, counts[rank].bytes
        return calls, sent - model.predict_bytes(kind, calls, self.blocks, self.query_lens,
                                                 self.header_lens, self.ranks, self.limit > 0)


class Traffic(cli.Case):
    def setUp(self):
        super().setUp()
        if shutil.which("h5dump") is None:
            self.skipTest("no h5dump")
        letters = random.Random(7)
        self.references = ["".join(letters.choices(AMINO, k=letters.randint(40, 90)))
                           for _ in range(600)]
        text, self.begins = "", []
        for i, sequence in enumerate(self.references):
            self.begins.append(len(text))
            text += f">ref{i} about it\n{sequence}\n"
        self.file_bytes = len(text)
        self.reference_path = self.file("r.fa", text)

    def check(self, calibrated, search):
        for kind in KINDS:
            found = search.counts(kind)
            for rank, count in enumerate(found):
                calls, fixed = (constant + slope * len(search.blocks)
                                for constant, slope in calibrated[kind])
                gives = {"broadcast": rank == 0, "accumulate": rank != 0}.get(kind, True)
                grown = model.predict_bytes(kind, calls, search.blocks, search.query_lens,
                                            search.header_lens, search.ranks, search.limit > 0)
                want = model.Count(calls, 0, fixed + grown if gives else 0)
                self.assertEqual(count, want, f"{kind}, rank {rank} of {search.ranks}")
        holders = model.find_holders(self.begins, self.file_bytes, search.ranks)
        self.assertEqual(search.counts("exchange"),
                         model.predict_exchanges(search.blocks, search.hits, holders, search.ranks,
                                                 search.limit > 0))
        # Tiles: what each rank holds, against an even share.
        held = numbers(search.path, "reference_residues")
        want = [0] * search.ranks
        for holder, sequence in zip(holders, self.references):
            want[holder] += len(sequence)
        self.assertEqual(held, want)
        even = sum(held) / search.ranks
        longest = max(map(len, self.references))
        self.assertLessEqual(max(held), 1.05 * even + longest)

    def test_counts_and_balance_at_many_ranks(self):
        for limit, many in ((0, (16,)), (10000, (3,))):
            first = Search(self, 2, 300, limit)
            second = Search(self, 2, model.BLOCK_QUERIES + 200, limit)
            self.assertEqual([len(first.blocks), len(second.blocks)], [1, 2])
            calibrated = {kind: [model.fit(a, b, 1, 2)
                                 for a, b in zip(first.rest(kind), second.rest(kind))]
                          for kind in KINDS}
            for ranks in many:
                search = Search(self, ranks, (500, 2 * model.BLOCK_QUERIES + 7)[ranks == many[0]],
                                limit)
                self.assertGreater(len(search.hits), 100)
                self.check(calibrated, search)


if __name__ == "__main__":
    cli.main()
