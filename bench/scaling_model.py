#!/usr/bin/env python3
"""What a search costs on many ranks: calls, messages and bytes exactly, time roughly.

usage: bench/scaling_model.py [--queries RESIDUES] [--references RESIDUES] [--ranks-per-node N]
                              [--threads N] [--gcups N] [--latency-us N] [--network-gb N]
                              [--storage-gb N] [--hits N]

Prints a table of times by nodes; docs/scaling.md explains it. The counts are checked against the
program by tests/cli/test_scaling_model.py. They hold for plain FASTA, without masks, compositional
adjustment and device, and where ranks do not take tiles of others (TALARIA_TILES=own).
"""
import argparse
import collections
import math

BLOCK_RESIDUES = 1 << 18    # of queries: src/app/search_run.h
BLOCK_QUERIES = 1 << 12
ROUND_BYTES = 1 << 24       # an exchange: src/comm/comm.c
KEY_BYTES = 24              # a candidate between ranks: src/search/select.c
HIT_BYTES = 88              # src/search/hit.h
SET_HEAD_BYTES = 40         # src/seq/seqset.c

Hit = collections.namedtuple("Hit", "query reference runs letters")
Count = collections.namedtuple("Count", "calls messages bytes")


def cut_blocks(lens):
    """Runs of queries [begin, end): a block ends with the record that fills it."""
    blocks, begin, residues = [], 0, 0
    for at, length in enumerate(lens):
        residues += length
        if residues >= BLOCK_RESIDUES or at + 1 - begin == BLOCK_QUERIES:
            blocks.append((begin, at + 1))
            begin, residues = at + 1, 0
    if begin < len(lens):
        blocks.append((begin, len(lens)))
    return blocks


def cut_evenly(total, part, parts):
    return total // parts * part + min(part, total % parts)


def find_holders(record_begins, file_bytes, ranks):
    """The rank of every reference: its range of the file holds the record's '>'."""
    holders, rank = [], 0
    for begin in record_begins:
        while begin >= cut_evenly(file_bytes, rank + 1, ranks):
            rank += 1
        holders.append(rank)
    return holders


def split(weights, parts):
    """Contiguous runs of about equal weight: tal_plan_split."""
    total, begins, at, before = sum(weights), [], 0, 0
    for part in range(parts):
        begins.append(at)
        end = total * (part + 1) // parts
        while at < len(weights) and before + weights[at] // 2 < end:
            before += weights[at]
            at += 1
    return begins + [len(weights)]


def hit_bytes(hit):
    return (HIT_BYTES + 4 * hit.runs + hit.letters + 7) // 8 * 8


def set_bytes(lens, header_lens):
    """A block of queries between ranks, and in a segment."""
    return SET_HEAD_BYTES + sum(lens) + sum(header_lens) + 9 * len(lens)


def exchange(sends, ranks):
    """One exchange; sends[(from, to)] in bytes. Counts of every rank."""
    share = ROUND_BYTES // ranks
    rounds = math.ceil(max(sends.values(), default=0) / share)
    return [Count(rounds,
                  sum(math.ceil(n / share) for (a, b), n in sends.items() if a == rank != b),
                  sum(n for (a, b), n in sends.items() if a == rank != b))
            for rank in range(ranks)]


def predict_exchanges(blocks, hits, holders, ranks, has_limit):
    """Hits must be all candidates: no query has more than the limit."""
    by_query = collections.defaultdict(list)
    for hit in hits:
        by_query[hit.query].append(hit)
    total = [Count(0, 0, 0)] * ranks
    for begin, end in blocks:
        count = end - begin
        weights = [len(by_query[query]) for query in range(begin, end)]
        owners = split(weights, ranks)
        keys, found = collections.Counter(), collections.Counter()
        for query in range(begin, end):
            key_owner = next(r for r in range(ranks) if query - begin < count * (r + 1) // ranks)
            owner = next((r for r in range(ranks) if query - begin < owners[r + 1]), ranks - 1)
            for hit in by_query[query]:
                keys[holders[hit.reference], key_owner] += KEY_BYTES
                found[holders[hit.reference], owner] += hit_bytes(hit)
        for sends in ([keys] if has_limit and ranks > 1 else []) + [found]:
            total = [Count(*map(sum, zip(a, b))) for a, b in zip(total, exchange(sends, ranks))]
    return total


def predict_bytes(kind, calls, blocks, query_lens, header_lens, ranks, has_limit):
    """Bytes that grow with the input, of one rank (rank 0 for a broadcast): what is left is
    a constant of the command and a constant of each block."""
    if kind == "broadcast": # A block when it is read, and again when the result is assembled.
        return 2 * sum(set_bytes(query_lens[a:b], header_lens[a:b]) for a, b in blocks)
    if kind == "combine": # Hits of each query, twice; the key of the k-th best, two numbers.
        return 8 * (4 if has_limit and ranks > 1 else 2) * len(query_lens)
    if kind == "sizes":
        return 8 * (ranks - 1) * calls
    return 0


def fit(first, second, first_blocks, second_blocks):
    """(constant, per block) of a number that is linear in blocks."""
    slope, rest = divmod(second - first, second_blocks - first_blocks)
    if rest != 0:
        raise ValueError(f"{first} and {second} are not linear in blocks")
    return first - slope * first_blocks, slope


# --- Time ---

def predict_seconds(nodes, args):
    """Parts of a search's time on so many nodes, seconds."""
    ranks = nodes * args.ranks_per_node
    blocks = max(1, math.ceil(args.queries / BLOCK_RESIDUES))
    log = max(1, math.ceil(math.log2(ranks))) if ranks > 1 else 0
    latency = args.latency_us * 1e-6
    network = args.network_gb * 1e9
    storage = args.storage_gb * 1e9 # Shared by all nodes.
    compute = args.queries * args.references / (args.gcups * 1e9 * args.threads * ranks)
    calls = (args.calls + args.calls_per_block * blocks) * log * latency
    volume = 2 * args.queries * 1.1 * log / network + \
        (args.hits * (HIT_BYTES + 60) + args.hits * KEY_BYTES) / (network * nodes)
    sizes = 2 * blocks * ranks * args.message_us * 1e-6 if ranks > 1 else 0
    files = args.references / storage + 2 * args.hits * (HIT_BYTES + 60) / storage + \
        args.metadata_us * 1e-6 * (args.datasets + 3 * ranks)
    return {"compute": compute, "collectives": calls, "volume": volume, "exchanges": sizes,
            "files": files}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name, value, text in (
            ("queries", 1e8, "residues of queries"), ("references", 1e11, "of references"),
            ("hits", 1e8, "hits reported"), ("ranks-per-node", 8, ""), ("threads", 16, "of a rank"),
            ("gcups", 60.0, "10^9 cells a second and thread"),
            ("latency-us", 2.0, "of a step of a collective"),
            ("message-us", 1.0, "of a rank's handling of one partner in an exchange"),
            ("network-gb", 10.0, "10^9 bytes a second and node"),
            ("storage-gb", 20.0, "10^9 bytes a second of the file system, all nodes together"),
            ("metadata-us", 500.0, "to create or open a file or data set"),
            ("calls", 75.0, "collective calls of a search"),
            ("calls-per-block", 176.0, "and of each block of queries"),
            ("datasets", 120.0, "of a result, with attributes")):
        parser.add_argument("--" + name, type=type(value) if isinstance(value, float) and value < 1e6
                            else float, default=value, help=text or None)
    args = parser.parse_args()
    print(f"{'nodes':>6} {'ranks':>8} {'compute':>10} {'collect.':>9} {'volume':>8} {'exchange':>9} "
          f"{'files':>8} {'seconds':>10} {'efficiency':>10}")
    base = None
    for power in range(0, 13):
        nodes = 1 << power
        parts = predict_seconds(nodes, args)
        seconds = sum(parts.values())
        base = base or seconds
        print(f"{nodes:6d} {nodes * args.ranks_per_node:8.0f} {parts['compute']:10.1f} "
              f"{parts['collectives']:9.2f} {parts['volume']:8.2f} {parts['exchanges']:9.2f} "
              f"{parts['files']:8.1f} {seconds:10.1f} {base / seconds / nodes:10.1%}")


if __name__ == "__main__":
    main()
