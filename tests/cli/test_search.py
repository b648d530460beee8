"""talaria search from the command line: one answer for every layout, strands, cuts, inputs."""
import gzip
import math
import os
import random
import subprocess
import unittest

import cli

AMINO = "ARNDCQEGHILKMFPSTWYV"
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def fasta(records):
    return "".join(f">{name}\n{letters}\n" for name, letters in records)


def mutate(rng, letters, alphabet, rate):
    out = []
    for letter in letters:
        kind = rng.random()
        if kind < rate:
            out.append(rng.choice(alphabet))
        elif kind < rate * 1.1:
            continue
        else:
            out.append(letter)
    return "".join(out)


def families(seed, count, members, alphabet, length=120):
    """Records in families, with exact copies (ties) and unrelated ones."""
    rng = random.Random(seed)
    records = []
    for family in range(count):
        root = "".join(rng.choice(alphabet) for _ in range(rng.randrange(length // 2, length * 2)))
        for member in range(members):
            rate = [0.0, 0.0, 0.2, 0.5][member % 4]
            records.append((f"f{family}m{member}", mutate(rng, root, alphabet, rate)))
    rng.shuffle(records)
    return records


class Search(cli.Case):
    def search(self, queries, references, *options, name="out", **run):
        result = self.path(f"{name}.h5")
        self.run_ok("search", queries, references, "-o", result, "--force", "--quiet", *options,
                    **run)
        return result

    def export(self, result, *options, name="out.txt"):
        path = self.path(name)
        self.run_ok("export", result, *options, "-o", path, "--force", "--quiet")
        return path

    def table(self, result, columns):
        path = self.export(result, "--format", "tsv", "--columns", columns)
        with open(path, encoding="utf-8") as file:
            return [line.rstrip("\n").split("\t") for line in file][1:]

    def test_one_answer_for_ranks_threads_and_instruction_sets(self):
        records = families(1, 12, 8, AMINO)
        # Some with repeats, so that masks and composition count.
        records = [(name, text + "SQG" * 12 + text[:30] if i % 5 == 0 else text)
                   for i, (name, text) in enumerate(records)]
        references = self.file("refs.fa", fasta(records))
        queries = self.file("queries.fa", fasta(records[::5]))
        for options in (["--max-hits", "3"], ["--evalue", "10", "--max-hits", "0"],
                        ["--evalue", "10", "--mask", "seg", "--composition", "bias"]):
            seen = {}
            for ranks, threads, isa in cli.layouts():
                result = self.search(queries, references, *options, "--threads", threads,
                                     "--isa", isa, ranks=ranks)
                digest = cli.sha256(self.export(result, "--format", "json"))
                seen.setdefault(digest, []).append((ranks, threads, isa))
            self.assertEqual(len(seen), 1, seen)

    def test_limit_in_the_middle_of_ties_keeps_the_first_references(self):
        copies = [(f"copy{i}", "MKVLATWWCHGE" * 4) for i in range(20)]
        references = self.file("refs.fa", fasta(copies))
        queries = self.file("q.fa", fasta(copies[:1]))
        for ranks in (1, 3):
            result = self.search(queries, references, "--max-hits", "7", "--mask", "none",
                                 ranks=ranks)
            rows = self.table(result, "reference")
            self.assertEqual(rows, [[f"copy{i}"] for i in range(7)])

    def test_scores_of_all_pairs_equal_parasail(self):
        if not cli.ORACLE_SCORES:
            self.skipTest("libparasail was not found when this was built")
        for kind, alphabet, gaps in (("protein", AMINO, ("11", "1")), ("nucleotide", "ACGT",
                                                                       ("5", "2"))):
            records = families(2, 15, 6, alphabet, length=300)
            references = self.file("refs.fa", fasta(records))
            queries = self.file("queries.fa", fasta(records[::4]))
            result = self.search(queries, references, "--min-score", "1", "--max-hits", "0",
                                 "--type", kind, "--mask", "none", "--composition", "none", ranks=2)
            table = self.export(result, "--format", "tsv", "--columns",
                                "query_index,reference_index,strand,score")
            done = subprocess.run([cli.ORACLE_SCORES, kind, *gaps, queries, references, table],
                                  stdout=subprocess.PIPE, env=cli.environment(), check=False)
            self.assertEqual(done.returncode, 0, done.stdout.decode())

    def test_both_strands_are_found_and_named(self):
        rng = random.Random(3)
        gene = "".join(rng.choice("ACGT") for _ in range(300))
        reverse = gene.translate(COMPLEMENT)[::-1]
        references = self.file("refs.fa", fasta([("plus", gene), ("minus", reverse)]))
        queries = self.file("q.fa", fasta([("q", gene[50:250])]))
        result = self.search(queries, references)
        rows = self.table(result, "reference,strand,query_begin,query_end,ref_begin,ref_end,cigar")
        self.assertEqual(sorted(rows), [["minus", "-", "0", "200", "50", "250", "200="],
                                        ["plus", "+", "0", "200", "50", "250", "200="]])
        m8 = self.export(result, "--format", "m8")
        with open(m8, encoding="utf-8") as file:
            spans = {line.split("\t")[1]: line.split("\t")[6:10] for line in file}
        self.assertEqual(spans, {"plus": ["1", "200", "51", "250"],
                                 "minus": ["1", "200", "250", "51"]})
        for strand, name in (("plus", "plus"), ("minus", "minus")):
            result = self.search(queries, references, "--strand", strand)
            self.assertEqual(self.table(result, "reference"), [[name]])

    def test_plain_gzip_zstd_standard_input_and_several_files_give_the_same(self):
        records = families(4, 6, 6, AMINO)
        text = fasta(records).encode()
        queries = self.file("q.fa", fasta(records[:6]))
        plain = self.file("refs.fa", text)
        packed = self.file("refs.fa.gz", gzip.compress(text))
        parts = [self.file(f"part{i}.fa", fasta(records[i * 9:(i + 1) * 9])) for i in range(4)]
        want = cli.sha256(self.export(self.search(queries, plain), "--format", "m8"))
        inputs = [[packed], parts]
        zst = self.path("refs.fa.zst")
        if subprocess.run(["zstd", "-q", plain, "-o", zst], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0:
            inputs.append([zst])
        for ranks in (1, 3):
            for references in inputs:
                result = self.search(queries, *references, ranks=ranks)
                digest = cli.sha256(self.export(result, "--format", "m8"))
                self.assertEqual(digest, want, references)
            result = self.search(queries, "-", ranks=ranks, stdin=text)
            self.assertEqual(cli.sha256(self.export(result, "--format", "m8")), want)

    def test_global_and_semiglobal_scores(self):
        references = self.file("r.fa", fasta([("r", "AAAWWWWCCCC"), ("s", "WWWW")]))
        queries = self.file("q.fa", fasta([("q", "WWWW")]))
        result = self.search(queries, references, "--align", "semiglobal", "--min-score", "-50",
                             "--type", "protein")
        self.assertEqual(self.table(result, "reference,score,cigar,ref_begin,ref_end"),
                         [["r", "44", "4=", "3", "7"], ["s", "44", "4=", "0", "4"]])
        result = self.search(queries, references, "--align", "global", "--min-score", "-50",
                             "--type", "protein")
        self.assertEqual(self.table(result, "reference,score,cigar"),
                         [["s", "44", "4="], ["r", "15", "3D4=4D"]])

    def test_empty_records_and_odd_letters_are_searched(self):
        odd = "MKVLBZXJUO*ATWWCHGEMKVLATWWCHGE"
        references = self.file("r.fa", f">empty\n>odd >with 'quotes' \xe9\n{odd.lower()}\r\n>last\n")
        queries = self.file("q.fa", f">none\n\n>q\n{odd}")
        result = self.search(queries, references, "--type", "protein", "--mask", "none")
        rows = self.table(result, "query,reference,identities,reference_header")
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0][:3], ["q", "odd", str(len(odd))])

    def test_masked_residues_score_nothing_and_are_shown_in_lower_case(self):
        rng = random.Random(8)
        left, right = ("".join(rng.choice(AMINO) for _ in range(60)) for _ in range(2))
        text = left + "SQG" * 8 + right
        references = self.file("r.fa", fasta([("r", text)]))
        rows = {}
        for mask in ("none", "tantan"):
            for where in ("both", "queries", "references"):
                result = self.search(references, references, "--mask", mask, "--mask-in", where,
                                     "--composition", "none")
                rows[mask, where] = self.table(result, "score,cigar,identities,positives,evalue")[0]
        plain = rows["none", "both"]
        self.assertEqual(plain, rows["none", "queries"])
        # The path is the same and all of it is equal, but what is masked does not score.
        for where in ("both", "queries", "references"):
            score, cigar, identities, positives, _ = rows["tantan", where]
            self.assertEqual((cigar, identities), (f"{len(text)}=", str(len(text))))
            self.assertLess(int(score), int(plain[0]) - 60)
            self.assertLess(int(positives), len(text))
        for where, row, other in (("queries", "Query", "Sbjct"), ("references", "Sbjct", "Query")):
            self.search(references, references, "--mask", "tantan", "--mask-in", where)
            with open(self.export(self.path("out.h5"), "--format", "pairwise"),
                      encoding="utf-8") as file:
                words = [line.split() for line in file if line.strip()]
            shown, plain = ("".join(line[2] for line in words if line[0] == name)
                            for name in (row, other))
            self.assertEqual(shown.upper(), text)
            self.assertIn("gsqgsqg", shown)
            self.assertTrue(shown.startswith(left[:50]))
            self.assertTrue(shown.endswith(right[10:]))
            self.assertEqual(plain, text)
        self.expect_error(64, ["dust", "seg"], "search", references, references, "-o",
                          self.path("x.h5"), "--mask", "dust")
        bases = self.file("n.fa", fasta([("n", "ACGTTGCATC" * 10)]))
        self.expect_error(64, ["--composition"], "search", bases, bases, "-o", self.path("x.h5"),
                          "--composition", "adjust")

    def test_proteins_keep_repeats_of_long_units(self):
        """A file that is searched against itself too, under whatever name, however often scored."""
        rng = random.Random(9)
        unit = "".join(rng.choice(AMINO) for _ in range(24))
        records = [(f"r{i}", "".join("".join(a if rng.random() < 0.8 else rng.choice(AMINO)
                                             for a in unit) for _ in range(8))) for i in range(4)]
        one = self.file("one.fa", fasta(records[:1]))
        all_of_them = self.file("all.fa", fasta(records))
        copy = self.file("copy.fa", fasta(records))
        columns = "query,reference,score,evalue"

        def hits(queries, *options):
            result = self.search(queries, all_of_them, "--evalue", "1e6", *options)
            return self.table(result, columns)

        scores = {mask: {row[1]: int(row[2]) for row in hits(one, *options)}
                  for mask, options in (("default", ()), ("tantan", ("--mask", "tantan")),
                                        ("short", ("--mask", "tantan-short")),
                                        ("none", ("--mask", "none")))}
        self.assertEqual(scores["short"]["r0"], scores["none"]["r0"])
        self.assertEqual(scores["short"], scores["default"])
        for name, score in scores["short"].items():
            self.assertLess(scores["tantan"].get(name, 0), score)
        itself = hits(all_of_them)
        self.assertNotEqual(itself, [])
        for options in ((), ("--symmetry", "off"), ("--memory", "200M")):
            for queries in (all_of_them, copy):
                self.assertEqual(hits(queries, *options), itself, options)

    def test_what_reversed_references_score_beyond_chance_is_taken_off(self):
        rng = random.Random(11)
        # Repeats in step, which a reversed half copies: kin, if order did not count.
        unit = "".join(rng.choice(AMINO) for _ in range(17))
        repeat = mutate(rng, unit * 12, AMINO, 0.3)
        plain = "".join(rng.choice(AMINO) for _ in range(200))
        records = [("repeat", repeat), ("mirror", mutate(rng, repeat[::-1], AMINO, 0.2)),
                   ("plain", plain), ("kin", mutate(rng, plain, AMINO, 0.4)),
                   ("half", mutate(rng, plain + plain[::-1], AMINO, 0.3))]
        queries = self.file("q.fa", fasta(records))
        every = ("--evalue", "1e9", "--max-hits", "0", "--mask", "none", "--composition", "none")
        columns = "query,reference,score,bits,evalue"

        def rows(references, *options):
            result = self.search(queries, references, *every, *options)
            return {tuple(row[:2]): (int(row[2]), float(row[3]), float(row[4]))
                    for row in self.table(result, columns)}

        bare = rows(queries, "--null-model", "none")
        taken = rows(queries)
        self.assertEqual(taken, rows(queries, "--null-model", "reversed"))
        reversals = {}
        for name, text in records: # One by one: E-values of a pair.
            one = self.file("one.fa", fasta([(name, text[::-1])]))
            reversals.update(rows(one, "--null-model", "none"))
        lessened = set()
        for pair, (score, bits, evalue) in taken.items():
            self.assertEqual(score, bare[pair][0])
            reverse = reversals.get(pair)
            cells = len(dict(records)[pair[0]]) * len(dict(records)[pair[1]])
            beyond = 0 if reverse is None else max(reverse[1] - math.log2(cells / 0.05), 0)
            # Down to a score of 0, the bits of which are -log2(K); ends cost up to two bits.
            self.assertAlmostEqual(bare[pair][1] - bits, min(beyond, bare[pair][1] - 4.61),
                                   delta=2, msg=(pair, reverse))
            is_lessened = reverse is not None and reverse[2] <= 0.05
            if is_lessened:
                lessened.add(pair)
                self.assertGreaterEqual(evalue, bare[pair][2])
            else:
                self.assertEqual(evalue, bare[pair][2])
        self.assertLessEqual({("repeat", "mirror"), ("mirror", "repeat")}, lessened)
        for pair in (("plain", "kin"), ("kin", "plain")): # Chance at most.
            self.assertLess(bare[pair][1] - taken[pair][1], 5)
        # The unlike are gone where E-values count, the kin stay.
        strict = self.table(self.search(queries, queries, "--mask", "none", "--evalue", "1e-3"),
                            "query,reference")
        self.assertIn(["plain", "kin"], strict)
        self.assertNotIn(["repeat", "mirror"], strict)
        self.assertLess(bare["repeat", "mirror"][2], 1e-3)
        bases = self.file("n.fa", fasta([("n", "ACGTTGCATC" * 10)]))
        self.expect_error(64, ["--null-model reversed", "proteins"], "search", bases, bases, "-o",
                          self.path("x.h5"), "--null-model", "reversed")
        self.expect_error(64, ["--null-model reversed", "local"], "search", queries, queries, "-o",
                          self.path("x.h5"), "--null-model", "reversed", "--align", "global",
                          "--min-score", "10")

    def test_raw_score_threshold_allows_scoring_without_statistics(self):
        records = families(5, 3, 4, AMINO)
        references = self.file("refs.fa", fasta(records))
        queries = self.file("q.fa", fasta(records[:2]))
        result = self.search(queries, references, "--gap-open", "3", "--gap-extend", "3",
                             "--min-score", "60")
        self.assertTrue(self.table(result, "score"))
        self.expect_error(78, ["BLOSUM62", "linear phase"], "search", queries, references, "-o",
                          self.path("x.h5"), "--gap-open", "1", "--gap-extend", "1")

    def test_summary_is_printed_and_quiet_is_silent(self):
        records = families(6, 2, 4, AMINO)
        references = self.file("refs.fa", fasta(records))
        out = self.path("o.h5")
        loud = self.run_ok("search", references, references, "-o", out)
        for word in ("pairs", "cells", "hits", "result:"):
            self.assertIn(word, loud.err)
        quiet = self.run_ok("search", references, references, "-o", out, "--force", "--quiet")
        self.assertEqual(quiet.out + quiet.err, "")


class BadInput(cli.Case):
    """Each failure: one message that names what is wrong, its exit code on any number of ranks,
    and nothing under the final name."""

    def setUp(self):
        super().setUp()
        self.good = self.file("good.fa", ">a\nMKVLATWWCHGE\n>b\nMKVLATWWCHGD\n")
        self.out = self.path("out.h5")

    def expect(self, code, fragments, *arguments):
        for ranks in (1, 3):
            self.expect_error(code, fragments, "search", *arguments, "-o", self.out, ranks=ranks)
            self.assertEqual([name for name in os.listdir(self.folder) if "h5" in name], [])

    def test_missing_file(self):
        self.expect(66, ["none.fa", "No such file"], self.good, self.path("none.fa"))
        self.expect(66, ["none.fa", "No such file"], self.path("none.fa"), self.good)

    def test_directory(self):
        self.expect(66, [self.folder, "directory"], self.good, self.folder)

    def test_empty_file(self):
        empty = self.file("empty.fa", "")
        self.expect(65, ["empty.fa", "empty"], self.good, empty)
        self.expect(65, ["empty.fa", "empty"], empty, self.good)

    def test_not_fasta(self):
        self.expect(65, ["text.txt", "FASTA"], self.good, self.file("text.txt", "hello\nworld\n"))

    def test_binary_junk(self):
        junk = self.file("junk.fa", random.Random(7).randbytes(5000))
        self.expect(65, ["junk.fa"], self.good, junk)
        inside = self.file("inside.fa", b">a\nMKV\n>b\nMK\x00\x01\xffV\n")
        self.expect(65, ["inside.fa", "'b'"], self.good, inside)

    def test_truncated_gzip_and_zstd(self):
        text = fasta(families(8, 20, 10, AMINO)).encode()
        packed = gzip.compress(text)
        self.expect(65, ["cut.gz", "truncated"], self.good, self.file("cut.gz", packed[:-1000]))
        plain = self.file("refs.fa", text)
        done = subprocess.run(["zstd", "-qc", plain], stdout=subprocess.PIPE, check=False) \
            if cli.shutil.which("zstd") else None
        if done is not None:
            cut = self.file("cut.zst", done.stdout[:-1000])
            self.expect(65, ["cut.zst", "truncated"], self.good, cut)

    def test_protein_given_as_nucleotide(self):
        self.expect(65, ["good.fa", "'a'", "nucleotide"], self.good, self.good, "--type",
                    "nucleotide")

    def test_alphabets_differ(self):
        dna = self.file("dna.fa", ">d\n" + "ACGTACGGTA" * 20 + "\n")
        self.expect(65, ["protein", "nucleotide"], self.good, dna)

    def test_matrix_with_a_missing_row(self):
        letters = AMINO
        rows = "".join(f"{a} " + " ".join("5" if a == b else "-4" for b in letters) + "\n"
                       for a in letters if a != "W")
        matrix = self.file("bad.mat", "   " + "  ".join(letters) + "\n" + rows)
        self.expect(65, ["bad.mat", "'W'"], self.good, self.good, "--matrix", matrix,
                    "--min-score", "5")

    def test_unwritable_output(self):
        for ranks in (1, 3):
            self.expect_error(73, ["/none/out.h5"], "search", self.good, self.good, "-o",
                              self.path("none/out.h5"), ranks=ranks)
            self.expect_error(73, ["directory"], "search", self.good, self.good, "-o", self.folder,
                              ranks=ranks)

    def test_output_that_exists_is_kept_unless_forced(self):
        self.file("out.h5", "precious")
        for ranks in (1, 3):
            self.expect_error(73, ["out.h5", "--force"], "search", self.good, self.good, "-o",
                              self.out, ranks=ranks)
            with open(self.out, encoding="utf-8") as file:
                self.assertEqual(file.read(), "precious")
        self.run_ok("search", self.good, self.good, "-o", self.out, "--force")
        self.assertGreater(os.path.getsize(self.out), 100)

    def test_usage(self):
        self.expect(64, ["--evalu", "--evalue"], self.good, self.good, "--evalu", "3")
        self.expect(64, ["gap-open"], self.good, self.good, "--gap-open", "-5")
        self.expect(64, ["gap-open"], self.good, self.good, "--gap-open", "many")
        self.expect(64, ["global"], self.good, self.good, "--align", "global")
        self.expect(64, ["standard input"], "-", "-")

    def test_no_queries(self):
        self.expect(65, ["comments.fa"], self.file("comments.fa", "\n\n"), self.good)

    def test_full_disk(self):
        mount = self.path("small")
        os.mkdir(mount)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", mount], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("cannot mount a small file system")
        self.addCleanup(subprocess.run, ["umount", mount], check=False)
        records = families(9, 24, 20, AMINO)
        references = self.file("refs.fa", fasta(records))
        for ranks in (1, 3):
            result = cli.talaria("search", references, references, "--max-hits", "0", "-o",
                                 os.path.join(mount, "out.h5"), ranks=ranks)
            self.assertEqual(result.code, 74, result.err)
            self.assertEqual(len(result.error_lines()), 1, result.err)
            self.assertIn("out.h5", result.error_lines()[0])
            # Finished blocks may be kept for the next try, never a half-written result.
            self.assertNotIn("out.h5", os.listdir(mount))
            cli.shutil.rmtree(os.path.join(mount, "out.h5.job"), ignore_errors=True)
            self.assertEqual(os.listdir(mount), [])


if __name__ == "__main__":
    cli.main()
