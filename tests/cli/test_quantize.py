"""`weft quantize`: what it prints and writes; whether others read it and the model still answers."""

import json
import os
import pathlib
import shutil
import unittest

from weft_case import WeftCase

try:
    import gguf
except ImportError:
    gguf = None


class Quantize(WeftCase):
    def quantized(self, *arguments):
        """The default model, quantised: its path, and the objects printed."""
        path = pathlib.Path(self.temporary_folder()) / "out.gguf"
        printed = self.assert_ok("quantize", self.model(), path, *arguments, "--json")
        return path, [json.loads(line) for line in printed.splitlines()]

    def test_errors_by_tensor_and_in_all(self):
        path, lines = self.quantized("Q8_0")
        *tensors, total = lines
        self.assertEqual(len(tensors), 272)
        self.assertEqual(total["type"], "Q8_0")
        self.assertGreater(os.path.getsize(path), total["bytes_after"])
        self.assertEqual(total["bytes_after"], sum(t["bytes_after"] for t in tensors))
        self.assertLess(total["relative_error"], 0.01)
        for tensor in tensors:
            self.assertEqual("rms_error" in tensor, tensor["from"] != tensor["to"])

    def test_the_model_that_is_read_is_not_written_over(self):
        model = pathlib.Path(self.temporary_folder()) / "model.gguf"
        model.symlink_to(self.model())
        for out in (model, self.model()):
            self.assert_refused(1, [str(out)], "quantize", model, out, "Q8_0")
        folder = pathlib.Path(self.temporary_folder()) / "folder"
        shutil.copytree(pathlib.Path(__file__).parents[2] / "src/testing/models/llama3", folder)
        config = folder / "config.json"
        self.assert_refused(1, [str(config)], "convert", folder, config)
        self.assertTrue(json.loads(config.read_text(encoding="utf-8")))

    def test_the_model_still_answers(self):
        path, _ = self.quantized("Q6_K")
        answer = self.assert_ok("run", "-m", path, "--device", "cpu", "--temp", "0", "-n", "4",
                                "--raw", "The capital of France is")  # fmt: skip
        self.assertIn("Paris", answer)

    def test_while_loading(self):
        folder = pathlib.Path(__file__).parents[2] / "src/testing/models/llama3"
        cache = self.temporary_folder()
        command = ["bench", "-m", folder, "--device", "cpu", "-p", "4", "-n", "0", "-r", "1", "--json"]
        for arguments, quantization in [([], "BF16"), (["--quantize", "q8_0"], "Q8_0")]:
            printed = self.assert_ok(*command, *arguments, XDG_CACHE_HOME=cache)
            self.assertEqual(json.loads(printed)["quantization"], quantization)
        copies = pathlib.Path(cache) / "weft" / "quantized"
        [copy] = copies.iterdir()
        made = copy.stat().st_ino
        self.assert_ok(*command, "--quantize", "Q8_0", XDG_CACHE_HOME=cache)
        self.assertEqual([path.stat().st_ino for path in copies.iterdir()], [made])
        os.utime(copy, (0, 0))  # nobody has used it for long
        self.assert_ok(*command, "--quantize", "q4_0", XDG_CACHE_HOME=cache)
        self.assertNotIn(copy, copies.iterdir())
        self.assert_refused(2, ["'q9'"], *command, "--quantize", "q9")

    @unittest.skipIf(gguf is None, "the Python package gguf is not installed")
    def test_the_python_package_reads_it(self):
        path, lines = self.quantized("Q4_K_M", "--pure")
        before = {t.name: t for t in gguf.GGUFReader(self.model()).tensors}
        after = {t.name: t for t in gguf.GGUFReader(path).tensors}
        self.assertEqual(before.keys(), after.keys())
        for line in lines[:-1][:40]:
            old, new = before[line["tensor"]], after[line["tensor"]]
            self.assertEqual(new.tensor_type.name.lower(), line["to"].lower())
            x = gguf.quants.dequantize(old.data, old.tensor_type)
            y = gguf.quants.dequantize(new.data, new.tensor_type)
            error = float((((x - y) ** 2).sum() / (x**2).sum()) ** 0.5)
            self.assertAlmostEqual(error, line.get("relative_error", 0), places=5)

    def test_people_read_a_table(self):
        path = pathlib.Path(self.temporary_folder()) / "out.gguf"
        printed = self.assert_ok("quantize", self.model(), path, "Q4_0")
        self.assertRegex(printed, r"'blk\.0\.attn_q\.weight' +q4_1 -> q4_0 +\d\.\d+e-\d+ +\d+\.\d+ %")
        self.assertRegex(printed.splitlines()[-1], r"MB of .* MB, error .*%")

    def test_refusals(self):
        folder = pathlib.Path(self.temporary_folder())
        out = folder / "out.gguf"
        self.assert_refused(2, ["'Q9'", "Q4_K_M"], "quantize", self.model(), out, "Q9")
        self.assert_refused(1, ["none.gguf"], "quantize", folder / "none.gguf", out, "Q8_0")
        self.assert_refused(1, ["no importance matrix"], "quantize", self.model(), out, "Q8_0",
                            "--imatrix", self.model())  # fmt: skip
        self.assert_refused(1, ["nowhere"], "quantize", self.model(), folder / "nowhere" / "x", "Q8_0")
        self.assertEqual(list(folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
