#!/usr/bin/env python3
"""Draw what `talaria bench calibration|sensitivity --csv FILE` counted, other programs included.

usage: bench/plot_hits.py FILE.csv [PICTURE.svg]

With matplotlib: a picture (PICTURE, else FILE.svg). Without it, bars of text.
"""
import csv
import math
import os
import sys

LEVELS = ("family", "superfamily", "fold")


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def name_of(row):
    parts = [row["search"]] + [row[key] for key in ("mask", "composition", "null_model") if row[key] != "-"]
    return ", ".join(parts)


def calibration_lines(rows):
    """Observed over expected by E-value, a line for each way to search for each kind of query."""
    lines = {}
    for row in rows:
        name = f"{row['decoys']}: {name_of(row)}"
        lines.setdefault(name, []).append((float(row["evalue"]),
                                           float(row["observed_over_expected"])))
    return lines


def draw_text(rows):
    if "decoys" in rows[0]:
        print("observed over expected false hits; bars: factors of two from 1")
        for name, line in calibration_lines(rows).items():
            for evalue, ratio in line:
                bar = "none" if ratio == 0 else ("+" if ratio > 1 else "-") * round(
                    abs(math.log2(ratio)) * 4)
                print(f"{name:>44} {evalue:>6g} {ratio:10.3f} {bar}")
        return
    for level in LEVELS:
        print(f"share of the {level} found before the first error")
        for row in rows:
            share = float(row[level])
            print(f"{name_of(row):>32} {share:8.4f} {'#' * round(100 * share)}")


def draw_calibration(pyplot, rows, path):
    kinds = sorted({row["decoys"] for row in rows})
    figure, panels = pyplot.subplots(1, len(kinds), figsize=(6 * len(kinds), 4.5), sharey=True,
                                     squeeze=False)
    for axes, kind in zip(panels[0], kinds):
        axes.axhspan(0.5, 2, color="0.92")
        axes.axhline(1, color="grey", linestyle=":")
        chosen = [row for row in rows if row["decoys"] == kind]
        for name, line in calibration_lines(chosen).items():
            seen = [(x, y) for x, y in line if y > 0]
            axes.plot([x for x, _ in seen], [y for _, y in seen], "o-", markersize=4,
                      label=name.split(": ")[1])
        axes.set(xscale="log", yscale="log", xlabel="E-value", title=f"{kind} queries")
        axes.invert_xaxis()
        axes.legend(fontsize=7)
    panels[0][0].set_ylabel("false hits, observed over expected")
    figure.tight_layout()
    figure.savefig(path)


def draw_sensitivity(pyplot, rows, path):
    figure, panels = pyplot.subplots(1, len(LEVELS), figsize=(12, 0.6 + 0.3 * len(rows)),
                                     sharey=True)
    names = [name_of(row) for row in rows]
    for axes, level in zip(panels, LEVELS):
        shares = [float(row[level]) for row in rows]
        bars = axes.barh(range(len(rows)), shares, color="tab:blue")
        axes.bar_label(bars, labels=[f"{share:.4f}" for share in shares], fontsize=7)
        axes.set_yticks(range(len(rows)), names, fontsize=8)
        axes.set(title=level, xlim=(0, 1.25 * max(shares) or 1))
    panels[0].invert_yaxis()
    figure.tight_layout()
    figure.savefig(path)


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 64
    rows = read(sys.argv[1])
    if not rows or not ("decoys" in rows[0] or "superfamily" in rows[0]):
        print(f"{sys.argv[1]}: not what bench calibration or sensitivity writes", file=sys.stderr)
        return 65
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        draw_text(rows)
        return 0
    path = sys.argv[2] if len(sys.argv) == 3 else os.path.splitext(sys.argv[1])[0] + ".svg"
    (draw_calibration if "decoys" in rows[0] else draw_sensitivity)(pyplot, rows, path)
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
