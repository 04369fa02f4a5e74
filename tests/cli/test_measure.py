"""`weft bench` and `weft eval` with the default model on the CPU."""

import ast
import json
import math
import pathlib
import struct
import unittest

from weft_case import WeftCase

# What is written about every case of `weft bench --json`, in this order.
BENCH_KEYS = [
    "case", "tok_s", "tok_s_min", "tok_s_max", "thread_share", "reps", "depth", "batch", "type_k",
    "type_v", "kv_bytes", "device", "backend", "model", "quantization", "threads", "commit",
]  # fmt: skip
TEXT = """A river is a stream of fresh water that flows towards an ocean, a lake or another river.
In some cases a river flows into the ground, or dries up before it reaches another body of water.
"""


def read_npy(path):
    """The rows of an array of f32, by NumPy's description of its format."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    (header_bytes,) = struct.unpack("<H", data[8:10])
    header = ast.literal_eval(data[10 : 10 + header_bytes].decode("ascii"))
    assert (header["descr"], header["fortran_order"]) == ("<f4", False), header
    rows, cols = header["shape"]
    values = struct.unpack(f"<{rows * cols}f", data[10 + header_bytes :])
    return [values[row * cols : (row + 1) * cols] for row in range(rows)]


class ModelCase(WeftCase):
    def run_model(self, *command, **options):
        """The words of the command come before the model and its device."""
        return self.assert_ok(*command, "-m", self.model(), "--device", "cpu", **options)

    def commit(self):
        return self.assert_ok("--version").split("(")[1].strip(")\n")


class Bench(ModelCase):
    def bench(self, *arguments):
        lines = self.run_model("bench", "--json", "-r", "2", *arguments).splitlines()
        return [json.loads(line) for line in lines]

    def test_a_json_line_for_each_case(self):
        cases = self.bench("-p", "8,16", "-n", "4", "-d", "0,40", "-B", "1,2", "-t", "1")
        expected = [(name, depth, batch) for name in ("pp8", "pp16", "tg4")
                    for depth in (0, 40) for batch in (1, 2)]  # fmt: skip
        self.assertEqual([(c["case"], c["depth"], c["batch"]) for c in cases], expected)
        for case in cases:
            self.assertEqual(list(case), BENCH_KEYS)
            self.assertGreater(case["tok_s_min"], 0)
            self.assertLessEqual(case["tok_s_min"], case["tok_s"])
            self.assertLessEqual(case["tok_s"], case["tok_s_max"])
            self.assertGreater(case["thread_share"], 0)  # the CPU backend computes on the thread
            self.assertEqual((case["reps"], case["threads"], case["backend"]), (2, 1, "cpu"))
            self.assertIn("smollm2", case["model"].lower())
            self.assertEqual(case["quantization"], "Q4_1")
            self.assertEqual(case["commit"], self.commit())
            self.assertTrue(case["device"])

    def test_zero_leaves_a_phase_out(self):
        self.assertEqual([c["case"] for c in self.bench("-p", "0", "-n", "2")], ["tg2"])
        self.assertEqual([c["case"] for c in self.bench("-p", "2", "-n", "0")], ["pp2"])

    def test_a_cache_of_bytes_takes_half_the_memory(self):
        arguments = ["-p", "0", "-n", "2", "-r", "1", "-d", "500"]
        (halves,) = self.bench(*arguments)
        types = ["--cache-type-k", "q8_0", "--cache-type-v", "q8_0"]
        (as_bytes,) = self.bench(*arguments, *types)
        self.assertEqual((halves["type_k"], halves["type_v"]), ("f16", "f16"))
        self.assertEqual((as_bytes["type_k"], as_bytes["type_v"]), ("q8_0", "q8_0"))
        page = 2 << 20
        tokens = 512  # whole blocks
        self.assertLess(halves["kv_bytes"] - tokens * 30 * 2 * 3 * 64 * 2, page)
        self.assertLess(as_bytes["kv_bytes"] - tokens * 30 * 2 * 3 * 64 * 34 // 32, page)

    def test_the_table_has_a_line_for_each_case(self):
        table = self.run_model("bench", "-p", "4", "-n", "2", "-r", "1").splitlines()
        self.assertEqual(table[1].split(), ["case", "depth", "batch", "tok/s", "min", "max"])
        self.assertEqual([line.split()[0] for line in table[2:]], ["pp4", "tg2"])

    def test_the_profile_names_kernels(self):
        case, profile = self.bench("-p", "4", "-n", "0", "--profile")
        self.assertEqual(list(case), BENCH_KEYS)
        self.assertEqual((profile["case"], profile["commit"]), ("pp4", case["commit"]))
        self.assertIn("attention", [kernel["kernel"] for kernel in profile["profile"]])
        for kernel in profile["profile"]:
            self.assertGreater(kernel["seconds"], 0)
            self.assertGreater(kernel["count"], 0)
        shares = sum(kernel["share"] for kernel in profile["profile"])
        self.assertAlmostEqual(shares, profile["accounted"], places=6)
        self.assertGreater(profile["accounted"], 0.5)
        self.assertLessEqual(profile["accounted"], 1)
        self.assertEqual((profile["steps"], profile["peak_gb_s"]), (1, None))
        table = self.run_model("bench", "-p", "4", "-n", "0", "-r", "1", "--profile")
        self.assertIn("attention", table)

    def test_a_given_peak_has_shares(self):
        arguments = ("-p", "4", "-n", "0", "--profile", "--peak", "100,1.5")
        _, profile = self.bench(*arguments)
        self.assertEqual((profile["peak_gb_s"], profile["peak_tflop_s"]), (100, 1.5))

    def test_a_trace_has_the_kernels_of_each_step(self):
        path = pathlib.Path(self.temporary_folder()) / "trace.json"
        self.bench("-p", "4", "-n", "2", "--trace", path)
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
        spans = [event for event in events if event["ph"] == "X"]
        steps = [span for span in spans if span["name"] == "step"]
        kernels = [span for span in spans if span["name"] == "attention"]
        self.assertEqual((len(steps), len(kernels)), (3, 3 * 30))
        end = steps[-1]["ts"] + steps[-1]["dur"]
        self.assertTrue(all(steps[0]["ts"] <= kernel["ts"] < end for kernel in kernels))
        self.assert_refused(1, ["/none/t.json"], "bench", "--trace", "/none/t.json")

    def test_refusals(self):
        self.assert_refused(2, ["-p", "-n"], "bench", "-p", "0", "-n", "0")
        self.assert_refused(2, ["--peak", "'4800'"], "bench", "--profile", "--peak", "4800")
        for flag, value in [
            ("--n-prompt", "-1"), ("--n-prompt", "many"), ("--n-gen", "99999999999"),
            ("--n-sequences", "0"), ("--repetitions", "0"),
        ]:  # fmt: skip
            self.assert_refused(2, [flag, value], "bench", flag, value)
        self.assert_refused(1, ["too large"], "bench", "-p", "16000000", "-B", "4096")


class Eval(ModelCase):
    def setUp(self):
        self.folder = pathlib.Path(self.temporary_folder())
        self.text = self.folder / "text.txt"
        self.text.write_text(TEXT, encoding="utf-8")

    def ids(self):
        ids = self.assert_ok("tokenize", "-m", self.model(), "--ids", "-f", self.text)
        return [int(token) for token in ids.split(",")]

    def logits(self, ids, *arguments):
        path = self.folder / "out.npy"
        tokens = ",".join(map(str, ids))
        output = self.run_model("eval", "logits", "--tokens", tokens, "-o", path, *arguments)
        self.assertEqual(output, "")
        return read_npy(path)

    def perplexity(self, *arguments):
        return json.loads(self.run_model("eval", "ppl", self.text, "--json", *arguments))

    def test_perplexity_is_that_of_the_logits(self):
        ids, context = self.ids(), 20
        self.assertEqual(len(ids) // context, 2)
        losses = []
        for begin in (0, context):
            chunk = ids[begin : begin + context]
            rows = self.logits(chunk, "--all")
            for row in range(context // 2, context - 1):
                total = math.log(math.fsum(map(math.exp, rows[row])))
                losses.append(total - rows[row][chunk[row + 1]])
        result = self.perplexity("-c", context)
        self.assertAlmostEqual(math.log(result["ppl"]), sum(losses) / len(losses), places=4)
        self.assertEqual((result["chunks"], result["tokens"]), (2, len(ids)))
        self.assertEqual((result["scored"], result["context"]), (len(losses), context))
        self.assertEqual((result["backend"], result["quantization"]), ("cpu", "Q4_1"))
        self.assertEqual(result["commit"], self.commit())
        self.assertGreater(result["ppl_error"], 0)
        self.assertGreater(result["seconds"], 0)
        printed = self.run_model("eval", "ppl", self.text, "-c", context)
        self.assertIn(f"{result['ppl']:.4f}", printed)

    def test_chunks_bound_the_work(self):
        one = self.perplexity("-c", "20", "--chunks", "1")
        self.assertEqual((one["chunks"], one["scored"]), (1, 9))

    def test_divergence_from_itself_is_nothing(self):
        base = self.folder / "base.bin"
        kept = self.perplexity("-c", "20", "--save-logits", base)
        scored = 2 * 9
        row_bytes = 8 + 2 * 49152
        self.assertEqual(base.stat().st_size, 20 + 4 * 40 + scored * row_bytes)
        result = json.loads(self.run_model("eval", "kld", "--base", base, "--json"))
        self.assertLess(abs(result["kld"]), 1e-5)
        self.assertEqual((result["same_top"], result["scored"]), (1, scored))
        self.assertAlmostEqual(result["ppl"], kept["ppl"], places=6)
        printed = self.run_model("eval", "kld", "--base", base)
        self.assertIn("mean KLD", printed)
        self.assert_refused(1, ["text.txt", "_logits_"], "eval", "kld", "--base", self.text)

    def test_logits_of_the_last_position(self):
        ids = [504, 3575, 282, 4649, 314]
        rows = self.logits(ids, "--all")
        self.assertEqual((len(rows), len(rows[0])), (5, 49152))
        (last,) = self.logits(ids)
        self.assertEqual(last, rows[-1])
        self.assertEqual(max(range(49152), key=last.__getitem__), 7042)  # " Paris"

    def test_refusals(self):
        model = ["-m", self.model(), "--device", "cpu"]
        self.assert_refused(1, ["none.txt"], "eval", "ppl", "none.txt", *model)
        self.assert_refused(1, ["512"], "eval", "ppl", self.text, *model)  # too short for a chunk
        self.assert_refused(1, ["4 tokens", "2"], "eval", "ppl", self.text, *model, "-c", "2")
        out = ["-o", self.folder / "out.npy"]
        self.assert_refused(1, ["49152"], "eval", "logits", "--tokens", "1,49152", *out, *model)
        self.assert_refused(2, ["-1"], "eval", "logits", "--tokens", "1,-1", *out)
        self.assert_refused(2, ["--tokens"], "eval", "logits", *out)
        self.assert_refused(1, ["/none/out.npy"], "eval", "logits", "--tokens", "1", "-o",
                            "/none/out.npy", *model)  # fmt: skip
        self.assert_refused(2, [], "eval")


if __name__ == "__main__":
    unittest.main()
