#!/usr/bin/env python3
"""Kill a random rank of a search at random instants, go on with random numbers of ranks.

    bench/kills.py QUERIES REFERENCES KILLS [-- WORDS...]

Searches until KILLS ranks were killed (SIGKILL), beginning anew whenever a search has ended; every
run has 1 to 5 ranks. WORDS go to `talaria search`; `--memory` with many `--max-hits` makes small
blocks of queries. Prints each kill: finished blocks, how long the unfinished one had been worked on,
how long the job took to end; then the medians and the sha256 of every result's export, which must be
one. TALARIA names the program, RUN words before each launch, SEED the random numbers.
"""
import hashlib
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

RANKS_MAX = 5
PAUSE_SECONDS = 0.01


def ranks_of(launch):
    """The living ranks of a launch: they stay in its session, though not in its process group."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                command, _, rest = file.read().partition("(")[2].rpartition(")")
            if command == "talaria" and int(rest.split()[3]) == launch.pid and rest.split()[0] != "Z":
                found.append(int(name))
        except OSError:
            continue # It ended meanwhile.
    return found


class Search:
    def __init__(self, folder, queries, references, words):
        self.out = os.path.join(folder, "out.h5")
        self.journal = self.out + ".job/journal"
        self.talaria = os.environ.get("TALARIA", "build/talaria")
        self.command = [self.talaria, "search", queries, references, "-o", self.out, "--threads",
                        "1", *words]
        self.growths = [] # when the journal was seen to grow, of the current launch

    def launch(self, ranks):
        words = [*os.environ.get("RUN", "").split(), "mpirun", "-q", "-n", str(ranks),
                 "--oversubscribe", *self.command]
        self.growths = []
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True)

    def journal_bytes(self):
        try:
            return os.path.getsize(self.journal)
        except OSError:
            return 0

    def watch(self, launch, seconds):
        """Until it ends or that long after its ranks began; notes when blocks were finished."""
        before = self.journal_bytes()
        begin = None
        while launch.poll() is None and (begin is None or time.time() < begin + seconds):
            if begin is None and ranks_of(launch):
                begin = time.time()
            size = self.journal_bytes()
            if size > before:
                self.growths.append(time.time())
            before = size
            time.sleep(PAUSE_SECONDS)
        return begin

    def digest(self):
        text = subprocess.run([self.talaria, "export", self.out, "--format", "json"], check=True,
                              stdout=subprocess.PIPE).stdout
        return hashlib.sha256(text).hexdigest()


def main():
    queries, references, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
    words = sys.argv[5:] if sys.argv[4:5] == ["--"] else []
    rng = random.Random(int(os.environ.get("SEED", "1")))
    folder = tempfile.mkdtemp(prefix="talaria-kills-")
    search = Search(folder, queries, references, words)
    begin = time.time()
    launch = search.launch(1)
    search.watch(launch, 1e9)
    if launch.returncode != 0:
        sys.exit(f"the search ends with {launch.returncode}")
    whole = time.time() - begin
    digests = [search.digest()]
    os.remove(search.out)
    intervals = [b - a for a, b in zip(search.growths, search.growths[1:])]
    print(f"undisturbed, 1 rank: {whole:.1f} s, {len(search.growths)} blocks, one every "
          f"{statistics.median(intervals):.1f} s (at most {max(intervals):.1f}), sha256 {digests[0]}",
          flush=True)
    lost, ends, intervals = [], [], []
    while len(ends) < kills:
        ranks = rng.randint(1, RANKS_MAX)
        launch = search.launch(ranks)
        begin = search.watch(launch, rng.uniform(0.2, 0.5 * whole))
        victims = ranks_of(launch)
        if launch.poll() is None and victims:
            os.kill(rng.choice(victims), signal.SIGKILL)
            now = time.time()
            launch.wait()
            while ranks_of(launch):
                time.sleep(PAUSE_SECONDS)
            ends.append(time.time() - now)
            lost.append(now - (search.growths or [begin])[-1])
            print(f"kill {len(ends)}: {ranks} ranks, {now - begin:.1f} s after their start, "
                  f"{len(search.growths)} blocks finished, {lost[-1]:.1f} s since, ended in "
                  f"{ends[-1]:.1f} s", flush=True)
        launch.wait()
        intervals += [b - a for a, b in zip(search.growths, search.growths[1:])]
        if os.path.exists(search.out):
            digests.append(search.digest())
            os.remove(search.out)
            print(f"result {len(digests)}: {digests[-1]}", flush=True)
    launch = search.launch(rng.randint(1, RANKS_MAX))
    launch.wait()
    digests.append(search.digest())
    print(f"{kills} kills, {len(digests)} searches, {len(set(digests))} sha256; lost since the last "
          f"block: median {statistics.median(lost):.1f} s, at most {max(lost):.1f}; between blocks: "
          f"median {statistics.median(intervals):.1f} s, at most {max(intervals):.1f}; the job ended "
          f"in {statistics.median(ends):.1f} s, at most {max(ends):.1f}")
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(len(set(digests)) > 1)


if __name__ == "__main__":
    main()
