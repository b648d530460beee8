"""Statistics of scorings without a published table: computed once, kept, the same everywhere."""
import os
import random
import unittest

import cli

# Not among the published gap costs of 2/-3.
SCORING = ("--match", "2", "--mismatch", "-3", "--gap-open", "7", "--gap-extend", "3")


class Statistics(cli.Case):
    def setUp(self):
        super().setUp()
        rng = random.Random(1)
        records = [(f"s{i}", "".join(rng.choice("ACGT") for _ in range(300))) for i in range(6)]
        text = "".join(f">{name}\n{letters}\n" for name, letters in records)
        self.sequences = self.file("s.fa", text)
        self.cache = self.path("cache/deep")

    def search(self, name, *options, cache=None, **run):
        result = self.path(name)
        done = self.run_ok("search", self.sequences, self.sequences, "-o", result, *SCORING,
                           "--evalue", "10", *options, env={"TALARIA_CACHE": cache or self.cache},
                           **run)
        table = self.path(name + ".tsv")
        self.run_ok("export", result, "--format", "tsv", "-o", table, "--force", "--quiet")
        return done.err, cli.sha256(table)

    def kept(self):
        names = os.listdir(self.cache)
        self.assertEqual(len(names), 1)
        return os.path.join(self.cache, names[0])

    def test_computed_once_and_the_same_for_any_layout(self):
        log, first = self.search("a.h5")
        self.assertIn("standard error", log)
        self.assertIn("computed in", log)
        kept = cli.sha256(self.kept())
        log, second = self.search("b.h5", "--threads", "2", "--isa", "scalar", ranks=3)
        self.assertIn("kept from before", log)
        self.assertEqual(first, second)
        # Anew, by ranks and threads; then where nothing can be kept.
        os.remove(self.kept())
        _, third = self.search("c.h5", "--threads", "2", ranks=2)
        self.assertEqual(cli.sha256(self.kept()), kept)
        log, fourth = self.search("d.h5", cache="/dev/null/none")
        self.assertIn("computed in", log)
        self.assertEqual({first, third, fourth}, {first})

    def test_damaged_file_is_not_believed(self):
        _, first = self.search("a.h5")
        path = self.kept()
        with open(path, encoding="ascii") as file:
            text = file.read()
        for damaged in (text.replace("\nlambda 0", "\nlambda 1"), text[:-20]):
            cli.write(path, damaged)
            log, again = self.search("b.h5", "--force")
            self.assertIn("computed in", log)
            self.assertEqual(again, first)
            with open(path, encoding="ascii") as file:
                self.assertEqual(file.read(), text)

    def test_refused_where_there_is_no_such_statistics(self):
        for options, reason in ((("--gap-open", "0", "--gap-extend", "1"), "linear phase"),
                                (("--gap-open", "9", "--gap-extend", "0"), "cost nothing to extend"),
                                (("--mismatch", "-1", "--match", "4"), "mean score")):
            self.expect_error(78, [reason, "--min-score"], "search", self.sequences,
                              self.sequences, "-o", self.path("x.h5"), *options)
        self.expect_error(78, ["linear phase"], "search", self.sequences, self.sequences, "-o",
                          self.path("x.h5"), "--gap-open", "0", "--gap-extend", "1", ranks=2)
        for mode in ("global", "semiglobal"):
            for more in ((), ("--evalue", "1", "--min-score", "5")):
                self.expect_error(64, ["E-values are defined for local alignments only"], "search",
                                  self.sequences, self.sequences, "-o", self.path("x.h5"),
                                  "--align", mode, *more)


if __name__ == "__main__":
    cli.main()
