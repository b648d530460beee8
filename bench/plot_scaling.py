#!/usr/bin/env python3
"""Draw what `talaria bench scaling --csv FILE` or `bench contention --csv FILE` measured.

usage: bench/plot_scaling.py FILE.csv [PICTURE.svg]

With matplotlib: a picture (PICTURE, else FILE.svg). Without it, bars of text.
"""
import csv
import os
import sys


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def group(rows, key):
    groups = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def choose(rows):
    """The column that makes the groups, the one drawn, and its title."""
    if "speedup" in rows[0]:
        return "study", "speedup", "speed-up over one thread"
    return "subject", "ns_median", "ns per operation"


def draw_text(groups, value, title):
    print(title)
    largest = max(float(row[value]) for rows in groups.values() for row in rows)
    for name, rows in groups.items():
        for row in rows:
            number = float(row[value])
            print(f"{name:>22} {row['threads']:>5} {number:10.2f} {'#' * round(50 * number / largest)}")


def draw_picture(pyplot, groups, value, title, path):
    figure, axes = pyplot.subplots(figsize=(6, 4))
    threads = sorted({int(row["threads"]) for rows in groups.values() for row in rows})
    for name, rows in groups.items():
        axes.plot([int(row["threads"]) for row in rows], [float(row[value]) for row in rows], "o-",
                  label=name)
    if value == "speedup":
        axes.plot(threads, threads, ":", color="grey", label="ideal")
    axes.set_xscale("log", base=2)
    axes.set_xticks(threads, [str(count) for count in threads])
    axes.set_xlabel("threads")
    axes.set_ylabel(title)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    print(path)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    rows = read(sys.argv[1])
    if not rows:
        sys.exit(f"'{sys.argv[1]}' has no rows")
    key, value, title = choose(rows)
    groups = group(rows, key)
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        draw_text(groups, value, title)
        return
    path = sys.argv[2] if len(sys.argv) == 3 else os.path.splitext(sys.argv[1])[0] + ".svg"
    draw_picture(pyplot, groups, value, title, path)


if __name__ == "__main__":
    main()
