"""`weft list`, `show` and `rm`, and names for -m: models in Weft's folder and in other programs'."""

import hashlib
import json
import math
import pathlib
import shutil
import unittest

from gguf_split import split
from weft_case import WeftCase

TINY = pathlib.Path(__file__).parents[2] / "src/testing/models"


def put(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    return target


class Models(WeftCase):
    def setUp(self):
        self.home = pathlib.Path(self.temporary_folder()).resolve()
        gguf, folder = TINY / "llama3/model.gguf", TINY / "llama3"
        self.own = put(gguf, self.home / ".cache/weft/models/org/repo/tiny-Q8_0.gguf")
        put(gguf, self.home / ".lmstudio/models/pub/thing/thing.gguf")
        put(gguf, self.home / ".lmstudio/models/pub/thing/mmproj-thing.gguf")
        cache = self.home / ".cache/huggingface/hub/models--meta--llama"
        put(folder, cache / "snapshots/abc")
        put(folder, cache / "snapshots/old")
        (cache / "refs").mkdir()
        (cache / "refs/main").write_text("abc", encoding="utf-8")
        ollama = self.home / ".ollama/models"
        digest = hashlib.sha256(gguf.read_bytes()).hexdigest()
        put(gguf, ollama / f"blobs/sha256-{digest}")
        manifest = ollama / "manifests/registry.ollama.ai/library/tinyllama/1b"
        manifest.parent.mkdir(parents=True)
        layers = [{"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:none"},
                  {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"}]
        manifest.write_text(json.dumps({"layers": layers}), encoding="utf-8")
        (manifest.parent / "broken").write_text('{"layers": [7, {"mediaType": 3}]}', encoding="utf-8")
        self.more = self.home / "more"
        put(gguf, self.more / "deep/er/one.gguf")
        self.environment = {"HOME": str(self.home), "XDG_CACHE_HOME": "", "HF_HOME": "",
                            "HF_HUB_CACHE": "", "OLLAMA_MODELS": "", "WEFT_MODEL_DIR": ""}  # fmt: skip

    def ok(self, *arguments):
        return self.assert_ok(*arguments, **self.environment)

    def refused(self, words, *arguments, code=1):
        self.assert_refused(code, words, *arguments, **self.environment)

    def test_list_has_every_store(self):
        found = json.loads(self.ok("list", "--json", "--model-dir", self.more))
        self.assertEqual([(m["name"], m["store"]) for m in found],
                         [("org/repo/tiny-Q8_0", "weft"), ("deep/er/one", "folder"),
                          ("meta/llama", "Hugging Face"), ("meta/llama/model", "Hugging Face"),
                          ("pub/thing/thing", "LM Studio"), ("tinyllama:1b", "Ollama")])  # fmt: skip
        self.assertEqual(found[0]["path"], str(self.own))
        self.assertIn("snapshots/abc", found[2]["path"])
        self.assertEqual(found[0]["size_bytes"], self.own.stat().st_size)
        self.assertIn("org/repo/tiny-Q8_0", self.ok("list").splitlines()[0])

    def test_other_places_by_environment(self):
        self.environment["HF_HUB_CACHE"] = str(self.home / ".cache/huggingface/hub")
        self.environment["WEFT_MODEL_DIR"] = str(self.more)
        self.environment["OLLAMA_MODELS"] = str(self.home / "nowhere")
        names = [m["name"] for m in json.loads(self.ok("list", "--json"))]
        self.assertIn("deep/er/one", names)
        self.assertIn("meta/llama", names)
        self.assertNotIn("tinyllama:1b", names)

    def test_names_run(self):
        for name in ["org/repo/tiny-Q8_0", "TINY-q8_0", "hf:org/repo:Q8_0", "hf:org/repo", "meta/llama",
                     "tinyllama:1b", "thing", "tiny-q", "tinyl", "pub/th"]:  # fmt: skip
            with self.subTest(name):
                done = self.ok("run", "-m", name, "--device", "cpu", "--raw", "-n", "2", "--json", "the") \
                    if name == "meta/llama" else self.ok("inspect", name)  # fmt: skip
                self.assertTrue(done)

    def test_names_that_do_not_do(self):
        self.refused(["no model 'other'", "weft list"], "run", "-m", "other", "Hello")
        self.refused(["may be any of", "tiny-Q8_0", "tinyllama:1b"], "inspect", "tiny")
        self.refused(["no model 'tiny-q'"], "rm", "tiny-q")
        put(self.own, self.own.with_name("tiny-Q4_0.gguf"))
        self.refused(["may be any of", "tiny-Q4_0", "tiny-Q8_0"], "inspect", "hf:org/repo")

    def test_show(self):
        shown = json.loads(self.ok("show", "meta/llama", "--json"))
        self.assertEqual((shown["architecture"], shown["format"], shown["context"], shown["layers"]),
                         ("llama", "safetensors", 64, 2))  # fmt: skip
        self.assertTrue(shown["chat_template"])
        self.assertIn("architecture     llama", self.ok("show", "tinyllama:1b"))

    def test_rm(self):
        self.refused(["--yes"], "rm", "tiny-Q8_0", code=2)
        self.assertTrue(self.own.exists())
        self.refused(["belongs to Ollama"], "rm", "tinyllama:1b", "--yes")
        self.assertIn("is gone", self.ok("rm", "tiny-Q8_0", "--yes"))
        self.assertEqual(list((self.home / ".cache/weft/models").iterdir()), [])

    def test_a_file_in_parts_is_one_model(self):
        whole = self.home / "whole.gguf"
        self.ok("convert", TINY / "llama3", whole)
        folder = self.own.parent / "deep"
        folder.mkdir()
        parts = split(whole, folder, "big", 3)
        found = {m["name"]: m for m in json.loads(self.ok("list", "--json"))}
        self.assertEqual(found["org/repo/deep/big"]["path"], str(parts[0]))
        self.assertEqual(found["org/repo/deep/big"]["size_bytes"],
                         sum(part.stat().st_size for part in parts))  # fmt: skip
        self.assertNotIn("org/repo/deep/big-00002-of-00003", found)
        ask = ("--device", "cpu", "--raw", "-n", "4", "--temp", "0", "the other")
        for also in [(), ("--quantize", "Q8_0")]:
            self.assertEqual(self.ok("run", "-m", "big", *also, *ask),
                             self.ok("run", "-m", whole, *also, *ask))  # fmt: skip
        self.ok("quantize", parts[0], self.home / "joined.gguf", "F32")
        self.assertEqual(json.loads(self.ok("inspect", self.home / "joined.gguf", "--json"))["parameters"],
                         json.loads(self.ok("inspect", whole, "--json"))["parameters"])  # fmt: skip
        self.refused(["part 2 of 3", "big-00001-of-00003.gguf"], "run", "-m", parts[1], "Hello")
        self.ok("rm", "big", "--yes")
        self.assertFalse(folder.exists())

    def test_folders_everywhere(self):
        folder = TINY / "llama3"
        golden = json.loads((folder / "text.json").read_text(encoding="utf-8"))
        tokens = self.ok("tokenize", "-m", folder, "--ids", "the other")
        self.assertEqual(json.loads(f"[{tokens}]"), golden["tokens"])
        messages = self.home / "messages.json"
        messages.write_text('[{"role": "user", "content": "the moth"}]', encoding="utf-8")
        self.assertEqual(self.ok("template", "-m", folder, "--messages", messages),
                         "<s>user the moth</s>the ")  # fmt: skip
        report = json.loads(self.ok("inspect", folder, "--json"))
        self.assertEqual(report["format"], "safetensors")
        weights = (folder / "model.safetensors").read_bytes()
        header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
        sizes = [math.prod(t["shape"]) for name, t in header.items() if name != "__metadata__"]
        self.assertEqual(report["parameters"], sum(sizes))
        self.assertIn("model.layers.1.mlp.up_proj.weight", self.ok("inspect", folder))


if __name__ == "__main__":
    unittest.main()
