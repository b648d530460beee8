"""Reduced sets: any input comes back byte for byte, at any number of ranks; damage is named."""
import gzip
import os
import random
import unittest

import cli

AMINO = "ARNDCQEGHILKMFPSTWYV"
NUCLEOTIDES = ["genes", "rna", "mixed_rna", "ambiguous", "long_record"]


def relative(rng, text, letters, share):
    """A copy with substitutions, insertions and deletions."""
    out = []
    for letter in text:
        if rng.random() >= share:
            out.append(letter)
            continue
        kind = rng.random()
        if kind < 0.7:
            out.append(rng.choice(letters))
        elif kind < 0.85:
            out.append(letter + rng.choice(letters))
    return "".join(out)


def fold(text, width, end="\n"):
    return "".join(text[i:i + width] + end for i in range(0, len(text), width))


def families(rng, letters, count, length):
    """Names and sequences of families, members mixed."""
    records = []
    for family in range(count):
        first = "".join(rng.choice(letters) for _ in range(length + rng.randrange(length)))
        for member in range(rng.randrange(1, 9)):
            records.append((f"fam{family}_{member}", relative(rng, first, letters, 0.03)))
    rng.shuffle(records)
    return records


def complement(text):
    return text[::-1].translate(str.maketrans("ACGT", "TGCA"))


def torture():
    """Texts by name."""
    rng = random.Random(5)
    protein = families(rng, AMINO, 30, 150)
    genes = families(rng, "ACGT", 10, 200)
    genes = [(name, complement(s) if i % 3 == 0 else s) for i, (name, s) in enumerate(genes)]
    plain = "".join(f">{name} protein {i} [Some species]\n{fold(s, 60)}"
                    for i, (name, s) in enumerate(protein))
    return {
        "plain": plain,
        "crlf": plain.replace("\n", "\r\n"),
        "cr": plain.replace("\n", "\r"),
        "no_final_newline": plain[:-1],
        "one_line": "".join(f">{name}\n{s}\n" for name, s in protein),
        "widths": "".join(f">{name}\n{fold(s, 10 + 7 * (i % 9))}" for i, (name, s)
                          in enumerate(protein)),
        "case": "".join(f">{name}\n{fold(s[:40].lower() + s[40:], 60)}" for name, s in protein),
        "odd": "\ufeff\n; a comment > here\n\n" + "".join(
            f">{name}\t\u00e9\u4e2d > x\n\n{fold(s, 50, ' ' * (i % 3) + chr(10))};>note {i}\n"
            for i, (name, s) in enumerate(protein)),
        "duplicates": "".join(f">same\n{fold(protein[i % 7][1], 70)}" for i in range(40)),
        "empty_records": ">a\n>b\n\n>c\nMKV\n>d\n>\n>\nMKV\n>e",
        "stars": "".join(f">{name}\n{fold(s + '*', 60)}" for name, s in protein),
        "genes": "".join(f">{name}\n{fold(s, 80)}" for name, s in genes),
        "rna": "".join(f">{name}\n{fold(s.replace('T', 'U'), 80)}" for name, s in genes),
        "mixed_rna": "".join(f">{name}\n{fold((s[:50].replace('T', 'u') + s[50:]), 80)}"
                             for name, s in genes),
        "ambiguous": "".join(f">{name}\n{fold(s[:30] + 'nnnRYn' + s[30:], 80)}"
                             for name, s in genes),
        "one_record": ">only one\nMKVLAAGIVGLCAKAYLERGHEVRLVDRDPARVEALRALG",
        "long_record": ">long\n" + fold("".join(rng.choice("ACGT") for _ in range(700000)), 80)
                       + ">next\nACGT\n",
    }


class Reduced(cli.Case):
    def reduce(self, *inputs, ranks=1, name="reduced.h5", options=()):
        self.run_ok("reduce", *inputs, "-o", self.path(name), "--force", "--quiet", "--threads",
                    "1", *options, ranks=ranks)
        return self.path(name)

    def reconstruct(self, reduced, *options, ranks=1):
        out = self.path("out.fa")
        self.run_ok("reconstruct", reduced, *options, "-o", out, "--force", "--threads", "1",
                    ranks=ranks)
        with open(out, "rb") as file:
            return file.read()

    def check_together(self, names):
        """All texts as the files of one set: the same file and texts at any number of ranks."""
        texts = torture()
        paths = []
        for i, name in enumerate(names):
            paths.append(self.path(name + (".gz" if i % 5 == 1 else ".fa")))
            with (gzip.open if i % 5 == 1 else open)(paths[-1], "wb") as file:
                file.write(texts[name].encode())
        whole = b"".join(texts[name].encode() for name in names)
        sums = set()
        for ranks in (1, 2, 3):
            reduced = self.reduce(*paths, ranks=ranks, options=("--type", "auto"))
            sums.add(cli.sha256(reduced))
            self.assertEqual(self.reconstruct(reduced, ranks=4 - ranks), whole)
        self.assertEqual(len(sums), 1)
        self.run_ok("verify", reduced, "--threads", "2")
        self.run_ok("verify", reduced, ranks=2)
        for i, name in enumerate(names):
            with self.subTest(name):
                self.assertEqual(self.reconstruct(reduced, "--input", str(i + 1)),
                                 texts[name].encode())

    def test_any_proteins_come_back(self):
        self.check_together([name for name in torture() if name not in NUCLEOTIDES])

    def test_any_nucleotides_come_back(self):
        self.check_together(NUCLEOTIDES)

    def test_records_are_fetched_alone(self):
        text = torture()["plain"]
        records = [">" + part for part in text[1:].split("\n>")]
        records = [part if part.endswith("\n") else part + "\n" for part in records]
        names = [part[1:].split()[0] for part in records]
        clusters = self.path("clusters.tsv")
        reduced = self.reduce(self.file("plain.fa", text), options=("--clusters", clusters))
        rng = random.Random(2)
        chosen = sorted(rng.sample(range(len(records)), 9))
        wanted = "".join(records[i] for i in chosen).encode()
        for ranks in (1, 3):
            self.assertEqual(self.reconstruct(reduced, *[names[i] for i in chosen], ranks=ranks),
                             wanted)
        listed = self.file("ids.txt", "\n".join(names[i] for i in chosen))
        self.assertEqual(self.reconstruct(reduced, "--ids", listed), wanted)
        self.assertEqual(self.reconstruct(reduced, "--by-index", *[str(i) for i in chosen]), wanted)
        with open(clusters, encoding="utf-8") as file:
            rows = [line.split() for line in file]
        representatives = {row[0] for row in rows}
        self.assertEqual(self.reconstruct(reduced, "--representatives", ranks=2),
                         "".join(r for r, n in zip(records, names) if n in representatives).encode())
        of = {row[1]: row[0] for row in rows}
        name = names[chosen[0]]
        self.assertEqual(self.reconstruct(reduced, "--cluster", name),
                         "".join(r for r, n in zip(records, names) if of[n] == of[name]).encode())
        self.expect_error(64, ["nobody"], "reconstruct", reduced, "nobody")
        self.expect_error(64, ["99999"], "reconstruct", reduced, "--by-index", "99999")

    def test_damage_is_named(self):
        rng = random.Random(3)
        plain = self.path("in.fa") # Large enough that most of the file are blocks.
        self.run_ok("simulate", "--sequences", 2000, "--families", 500, "--mean-length", 300,
                    "--seed", 5, "--no-truth", "-o", plain)
        reduced = self.reduce(plain)
        with open(reduced, "rb") as file:
            whole = bytearray(file.read())
        named = 0
        for trial in range(8):
            damaged = bytearray(whole)
            damaged[rng.randrange(len(whole) * 3 // 4)] ^= 1 << rng.randrange(8)
            path = self.file("damaged.h5", bytes(damaged))
            done = cli.talaria("verify", path, "--threads", "1", ranks=1 + trial // 7)
            self.assertIn(done.code, (0, 65, 70, 74), done.err)
            if done.code == 0:  # Metadata nobody reads, or unused space.
                continue
            self.assertEqual(len(done.error_lines()), 1, done.err)
            named += "is damaged: " in done.out
        self.assertGreater(named, 4)

    def test_a_member_needs_the_representatives_of_its_block_only(self):
        rng = random.Random(6)
        records = []
        for family in range(240): # Three blocks of representatives, few members.
            first = "".join(rng.choices("ACGT", k=10000))
            records.append((f"first{family}", first))
            if family % 8 == 0:
                records.append((f"member{family}", first[:9000]))
        whole = "".join(f">{name}\n{text}\n" for name, text in records)
        reduced = self.reduce(self.file("few.fa", whole), options=("--residual-sample", "0"))
        with open(reduced, "rb") as file:
            intact = bytearray(file.read())
        for part in range(2, 20): # Until it is the second block of representatives.
            damaged = bytearray(intact)
            damaged[len(intact) * part // 20] ^= 16
            path = self.file("damaged.h5", bytes(damaged))
            done = cli.talaria("verify", path, "--threads", "1")
            if "block 1 of representatives" in done.out:
                break
        else:
            self.fail("the second block of representatives was not met: " + done.out)
        for name in ("member0", "member232"): # Of the first and the third block.
            text = dict(records)[name]
            self.assertEqual(self.reconstruct(path, name), f">{name}\n{text}\n".encode())

    def test_what_cannot_be_kept_is_refused(self):
        self.expect_error(64, ["standard input", "twice"], "reduce", "-", "-o", self.path("x.h5"),
                          stdin=b">a\nMKV\n")
        self.expect_error(65, ["not an HDF5 file"], "reconstruct",
                          self.file("text.h5", "not a container"))
        empty = self.file("empty.fa", "")
        self.assertNotEqual(cli.talaria("reduce", empty, "-o", self.path("x.h5")).code, 0)
        self.assertFalse(os.path.exists(self.path("x.h5")))

    def test_sequences_are_added(self):
        rng = random.Random(11)
        records = families(rng, AMINO, 25, 120)
        old = "".join(f">{name}\n{fold(s, 60)}" for name, s in records[:60])
        # Relatives, strangers, a copy of an old record, copies among the new; \r\n and a comment.
        strangers = families(rng, AMINO, 6, 90)
        more = records[60:] + [(f"x{n}", s) for n, s in strangers] + [("again", records[3][1])]
        new = ";note\n" + "".join(f">{name}\r\n{fold(s, 50, chr(13) + chr(10))}"
                                  for name, s in more)
        first, second = self.file("old.fa", old), self.file("new.fa", new)
        base = self.reduce(first, name="base.h5", options=("--identity", "80"))
        sums = set()
        bigger = self.path("bigger.h5")
        for ranks, threads in ((1, "1"), (1, "2"), (2, "1"), (3, "1")):
            done = self.run_ok("add", base, second, "-o", bigger, "--force", ranks=ranks,
                               env={"OMP_NUM_THREADS": threads})
            sums.add(cli.sha256(bigger))
        self.assertEqual(len(sums), 1)
        self.assertIn(f"{len(more)} sequences added to 60", done.err)
        self.assertEqual(self.reconstruct(bigger, ranks=2), (old + new).encode())
        self.assertEqual(self.reconstruct(bigger, "--input", "1"), old.encode())
        self.assertEqual(self.reconstruct(bigger, "--input", "2"), new.encode())
        self.run_ok("verify", bigger, ranks=2)
        # Old representatives stay, and no old record becomes one.
        before = self.reconstruct(base, "--representatives")
        after = self.reconstruct(bigger, "--representatives")
        self.assertTrue(after.startswith(before))
        self.assertFalse([name for name, _ in records[:60]
                          if f">{name}\n".encode() in after[len(before):]])
        self.assertIn(b">x", after[len(before):])
        # Equal sequences have one representative.
        self.assertIn(b">again", self.reconstruct(bigger, "--cluster", records[3][0]))
        # In place, twice, and the other way round.
        self.run_ok("add", base, second, "--quiet")
        self.assertEqual(self.reconstruct(base), (old + new).encode())
        self.run_ok("add", base, first, ranks=2)
        self.assertEqual(self.reconstruct(base), (old + new + old).encode())
        self.assertEqual(self.reconstruct(base, "--representatives"), after)
        self.run_ok("verify", base)

    def test_nucleotides_are_added_on_either_strand(self):
        rng = random.Random(12)
        genes = families(rng, "ACGT", 8, 300)
        turned = [(name, complement(s) if i % 2 else s) for i, (name, s) in enumerate(genes)]
        old = "".join(f">{name}\n{fold(s, 60)}" for name, s in genes[:15])
        new = "".join(f">{name}_\n{s}\n" for name, s in turned)
        base = self.reduce(self.file("old.fa", old), name="base.h5")
        added = self.file("new.fa.gz", gzip.compress(new.encode(), mtime=0))
        self.run_ok("add", base, added, ranks=2)
        self.assertEqual(self.reconstruct(base), (old + new).encode())
        self.run_ok("verify", base)
        for name, _ in genes[:15]:
            self.assertIn(f">{name}_\n".encode(), self.reconstruct(base, "--cluster", name))

    def test_what_cannot_be_added_is_refused(self):
        protein = self.file("p.fa", torture()["plain"])
        base = self.reduce(protein)
        before = cli.sha256(base)
        genes = self.file("g.fa", torture()["genes"])
        self.expect_error(65, ["nucleotides", "proteins", "--type"], "add", base, genes)
        self.expect_error(64, ["twice"], "add", base, "-", stdin=b">a\nMKV\n")
        self.expect_error(65, ["is empty"], "add", base, self.file("empty.fa", ""))
        self.expect_error(73, ["exists"], "add", base, protein, "-o", base)
        self.expect_error(65, ["not an HDF5 file"], "add", protein, protein)
        self.assertEqual(cli.sha256(base), before)

    def test_e_values_are_verified(self):
        records = families(random.Random(4), AMINO, 12, 60)
        text = "".join(f">{name}\n{s}\n" for name, s in records)
        reduced = self.reduce(self.file("in.fa", text), options=("--evalue", "1e-20"))
        self.run_ok("verify", reduced)
        self.run_ok("add", reduced, self.file("more.fa", text.replace(">fam", ">more")))
        self.run_ok("verify", reduced, ranks=2)


if __name__ == "__main__":
    cli.main()
