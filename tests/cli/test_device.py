"""talaria search with a device beside the processors: the same result, whatever the device does.

The backend 'host' stands for a device everywhere; OpenCL and CUDA cases run where a driver is (PoCL
and the emulated CUDA driver will do) and are skipped, visibly, where none is.
"""
import random
import re
import subprocess
import unittest

import cli

AMINO = "ARNDCQEGHILKMFPSTWYV"


def fasta(records):
    return "".join(f">{name}\n{letters}\n" for name, letters in records)


def letters(rng, alphabet, count):
    return "".join(rng.choice(alphabet) for _ in range(count))


def families(seed, count, alphabet, low, high):
    rng = random.Random(seed)
    records = []
    for family in range(count):
        root = letters(rng, alphabet, rng.randrange(low, high))
        for member, rate in enumerate((0, 0, 0.2, 0.5)):
            copy = "".join(rng.choice(alphabet) if rng.random() < rate else x for x in root)
            records.append((f"f{family}m{member}", copy))
    rng.shuffle(records)
    return records


def has(backend):
    found = cli.talaria("info")
    line = re.search(rf"^  {backend} +(.*)$", found.out, re.M)
    return line is not None and line.group(1).count("units") == 1


BACKENDS = ["host"] + [backend for backend in ("opencl", "cuda") if has(backend)]


class Device(cli.Case):
    def config(self, **keys):
        keys.setdefault("use_gpu", True)
        keys.setdefault("opencl_work_group_size", 32)
        lines = ["[parallel.gpu]"]
        for key, value in keys.items():
            text = str(value).lower() if isinstance(value, bool) else value
            lines.append(f'{key} = "{text}"' if key == "gpu_backend" else f"{key} = {text}")
        return self.file("talaria.toml", "\n".join(lines) + "\n")

    def search(self, queries, references, *options, ranks=1, env=None, threads=1, **keys):
        """The digest of the exported result, the log, and the cells a device computed."""
        if keys:
            options = (*options, "--config", self.config(**keys))
        result = self.path("out.h5")
        done = self.run_ok("search", queries, references, "-o", result, "--force", "--threads",
                           threads, *options, ranks=ranks, env=env)
        exported = self.path("out.json")
        self.run_ok("export", result, "--format", "json", "-o", exported, "--force", "--quiet")
        cells = {name: int(re.search(rf"^talaria:   {name} +(\d+)$", done.err, re.M).group(1))
                 for name in ("cells", "device_cells", "pairs", "scored_pairs", "hits")}
        self.assertGreater(cells["hits"], 0)
        return cli.sha256(exported), done.err, cells

    def expect_same(self, queries, references, *options, backends=None, whole=False, **keys):
        """With a device as without; `whole`: the device computes all cells."""
        want, _, counted = self.search(queries, references, *options)
        self.assertEqual(counted["device_cells"], 0)
        for backend in backends or BACKENDS:
            with self.subTest(backend=backend, **keys):
                digest, log, cells = self.search(queries, references, *options,
                                                 gpu_backend=backend, **keys)
                self.assertEqual(digest, want)
                self.assertIn(f"device: {backend}", log)
                self.assertGreater(cells["device_cells"], 0)
                self.assertEqual(cells["cells"], counted["cells"])
                self.assertEqual(cells["pairs"], counted["pairs"])
                self.assertEqual(cells["scored_pairs"], counted["scored_pairs"])
                if whole:
                    self.assertEqual(cells["device_cells"], cells["cells"])

    def test_results_are_the_same_for_every_batch_size(self):
        records = families(1, 40, AMINO, 20, 120)
        references = self.file("refs.fa", fasta(records))
        queries = self.file("queries.fa", fasta(records[::20]))
        for options in (["--max-hits", "3"], ["--evalue", "10", "--max-hits", "0"],
                        ["--min-score", "1", "--max-hits", "0"]):
            for size in (1, 100, 1 << 20):
                self.expect_same(queries, references, *options, batch_size=size)

    def test_results_are_the_same_on_several_ranks_and_threads(self):
        records = families(2, 60, AMINO, 20, 100)
        references = self.file("refs.fa", fasta(records))
        queries = self.file("queries.fa", fasta(records[::40]))
        want, _, _ = self.search(queries, references)
        for backend in BACKENDS:
            for ranks, threads in ((1, 3), (3, 1)):
                digest, _, cells = self.search(queries, references, ranks=ranks, threads=threads,
                                               gpu_backend=backend)
                self.assertEqual(digest, want)
                self.assertGreater(cells["device_cells"], 0)

    def test_a_rank_with_a_device_takes_tiles_of_one_without(self):
        """Rank 1 finds no OpenCL; the team and the device of rank 0 begin with its tiles."""
        if "opencl" not in BACKENDS or not cli.MPIRUN:
            self.skipTest("no OpenCL device, or no mpirun")
        records = families(7, 120, AMINO, 20, 100)
        references = self.file("refs.fa", fasta(records))
        queries = self.file("queries.fa", fasta(records[::20]))
        result, exported = self.path("out.h5"), self.path("out.json")
        for options in ([], ["--mode", "filtered"]):
            want, _, counted = self.search(queries, references, *options)
            words = [cli.TALARIA, "search", queries, references, "-o", result, "--force",
                     "--stats", "--threads", "1", "--config", self.config(gpu_backend="opencl"),
                     *options]
            done = subprocess.run(
                [cli.MPIRUN, "-q", "--oversubscribe", "-n", "1", *words, ":",
                 "-n", "1", "env", "OCL_ICD_VENDORS=/none", *words],
                env=cli.environment({"OMPI_MCA_osc": "^rdma", "TALARIA_TILES": "others,slow:1:100"}),
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.run_ok("export", result, "--format", "json", "-o", exported, "--force", "--quiet")
            self.assertEqual(cli.sha256(exported), want)
            for name, value in counted.items():
                if name != "device_cells":
                    self.assertRegex(done.stderr, rf"(?m)^talaria:   {name} +{value}$")
            numbers = re.search(r"(\d+) own, (\d+) taken from others", done.stderr)
            self.assertGreater(int(numbers[2]), 0, done.stderr)
            cells = int(re.search(r"(?m)^talaria:   device_cells +(\d+)$", done.stderr)[1])
            self.assertGreater(cells, 0)

    def test_scores_beyond_16_bit_and_single_residues(self):
        long = "W" * 3100
        references = self.file("refs.fa", fasta([("long", long), ("one", "W"), ("x", "X"),
                                                 ("some", "WWWHEAGAWGHEE")]))
        queries = self.file("queries.fa", fasta([("one", "W"), ("some", "HEAGAWGHEE"),
                                                 ("long", long)]))
        self.expect_same(queries, references, "--min-score", "1", "--max-hits", "0",
                         "--type", "protein", whole=True)

    def test_sequences_of_35000_residues(self):
        rng = random.Random(3)
        giant = letters(rng, AMINO, 35000)
        small = [("one", "M"), ("part", giant[17000:17030]), ("last", giant[-20:])]
        references = self.file("refs.fa", fasta([("giant", giant), *small]))
        queries = self.file("queries.fa", fasta(small))
        self.expect_same(queries, references, "--evalue", "10", "--max-hits", "0", whole=True)
        queries = self.file("queries.fa", fasta([("giant", giant)]))
        references = self.file("refs.fa", fasta(small))
        self.expect_same(queries, references, "--evalue", "10", "--max-hits", "0", whole=True)

    def test_both_strands_of_nucleotides(self):
        records = families(4, 20, "ACGT", 60, 150)
        flip = str.maketrans("ACGT", "TGCA")
        records += [("minus", records[0][1].translate(flip)[::-1]), ("odd", "NNRYKACGTACGTNNACGTN")]
        references = self.file("refs.fa", fasta(records))
        queries = self.file("queries.fa", fasta(records[:4] + records[-2:]))
        self.expect_same(queries, references, "--evalue", "10", "--max-hits", "0", "--type",
                         "nucleotide", batch_size=50)

    def test_filtered_searches_are_the_same(self):
        records = families(11, 20, AMINO, 40, 120)
        references = self.file("refs.fa", fasta(records))
        queries = self.file("queries.fa", fasta(records[::8]))
        for options in ([], ["--filter-cut", "0", "--evalue", "10"], ["--filter-cut", "255"]):
            self.expect_same(queries, references, "--mode", "filtered", *options, batch_size=30)
        digest, log, cells = self.search(queries, references, "--mode", "filtered",
                                         gpu_backend="host", batch_size=8,
                                         env={"TALARIA_DEVICE_FAIL": "2"})
        self.assertEqual(digest, self.search(queries, references, "--mode", "filtered")[0])
        self.assertIn("device given up", log)

    def test_a_device_that_fails_gives_its_work_back(self):
        # So few that the device takes all of them at once, in four batches.
        records = families(5, 16, AMINO, 20, 100)
        references = self.file("refs.fa", fasta(records))
        queries = self.file("queries.fa", fasta(records[::30]))
        want, _, counted = self.search(queries, references)
        for backend in BACKENDS:
            for launch in (1, 2, 4):
                digest, log, cells = self.search(queries, references, gpu_backend=backend,
                                                 batch_size=20,
                                                 env={"TALARIA_DEVICE_FAIL": str(launch)})
                self.assertEqual(digest, want, (backend, launch))
                self.assertIn("device given up", log)
                self.assertIn(f"launch {launch} failed", log)
                self.assertEqual(cells["cells"], counted["cells"])
                self.assertEqual(cells["pairs"], counted["pairs"])
                self.assertEqual(cells["device_cells"], 0)

    def test_a_device_that_fails_later_keeps_what_it_has_done(self):
        records = families(10, 300, AMINO, 100, 300)
        references = self.file("refs.fa", fasta(records))
        queries = self.file("queries.fa", fasta(records[::20]))
        want, _, counted = self.search(queries, references)
        for launch in (9, 40):  # Where the team is quick, the device never gets there.
            digest, log, cells = self.search(queries, references, gpu_backend="host", batch_size=8,
                                             threads=2, env={"TALARIA_DEVICE_FAIL": str(launch)})
            self.assertEqual(digest, want, log)
            self.assertEqual(cells["cells"], counted["cells"])
            self.assertEqual(cells["pairs"], counted["pairs"])
            self.assertGreater(cells["device_cells"], 0)

    def test_too_little_memory_is_said_and_the_result_is_right(self):
        rng = random.Random(6)
        giant = letters(rng, "ACGT", 300000)
        references = self.file("refs.fa", fasta([("giant", giant)]))
        queries = self.file("queries.fa", fasta([("part", giant[5000:5400])]))
        options = ("--type", "nucleotide")
        want, _, _ = self.search(queries, references, *options)
        for backend in BACKENDS:
            if backend == "host":
                continue  # Needs next to nothing.
            digest, log, _ = self.search(queries, references, *options, gpu_backend=backend,
                                         gpu_memory_gb=0.0625, opencl_work_group_size=1024)
            self.assertEqual(digest, want)
            self.assertIn("gpu_memory_gb", log)
            self.assertIn("device given up", log)

    def test_without_driver_or_device_the_processors_search_alone(self):
        records = families(7, 4, AMINO, 20, 100)
        references = self.file("refs.fa", fasta(records))
        want, _, _ = self.search(references, references)
        cases = [({"gpu_backend": "opencl"}, {"OCL_ICD_VENDORS": self.folder}, "opencl"),
                 ({"gpu_backend": "opencl", "opencl_platform": 200}, {}, "opencl"),
                 ({"gpu_backend": "opencl", "gpu_device": 200}, {}, "opencl"),
                 ({"gpu_backend": "cuda", "gpu_device": 200}, {}, "cuda")]
        for keys, env, name in cases:
            digest, log, cells = self.search(references, references, env=env, **keys)
            self.assertEqual(digest, want)
            self.assertIn("no device can be used", log)
            self.assertIn(name, log.lower())
            self.assertEqual(cells["device_cells"], 0)

    def test_what_devices_cannot_do_is_said(self):
        references = self.file("r.fa", fasta([("r", "AAAWWWWCCCC"), ("s", "WWWW")]))
        _, log, cells = self.search(references, references, "--align", "global", "--min-score",
                                    "-50", gpu_backend="host")
        self.assertIn("local alignments only", log)
        self.assertEqual(cells["device_cells"], 0)

    def test_info_shows_devices_and_the_one_in_use(self):
        config = self.config(gpu_backend="host")
        report = self.run_ok("info", "--config", config).out
        self.assertRegex(report, r"in use +host: ")
        self.assertRegex(report, r"gpu_backend +host")
        self.assertRegex(self.run_ok("info").out, r"in use +none: use_gpu is false")

    def test_the_bench_measures_every_length_and_score(self):
        csv = self.path("device.csv")
        for backend in BACKENDS:
            config = self.config(gpu_backend=backend, use_gpu=False)
            self.run_ok("bench", "device", "--config", config, "--lengths", "5,17", "--references",
                        9, "--query-count", 3, "--sample-us", 1, "--csv", csv)
            with open(csv, encoding="utf-8") as file:
                rows = [line.rstrip("\n").split(",") for line in file]
            self.assertEqual([row[:4] for row in rows[1:]],
                             [[score, length, "3", "9"] for length in ("5", "17", "proteins")
                              for score in ("local", "gapless")])
            for row in rows[1:]:
                self.assertGreater(float(row[4]), 0)
                self.assertGreaterEqual(int(row[6]), 1)
                self.assertEqual(row[7] == "-", backend != "cuda")
                self.assertEqual(row[8] == "-" or int(row[9]) == 0, backend == "host")
        self.expect_error(78, ["no device can be used"], "bench", "device", "--config",
                          self.config(gpu_backend="opencl", gpu_device=200))

    @unittest.skipUnless("cuda" in BACKENDS, "no CUDA device")
    def test_keys_of_cuda_have_their_effect(self):
        def groups(**keys):
            csv = self.path("device.csv")
            done = self.run_ok("bench", "device", "--config", self.config(gpu_backend="cuda", **keys),
                               "--lengths", "800", "--references", 1, "--query-count", 2,
                               "--sample-us", 1, "--csv", csv)
            with open(csv, encoding="utf-8") as file:
                return done.out, int(file.read().splitlines()[1].split(",")[6])

        few, small = groups(cuda_threads_per_block=64, cuda_shared_memory_kb=16)
        many, large = groups(cuda_threads_per_block=256, cuda_shared_memory_kb=200)
        self.assertIn("groups of 64,", few)
        self.assertIn("groups of 256,", many)
        self.assertGreater(small, large)  # less memory for each, more at once
        giant = letters(random.Random(12), "ACGT", 300000)
        references = self.file("refs.fa", fasta([("giant", giant)]))
        queries = self.file("queries.fa", fasta([("part", giant[5000:5400])]))
        for streams in (5, 7):  # Too many for the memory, which is said with their number.
            _, log, _ = self.search(queries, references, "--type", "nucleotide",
                                    gpu_backend="cuda", gpu_memory_gb=0.0625, cuda_streams=streams)
            self.assertIn(f"{streams} batches in flight", log)

    @unittest.skipUnless("opencl" in BACKENDS, "no OpenCL device")
    def test_work_groups_have_the_configured_size(self):
        references = self.file("r.fa", fasta(families(8, 1, AMINO, 20, 30)))
        for size in (1, 8):
            _, log, _ = self.search(references, references, gpu_backend="opencl",
                                    opencl_work_group_size=size)
            self.assertIn(f"groups of {size},", log)

    def test_a_wrong_launch_number_is_refused(self):
        references = self.file("r.fa", fasta(families(9, 1, AMINO, 20, 30)))
        self.expect_error(78, ["TALARIA_DEVICE_FAIL", "'x'"], "search", references, references,
                          "-o", self.path("x.h5"), "--config", self.config(gpu_backend="host"),
                          env={"TALARIA_DEVICE_FAIL": "x"})


if __name__ == "__main__":
    if BACKENDS == ["host"]:
        print("skipped: no OpenCL or CUDA device; the host backend stands for one")
    cli.main()
