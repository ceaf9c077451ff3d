#!/usr/bin/env python3
"""What `make bench-peers` measured, to look at.

  tests/bench/peers_page.py chart BUILD/bench-peers.json CHART.svg      ratios by row
  tests/bench/peers_page.py table BUILD/bench-peers.json README.md      the table between the README's marks"""
import json
import math
import sys
from html import escape

BEGIN, END = "<!-- bench-peers -->\n", "<!-- bench-peers end -->\n"

# ---- the table ----


def milliseconds(value):
    return "" if value is None else f"{value:.3g} ms" if value < 100 else f"{value:.0f} ms"


def mebibytes(row):
    return "" if row["peer_mib"] is None else f"{row['peer_mib']:.0f} / {row['ours_mib']:.0f}"


def reached(row):
    return row["ratio"] is not None and row["target"] is not None and row["ratio"] >= row["target"]


def verdict(row):
    if row["ratio"] is None:
        return row["note"]
    return f"{row['ratio']:.2f}" if reached(row) or row["target"] is None else f"{row['ratio']:.2f} (short)"


def table_rows(data):
    yield "| work | | beside | peer | Retort | ratio | to reach | floor | peak MiB, peer / Retort |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in data["rows"]:
        yield (f"| {row['work']} | {row['variant']} | {row['peer']} | {milliseconds(row['peer_ms'])} | {milliseconds(row['ours_ms'])} "
               f"| {verdict(row)} | {row['target'] or ''} | {milliseconds(row['floor_ms'])} | {mebibytes(row)} |")


def memory_rows(data):
    yield "| memory of | planned MiB | measured MiB | measured / planned |"
    yield "|---|---|---|---|"
    for row in data["rows"]:
        if row["ratio"] is not None and not row["variant"].endswith("threads"):
            yield (f"| {row['work']}, {row['variant']} | {row['planned_mib']:.1f} | {row['ours_mib']:.1f} "
                   f"| {row['ours_mib'] / row['planned_mib']:.3f} |")


def summary(data):
    measured = [row for row in data["rows"] if row["ratio"] is not None and row["target"]]
    short = [f"{row['work']} {row['variant']}" for row in measured if not reached(row)]
    said = f"{len(measured) - len(short)} of {len(measured)} rows reach what is to be reached"
    said += "." if not short else "; these do not: " + "; ".join(short) + "."
    training = [row for row in data["rows"] if row["ratio"] is not None and row.get("training") and row["peer"] == "PyTorch"]
    large = [f"{row['work']} {row['variant']} ({row['ours_mib'] / row['peer_mib']:.2f})" for row in training
             if row["ours_mib"] > row["peer_mib"] / 2]
    if training:
        said += " Peak memory is at most half of PyTorch's in all rows of training." if not large else (
            f" Peak memory is at most half of PyTorch's in {len(training) - len(large)} of {len(training)} rows of training; not in "
            + "; ".join(large) + ".")
    return said + profile_summary(data.get("profile"))


def profile_summary(profile):
    if not profile:
        return ""
    return (f" The dense step of distill-base: contractions at {100 * profile['contractions_of_rate']:.0f} % of the rate measured "
            f"beside them, everything else {100 * profile['rest_of_step']:.1f} % of the step; the kernels' times are "
            f"{100 * profile['sum_of_step']:.1f} % of the step's.")


def write_table(data, path):
    with open(path) as file:
        text = file.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{path}: the marks {BEGIN.strip()} and {END.strip()} are not there once")
    before, rest = text.split(BEGIN)
    head = (f"Measured {data['date'][:10]} on {data['cpu']}, {data['threads']} threads; OpenBLAS with its kernels for "
            f"{data['openblas']['kernels']} on both sides; {data['peers']}. Sentences have lengths of {data['lengths']}; a ratio is the "
            "peer's time over Retort's, both medians; peak memory is the process's, libraries and compiler included.")
    chart = "![ratios by row: the peer's time over Retort's](tests/bench/peers.svg)"
    lines = [head, summary(data), "", *table_rows(data), "", chart, "", *memory_rows(data)]
    with open(path, "w") as file:
        file.write(before + BEGIN + "\n".join(lines) + "\n" + END + rest.split(END)[1])


# ---- the chart ----

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .paper { fill: #ffffff } .quiet { fill: #59636e; font-size: 12px } .head { font-size: 16px; font-weight: 600 }
  .grid { stroke: #d1d9e0 } .one { stroke: #59636e; stroke-width: 1.5 }
  .good { fill: #2a78d6 } .short { fill: #d9822b } .target { stroke: #1f2328; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .paper { fill: #0d1117 } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
    .one { stroke: #9198a1 } .good { fill: #4c8fe0 } .short { fill: #e0954a } .target { stroke: #f0f6fc }
  }"""
LEFT, WIDTH, ROW, TOP, SPAN, LEAST, MOST = 400, 960, 24, 92, 470, 0.5, 40


def place(ratio):
    """On a scale of logarithms."""
    ratio = min(max(ratio, LEAST), MOST)
    return LEFT + SPAN * math.log(ratio / LEAST) / math.log(MOST / LEAST)


def text(x, y, words, style="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" class="{style}">{escape(words)}</text>'


def line(x, top, bottom, style):
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" class="{style}"/>'


def chart_row(row, y):
    yield text(LEFT - 12, y + 16, f"{row['work']}: {row['variant']}", anchor="end")
    if row["ratio"] is None:
        yield text(place(1) + 6, y + 16, row["note"], "quiet")
        return
    one, end = place(1), place(row["ratio"])
    style = "good" if reached(row) else "short"
    yield f'<rect x="{min(one, end):.1f}" y="{y + 4}" width="{max(abs(end - one), 1):.1f}" height="{ROW - 8}" rx="2" class="{style}"/>'
    if row["target"]:
        yield line(place(row["target"]), y + 1, y + ROW - 1, "target")
    yield text(max(end, place(row["target"] or 1)) + 7, y + 16, f"{row['ratio']:.2f}")


def chart(data):
    bottom = TOP + ROW * len(data["rows"])
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 46}" width="{WIDTH}" height="{bottom + 46}" role="img">'
    yield f"<title>The peer's time over Retort's, by row</title><style>{STYLE}</style>"
    yield f'<rect class="paper" width="{WIDTH}" height="{bottom + 46}"/>'
    yield text(16, 28, "The peer's time over Retort's", "head")
    yield text(16, 48, f"{data['cpu']}, {data['threads']} threads, {data['date'][:10]}; PyTorch for stages, ONNX Runtime for models, "
               "Retort on one thread for «1 to 2 threads»", "quiet")
    yield f'<rect x="16" y="60" width="14" height="12" rx="2" class="good"/>' + text(36, 71, "reaches the mark", "quiet")
    yield f'<rect x="156" y="60" width="14" height="12" rx="2" class="short"/>' + text(176, 71, "falls short of it", "quiet")
    yield line(296, 58, 74, "target") + text(304, 71, "what is to be reached", "quiet")
    for ratio in (0.5, 1, 2, 5, 10, 20, 40):
        yield line(place(ratio), TOP - 4, bottom + 4, "one" if ratio == 1 else "grid")
        yield text(place(ratio), bottom + 22, f"{ratio:g}", "quiet", "middle")
    for i, row in enumerate(data["rows"]):
        yield from chart_row(row, TOP + ROW * i)
    yield "</svg>"


def main():
    what, source, to = sys.argv[1:]
    with open(source) as file:
        data = json.load(file)
    if what == "table":
        write_table(data, to)
        return
    with open(to, "w") as file:
        file.write("\n".join(chart(data)) + "\n")


main()
