"""A set against itself: each pair is scored once, and the result is the one without that."""
import os
import re
import subprocess
import time

import cli
import test_resume

COUNT = 4200 # Two blocks of queries.


class Itself(cli.Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = cli.tempfile.mkdtemp(prefix="talaria-test-")
        cls.addClassCleanup(cli.shutil.rmtree, cls.shared, ignore_errors=True)
        cls.proteins = os.path.join(cls.shared, "proteins.fa")
        cls.genes = os.path.join(cls.shared, "genes.fa")
        for path, more in ((cls.proteins, []), (cls.genes, ["--type", "nucleotide"])):
            done = cli.talaria("simulate", "--sequences", COUNT, "--families", 400, "--mean-length",
                               30, "--seed", 5, "--no-truth", *more, "-o", path)
            assert done.code == 0, done.err

    def words(self, path, *options):
        self.out = self.path("out.h5")
        return ["search", path, path, "-o", self.out, "--force", "--threads", "1", *options]

    def digest(self):
        text = self.path("out.json")
        self.run_ok("export", self.out, "--format", "json", "-o", text, "--force")
        return cli.sha256(text)

    def search(self, path, *options, ranks=1, tiles=""):
        """The digest of the hits, and what was said, as numbers by name."""
        result = self.run_ok(*self.words(path, *options), ranks=ranks,
                             env={"OMPI_MCA_osc": "^rdma", "TALARIA_TILES": tiles})
        numbers = dict(re.findall(r"^talaria: +(\w+) +(\d+)$", result.err, re.M))
        return self.digest(), {name: int(value) for name, value in numbers.items()}, result.err

    def check(self, path, *options, layouts, strands=1):
        want, twice, _ = self.search(path, *options, "--symmetry", "off")
        self.assertEqual(twice["mirrored_pairs"], 0)
        self.assertGreater(twice["hits"], COUNT)
        for ranks, tiles in layouts:
            got, once, text = self.search(path, *options, ranks=ranks, tiles=tiles)
            self.assertEqual(got, want, f"{ranks} ranks, {tiles}, {options}")
            self.assertIn("each pair is scored once", text)
            self.assertEqual(once["mirrored_pairs"], strands * COUNT * (COUNT - 1) // 2)
            self.assertEqual(once["mirrored_pairs"] + once["scored_pairs"], once["pairs"])
            for name in ("pairs", "cells", "hits", "aligned_columns"):
                self.assertEqual(once[name], twice[name], name)

    def test_proteins_with_few_hits_each(self):
        self.check(self.proteins, "--max-hits", "3", "--evalue", "10",
                   layouts=((1, ""), (2, "own"), (3, "others")))

    def test_all_hits_without_composition_and_masks(self):
        self.check(self.proteins, "--max-hits", "0", "--composition", "none", "--mask", "none",
                   layouts=((2, ""),))

    def test_both_strands(self):
        self.check(self.genes, "--max-hits", "4", "--evalue", "10", layouts=((3, "others"),),
                   strands=2)

    def test_goes_on_after_a_kill(self):
        if not cli.MPIRUN:
            self.skipTest("no mpirun")
        options = ["--max-hits", "3", "--evalue", "10"]
        want, _, _ = self.search(self.proteins, *options, "--symmetry", "off")
        os.remove(self.out)
        words = self.words(self.proteins, *options)
        words.remove("--force")
        run = subprocess.Popen([cli.MPIRUN, "-q", "-n", "2", "--oversubscribe", cli.TALARIA, *words],
                               env=cli.environment({"TALARIA_TILES": "slow:0:3"}),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
        journal = self.out + ".job/journal"
        sizes = set()
        while run.poll() is None and len(sizes) < 3: # Empty, parameters, a block.
            if os.path.exists(journal):
                sizes.add(os.path.getsize(journal))
            time.sleep(0.002)
        while test_resume.Resume.processes(run): # The launcher and its ranks.
            for number in test_resume.Resume.processes(run):
                test_resume.Resume.kill(number)
            time.sleep(0.01)
        run.wait()
        if os.path.exists(self.out):
            self.skipTest("the search ended before it could be killed")
        result = cli.talaria(*words, ranks=3)
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("blocks of queries are finished", result.err)
        self.assertEqual(self.digest(), want)

    def test_only_where_the_result_is_the_same(self):
        few = self.path("few.fa")
        with open(self.proteins, encoding="utf-8") as file:
            records = file.read().split(">")[1:40]
        cli.write(few, ">" + ">".join(records))
        copy = cli.write(self.path("copy.fa"), ">" + ">".join(records))
        other = cli.write(self.path("other.fa"), ">" + ">".join(records[::-1]))
        for options, said in ((["--mask-in", "queries"], "not masked alike"),
                              (["--composition", "bias"], "--composition bias"),
                              (["--mode", "filtered"], "filtered"), (["--memory", "200M"], "--memory"),
                              (["--align", "global", "--min-score", "1"], "not local"), ([], "once")):
            result = self.run_ok(*self.words(few, *options))
            self.assertRegex(result.err, f"are the same: each pair is scored .*{said}")
            plan = self.run_ok("search", few, few, "--dry-run", "--threads", "1", *options)
            self.assertRegex(plan.out, f"each pair is scored .*{said}")
        for path, is_same in ((copy, True), (other, False)):
            result = self.run_ok("search", few, path, "-o", self.out, "--force")
            self.assertEqual("scored once" in result.err, is_same)


if __name__ == "__main__":
    cli.main()
