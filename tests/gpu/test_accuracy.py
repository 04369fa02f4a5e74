"""The default model on the GPU computes what it should: perplexity as llama.cpp has it, and the
distributions of the CPU backend. On a software adapter over one chunk of the text, else over ten."""

import hashlib
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from weft_case import WeftCase  # noqa: E402  (it is found only now)

# `cat /usr/share/common-licenses/* | head -c 200000` on Debian 12; WEFT_TEST_TEXT names a copy.
TEXT_SHA256 = "9174542a1af7ec1e2052023012528b8504d77b3123904078d030f0f0d3b16eda"
LICENSES = pathlib.Path("/usr/share/common-licenses")
# By chunks: llama-perplexity -c 512 of llama.cpp v0.5.0, with the same weights as F32.
PERPLEXITY = {1: 14.1599, 10: 12.9552}


def read_text():
    if "WEFT_TEST_TEXT" in os.environ:
        return pathlib.Path(os.environ["WEFT_TEST_TEXT"]).read_bytes()
    return b"".join(path.read_bytes() for path in sorted(LICENSES.glob("*")))[:200000]


class Accuracy(WeftCase):
    def setUp(self):
        self.folder = pathlib.Path(self.temporary_folder())
        self.adapter = json.loads(self.assert_ok("devices", "--json"))[0]
        if self.adapter["kind"] == "processor":
            self.skipTest("no GPU adapter")
        text = read_text()
        if hashlib.sha256(text).hexdigest() != TEXT_SHA256:
            self.skipTest("not the licence texts of Debian 12; WEFT_TEST_TEXT may name them")
        self.text = self.folder / "text.txt"
        self.text.write_bytes(text)

    def evaluate(self, what, device, *arguments):
        return json.loads(self.assert_ok("eval", what, *arguments, "-m", self.model(), "--device",
                                         device, "--json"))  # fmt: skip

    def test_perplexity_and_divergence(self):
        chunks = 1 if self.adapter["kind"] == "software" else 10
        base = self.folder / "base.bin"
        self.evaluate("ppl", "cpu", self.text, "-c", 512, "--chunks", chunks,
                      "--save-logits", base)  # fmt: skip
        result = self.evaluate("kld", "gpu", "--base", base)
        self.assertEqual(result["device"], self.adapter["name"])
        self.assertAlmostEqual(result["ppl"] / PERPLEXITY[chunks], 1, delta=0.005)
        self.assertLessEqual(result["kld"], 1e-3)
        self.assertGreaterEqual(result["same_top"], 0.98)


if __name__ == "__main__":
    unittest.main()
