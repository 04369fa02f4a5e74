#!/usr/bin/env python3
"""Draws speeds of several programs on one machine as an SVG: a panel for decode, one for prefill.

    bench/chart.py docs/speed_h200.json -o docs/speed_h200.svg
    bench/chart.py --update h200.jsonl docs/speed_h200.json -o docs/speed_h200.svg

The first takes a JSON object of figures; the second puts Weft's from bench/table.py's lines into it
before, for the models whose "file" it names.
"""

import argparse
import html
import json
import pathlib
import sys

WIDTH, LEFT, RIGHT = 860, 190, 70  # the bars' end has room for a number
BAR, GAP, BETWEEN = 13, 3, 14  # of a bar, after it, after a model
PANEL_TOP, HEAD = 34, 74
# A colour each for light and dark, told apart in grey too.
COLOURS = (("#0b6e5f", "#2fc4ac"), ("#5b6470", "#aab2bd"), ("#98a1ad", "#76808c"),
           ("#c6ccd4", "#4b545f"))  # fmt: skip
CASES = (("tg128", "Decode, tokens a second (tg128)"),
         ("pp512", "Prefill, tokens a second (pp512)"))  # fmt: skip
# Background, letters, lines: light, dark.
PAGES = (("#ffffff", "#1f2328", "#d8dce2"), ("#14181d", "#e6e9ee", "#3a414b"))


def style():
    def rules(which):
        fills = "".join(f".s{i}{{fill:{pair[which]}}}" for i, pair in enumerate(COLOURS))
        back, ink, faint = PAGES[which]
        return (f".back{{fill:{back};stroke:{faint}}}text{{fill:{ink}}}.axis{{stroke:{faint}}}"
                f"{fills}")

    return (f"text{{font:12px system-ui,sans-serif}}.title{{font-size:15px;font-weight:600}}"
            f"{rules(0)}@media(prefers-color-scheme:dark){{{rules(1)}}}")


def text(x, y, words, kind="", anchor="start"):
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{kind}>{html.escape(words)}</text>'


def rect(x, y, width, height, kind):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" class="{kind}"/>'


def panel(figures, case, title, top):
    """Its shapes, and where it ends."""
    names = figures["programs"]
    largest = max(rate for model in figures["models"] for rate in model[case].values())
    shapes = [text(20, top + 16, title, "title")]
    y = top + PANEL_TOP
    for model in figures["models"]:
        rates = [(i, model[case][name]) for i, name in enumerate(names) if name in model[case]]
        height = len(rates) * (BAR + GAP) - GAP
        shapes.append(text(LEFT - 10, y + height / 2 + 4, model["name"], anchor="end"))
        for i, rate in rates:
            width = max(1, rate / largest * (WIDTH - LEFT - RIGHT))
            shapes += [rect(LEFT, y, width, BAR, f"s{i}"),
                       text(LEFT + width + 5, y + BAR - 2, f"{rate:,.0f}")]
            y += BAR + GAP
        y += BETWEEN - GAP
    axis = (f'<line x1="{LEFT}" x2="{LEFT}" y1="{top + PANEL_TOP - 4}" y2="{y - BETWEEN + 4}" '
            'class="axis"/>')
    return [*shapes, axis], y + 6


def legend(names):
    shapes, x = [], 20
    for i, name in enumerate(names):
        shapes += [rect(x, 46, BAR, BAR, f"s{i}"), text(x + BAR + 6, 57, name)]
        x += BAR + 30 + 7 * len(name)
    return shapes


def svg(figures):
    shapes, y = [text(20, 28, figures["title"], "title"), *legend(figures["programs"])], HEAD
    for case, title in CASES:
        more, y = panel(figures, case, title, y)
        shapes += more
    shapes.append(text(20, y + 10, figures["conditions"].format(commit=figures["commit"])))
    height = y + 24
    back = f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8" class="back"/>'
    label = html.escape(figures["title"])
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">\n'
            f"<style>{style()}</style>\n" + "\n".join([back, *shapes]) + "\n</svg>\n")


def update(figures, lines):
    """Weft is the first program; the last line of a case counts."""
    weft = figures["programs"][0]
    models = {model["file"]: model for model in figures["models"]}
    cases = [case for case, _ in CASES]
    for line in lines:
        plain = line.get("depth", 0) == 0 and line.get("batch", 1) == 1 and "tok_s" in line
        if plain and line["case"] in cases and line["file"] in models:
            models[line["file"]][line["case"]][weft] = round(line["tok_s"])
            figures["commit"] = line["commit"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=pathlib.Path)
    parser.add_argument("--update", type=pathlib.Path, metavar="LINES")
    parser.add_argument("-o", "--output", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        figures = json.loads(arguments.figures.read_text(encoding="utf-8"))
        if arguments.update:
            update(figures, map(json.loads, arguments.update.read_text().splitlines()))
            arguments.figures.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        arguments.output.write_text(svg(figures), encoding="utf-8")
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
