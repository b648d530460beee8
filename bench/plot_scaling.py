#!/usr/bin/env python3
"""Draw what `talaria bench STUDY --csv FILE` measured: scaling, contention, strong, weak, table.

usage: bench/plot_scaling.py FILE.csv [PICTURE.svg]

With matplotlib: a picture (PICTURE, else FILE.svg). Without it, bars of text.
"""
import csv
import os
import sys

SHARES = {"efficiency": "efficiency", "comm_share": "communication", "wait_share": "waiting",
          "io_share": "I/O"}


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def choose(rows):
    """Lines by name, each a list of (x, y); the title of x, that of y."""
    if "ranks" in rows[0]:
        return {name: [(int(row["ranks"]), float(row[column])) for row in rows]
                for column, name in SHARES.items()}, "ranks", "share"
    key, value, title = ("study", "speedup", "speed-up over one thread") \
        if "speedup" in rows[0] else ("subject", "ns_median", "ns per operation")
    lines = {}
    for row in rows:
        lines.setdefault(row[key], []).append((int(row["threads"]), float(row[value])))
    return lines, "threads", title


def draw_text(lines, x_title, y_title):
    print(f"{y_title} by {x_title}")
    largest = max(y for line in lines.values() for _, y in line) or 1
    for name, line in lines.items():
        for x, y in line:
            print(f"{name:>22} {x:>5} {y:10.2f} {'#' * round(50 * y / largest)}")


def draw_picture(pyplot, lines, x_title, y_title, path):
    figure, axes = pyplot.subplots(figsize=(6, 4))
    places = sorted({x for line in lines.values() for x, _ in line})
    for name, line in lines.items():
        axes.plot([x for x, _ in line], [y for _, y in line], "o-", label=name)
    if y_title.startswith("speed-up"):
        axes.plot(places, places, ":", color="grey", label="ideal")
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, [str(place) for place in places])
    axes.set_xlabel(x_title)
    axes.set_ylabel(y_title)
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
    drawing = choose(rows)
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        draw_text(*drawing)
        return
    path = sys.argv[2] if len(sys.argv) == 3 else os.path.splitext(sys.argv[1])[0] + ".svg"
    draw_picture(pyplot, *drawing, path)


if __name__ == "__main__":
    main()
