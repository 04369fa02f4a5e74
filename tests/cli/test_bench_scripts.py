"""bench/: a synthetic model runs, the table has every case, the chart every figure."""

import importlib.util
import json
import pathlib
import subprocess
import sys
import unittest
import xml.etree.ElementTree

from weft_case import WeftCase

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Answers as weft does: the rate of a case is 100 times its sequences, less its depth over 1000.
FAKE_WEFT = """#!/usr/bin/env python3
import json, sys
command, *words = sys.argv[1:]
if command == "eval":
    sys.exit("no such tensor" if "broken" in " ".join(words) else 0)
given = dict(zip(words, words[1:]))
for kind, count in (("pp", given["-p"]), ("tg", given["-n"])):
    for batch in map(int, given.get("-B", "1").split(",")) if count != "0" else ():
        line = {"case": kind + count, "depth": int(given.get("-d", 0)), "batch": batch}
        rate = 100 * batch - line["depth"] / 1000
        print(json.dumps({**line, "tok_s": rate, "thread_share": 0.25, "commit": "abc"}))
        if "--profile" in words:
            print(json.dumps({**line, "accounted": 0.971, "profile": []}))
"""
FIGURES = {
    "title": "Weft & others", "conditions": "Weft at {commit}.", "commit": "old",
    "programs": ["Weft", "Peer"],
    "models": [{"name": "Small <1B>", "file": "small", "tg128": {"Weft": 1, "Peer": 50},
                "pp512": {"Weft": 2}}],
}  # fmt: skip


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "bench" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Scripts(WeftCase):
    def setUp(self):
        self.folder = pathlib.Path(self.temporary_folder())

    def run_script(self, name, *arguments):
        command = [sys.executable, ROOT / "bench" / name, *arguments]
        return subprocess.run(list(map(str, command)), text=True, capture_output=True, check=False)


class Synthetic(Scripts):
    def test_every_type_runs(self):
        synth = load("synth_gguf")
        shape = synth.Shape(256, 8, 512, 4, 2, 320, False, 1e4, 128)
        for kind in [*synth.TYPES, "q4_k_m"]:
            path = self.folder / f"{kind}.gguf"
            size = synth.write_model(shape, kind, kind, path)
            self.assertGreater(path.stat().st_size, size)
            out = self.assert_ok("bench", "-m", path, "--device", "cpu", "-p", "3", "-n", "2",
                                 "-r", "1", "--json")  # fmt: skip
            self.assertEqual(json.loads(out.splitlines()[0])["model"], kind)

    def test_mixtures_run(self):
        synth = load("synth_gguf")
        for architecture, qk_norm in [("llama", ""), ("qwen3moe", "head"), ("olmoe", "whole")]:
            shape = synth.Shape(256, 2, 512, 4, 4, 320, False, 1e4, 128, architecture,
                                qk_norm=qk_norm, experts=4, experts_used=2)  # fmt: skip
            path = self.folder / f"{architecture}.gguf"
            synth.write_model(shape, "q4_k_m", architecture, path)
            self.assert_ok("bench", "-m", path, "--device", "cpu", "-p", "3", "-n", "2",
                           "-r", "1", "--json")  # fmt: skip

    def test_rows_that_blocks_do_not_fill(self):
        done = self.run_script("synth_gguf.py", "smollm2-135m", "q4_k", self.folder / "x.gguf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("'token_embd.weight' has rows of 576 elements", done.stderr)


class Table(Scripts):
    def measure(self, model):
        weft = self.folder / "weft"
        weft.write_text(FAKE_WEFT, encoding="utf-8")
        weft.chmod(0o755)
        return self.run_script("table.py", "--weft", weft, "-o", self.folder / "out.jsonl", model)

    def test_a_row_has_every_case(self):
        done = self.measure("small.gguf")
        self.assertEqual(done.returncode, 0, done.stderr)
        cells = [cell.strip() for cell in done.stdout.splitlines()[2].strip("|").split("|")]
        self.assertRegex(cells.pop(), r"^\d+\.\d s$")
        self.assertEqual(cells, ["small", "100", "100", "91.8 (92 %)", "100 (100 %)", "800 (8.0 x)",
                                 "3200 (32.0 x)", "97.1 %", "25.0 %"])  # fmt: skip

    def test_what_fails_is_quoted_and_what_was_measured_stays(self):
        done = self.measure("broken.gguf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no such tensor", done.stderr)
        self.assertEqual(len((self.folder / "out.jsonl").read_text().splitlines()), 9)


class Chart(Scripts):
    def draw(self, *arguments):
        figures, svg = self.folder / "figures.json", self.folder / "chart.svg"
        figures.write_text(json.dumps(FIGURES), encoding="utf-8")
        done = self.run_script("chart.py", figures, "-o", svg, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        root = xml.etree.ElementTree.parse(svg).getroot()
        return [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]

    def test_every_figure_is_named(self):
        texts = self.draw()
        for word in ("Weft & others", "Small <1B>", "Weft", "Peer", "1", "50", "2", "Weft at old."):
            self.assertIn(word, texts)

    def test_measured_lines_take_the_place_of_old_ones(self):
        lines = self.folder / "lines.jsonl"
        line = {"file": "small", "case": "tg128", "depth": 0, "batch": 1, "commit": "new"}
        deep = {**line, "depth": 8192, "tok_s": 3}
        lines.write_text("".join(json.dumps(one) + "\n" for one in
                                 [{**line, "tok_s": 1234.4}, deep, {**deep, "file": "other"}]),
                         encoding="utf-8")  # fmt: skip
        texts = self.draw("--update", lines)
        self.assertIn("1,234", texts)
        self.assertIn("Weft at new.", texts)
        self.assertNotIn("3", texts)

    def test_the_picture_in_the_readme_is_that_of_its_figures(self):
        chart = load("chart")
        figures = json.loads((ROOT / "docs" / "speed_h200.json").read_text(encoding="utf-8"))
        svg = (ROOT / "docs" / "speed_h200.svg").read_text(encoding="utf-8")
        self.assertEqual(chart.svg(figures), svg)


if __name__ == "__main__":
    unittest.main()
