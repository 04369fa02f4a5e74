#!/usr/bin/env python3
"""Measures models on this machine, all that docs/performance.md asks: decode and prefill, both at
8192 tokens, 8 and 32 sequences, start-up, and where a step's time goes.

    bench/table.py --device gpu -o h200.jsonl tinyllama-1.1b-f16.gguf llama-3.1-8b-q4_k_m.gguf

appends a JSON line for each case to the file, and prints a Markdown table of all that the file has.
Models of known shapes with random weights: bench/synth_gguf.py. A picture: bench/chart.py.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONG = 8192
# Runs of `weft bench`; {r}: repetitions, {few}: of the long ones.
RUNS = (
    "-p 512 -n 128 -r {r} --profile",
    f"-p {LONG} -n 0 -r {{few}}",
    f"-p 0 -n 128 -d {LONG} -r {{few}}",
    "-p 0 -n 64 -B 1,8,32 -r {few}",
)
COLUMNS = ("model", "decode", "prefill", f"decode at {LONG}", f"prefill of {LONG}", "8 sequences",
           "32 sequences", "in kernels, decode", "submitting thread", "start")  # fmt: skip


class BenchError(Exception):
    pass


def run(command):
    """What it prints, or an error that quotes why it failed."""
    done = subprocess.run(list(map(str, command)), check=False, text=True, capture_output=True)
    if done.returncode != 0:
        raise BenchError(f"`{' '.join(map(str, command))}` ended with {done.returncode}: "
                         f"{done.stderr.strip()}")
    return done.stdout


def start_seconds(weft, model, device):
    """From starting the program to the logits of a first token, the second time."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "logits.npy"
        for _ in range(2):
            begin = time.monotonic()
            run([weft, "eval", "logits", "-m", model, "--device", device, "--tokens", 1, "-o", out])
        return time.monotonic() - begin


def measure(weft, model, device, reps):
    """The lines of a model, as they come."""
    common = {"file": model.stem}
    for template in RUNS:
        arguments = template.format(r=reps, few=min(reps, 3)).split()
        print(f"{model.stem}: weft bench {' '.join(arguments)}", file=sys.stderr)
        output = run([weft, "bench", "-m", model, "--device", device, "--json", *arguments])
        for line in output.splitlines():
            yield {**common, **json.loads(line)}
    yield {**common, "case": "start", "seconds": start_seconds(weft, model, device)}


class Lines:
    """The last line of each case of a model."""

    def __init__(self, lines):
        self.found = {self.key(line): line for line in lines}

    @staticmethod
    def key(line):
        return (line["case"], line.get("depth", 0), line.get("batch", 1), "profile" in line)

    def value(self, name, case, depth=0, batch=1, profile=False):
        return self.found.get((case, depth, batch, profile), {}).get(name)


def row_of(model, lines):
    """A cell for each of COLUMNS; rates in tokens a second, with their ratio to the short case."""
    at = Lines(lines).value
    decode, prefill, one = at("tok_s", "tg128"), at("tok_s", "pp512"), at("tok_s", "tg64")

    def rate(value, base=None, mark="%"):
        if value is None:
            return "-"
        text = f"{value:.0f}" if value >= 100 else f"{value:.1f}"
        if base is None:
            return text
        ratio = f"{100 * value / base:.0f} %" if mark == "%" else f"{value / base:.1f} x"
        return f"{text} ({ratio})"

    def percent(value):
        return "-" if value is None else f"{100 * value:.1f} %"

    start = at("seconds", "start")
    return [model, rate(decode), rate(prefill),
            rate(at("tok_s", "tg128", depth=LONG), decode),
            rate(at("tok_s", f"pp{LONG}"), prefill),
            rate(at("tok_s", "tg64", batch=8), one, "x"),
            rate(at("tok_s", "tg64", batch=32), one, "x"),
            percent(at("accounted", "tg128", profile=True)),
            percent(at("thread_share", "tg128")),
            "-" if start is None else f"{start:.1f} s"]  # fmt: skip


def markdown(lines):
    models = {}
    for line in lines:
        models.setdefault(line["file"], []).append(line)
    rows = [COLUMNS, ["---"] * len(COLUMNS)]
    rows += [row_of(model, of_model) for model, of_model in models.items()]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path, metavar="MODEL",
                        help="model files; none: only print the table")
    parser.add_argument("-o", "--output", required=True, type=pathlib.Path, help="JSON lines")
    parser.add_argument("--device", default="auto", help="as weft's")
    parser.add_argument("-r", "--repetitions", type=int, default=5)
    parser.add_argument("--weft", type=pathlib.Path, default=ROOT / "weft", help="the program")
    arguments = parser.parse_args()
    try:
        for model in arguments.models:
            for line in measure(arguments.weft, model, arguments.device, arguments.repetitions):
                with open(arguments.output, "a", encoding="utf-8") as file:
                    print(json.dumps(line), file=file)
        with open(arguments.output, encoding="utf-8") as file:
            print(markdown(map(json.loads, file)), end="")
    except (BenchError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
