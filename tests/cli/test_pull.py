"""`weft pull`, against a server that fails, truncates and lies."""

import pathlib
import random
import unittest

from hub_server import HubServer
from weft_case import WeftCase

SIZE = 40_000_000  # three pieces


class Pull(WeftCase):
    def setUp(self):
        data = random.Random(1).randbytes(SIZE)
        self.hub = HubServer({"model.Q4_K_M.gguf": data, "model.Q8_0.gguf": b"x" * 1000})
        self.addCleanup(self.hub.close)
        self.cache = pathlib.Path(self.temporary_folder())
        self.folder = self.cache / "weft/models/org/repo"
        self.file = self.folder / "model.Q4_K_M.gguf"

    def pull(self, *arguments, **environment):
        return self.weft("pull", *arguments, HF_ENDPOINT=self.hub.endpoint, HF_TOKEN="",
                         XDG_CACHE_HOME=str(self.cache), **environment)  # fmt: skip

    def assert_pulled(self, *arguments):
        done = self.pull(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_fails(self, words, *arguments):
        done = self.pull(*arguments)
        self.assertEqual(done.returncode, 1, done.stdout)
        for word in words:
            self.assertIn(word, done.stderr)

    def assert_whole(self):
        self.assertEqual(self.file.read_bytes(), self.hub.files["model.Q4_K_M.gguf"])
        self.assertEqual(list(self.folder.iterdir()), [self.file])

    def test_the_usual_file_of_several(self):
        self.assertIn("40.0 MB, checksums right", self.assert_pulled("hf:org/repo"))
        self.assert_whole()

    def test_what_is_there_is_not_fetched_again(self):
        self.assert_pulled("hf:org/repo:model.Q4_K_M.gguf")
        self.assert_pulled("hf:org/repo:model.Q4_K_M.gguf")
        self.assertEqual(self.hub.served, SIZE)
        self.file.write_bytes(b"y" * SIZE)
        self.assert_pulled("hf:org/repo:q4_k_m")
        self.assert_whole()

    def test_a_server_that_fails_and_truncates(self):
        self.hub.failures = 2
        self.hub.cuts, self.hub.cut_at = 2, 1_000_000
        self.assert_pulled("hf:org/repo")
        self.assert_whole()

    def test_goes_on_where_it_ended(self):
        # All but the last piece, which is not given.
        send = self.hub.send_file
        self.hub.send_file = lambda request, data: (
            self.hub.send(request, 404, b"gone")
            if request.headers["Range"].startswith("bytes=33554432-")
            else send(request, data))  # fmt: skip
        self.assert_fails(["404"], "hf:org/repo", "--connections", "1")
        self.assertEqual(self.hub.served, 33554432)
        self.assertFalse(self.file.exists())
        self.hub.send_file = send
        self.assert_pulled("hf:org/repo")
        self.assertEqual(self.hub.served, SIZE)
        self.assert_whole()

    def test_a_server_that_lies(self):
        self.hub.corrupt = True
        self.assert_fails(["has the checksum", "was announced"], "hf:org/repo")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_sizes_that_are_not_true(self):
        for size, no_ranges, words in [(SIZE - 1, False, "has the checksum"), (SIZE - 1, True, "has more than"),
                                       (0, False, "has the checksum"),
                                       (2**62, False, "takes 4611686018427387904 bytes")]:  # fmt: skip
            with self.subTest(size=size, no_ranges=no_ranges):
                entries = HubServer.entries(self.hub)
                next(e for e in entries if e["path"] == self.file.name)["lfs"]["size"] = size
                self.hub.entries = lambda told=entries: told
                self.hub.no_ranges = no_ranges
                self.assert_fails([words], "hf:org/repo")
                self.assertFalse(self.file.exists())

    def test_a_server_without_ranges(self):
        self.hub.no_ranges = True
        self.assert_pulled("hf:org/repo")
        self.assert_whole()

    def test_a_token(self):
        self.hub.token = "secret"
        self.assert_fails(["401", "HF_TOKEN"], "hf:org/repo")
        done = self.weft("pull", "hf:org/repo", HF_ENDPOINT=self.hub.endpoint, HF_TOKEN="secret",
                         XDG_CACHE_HOME=str(self.cache))  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.weft("pull", "hf:org/repo", HF_ENDPOINT="http://example.org", HF_TOKEN="secret")
        self.assertIn("unencrypted", done.stderr)

    def test_names_that_leave_the_folder(self):
        for path in ["../evil.gguf", "/evil.gguf", "a//b.gguf", "a\\b.gguf", "a/../../b.gguf"]:
            self.hub.extra_entries = [{"type": "file", "path": path, "size": 1, "oid": "0" * 40}]
            self.assert_fails(["is no path of a file in a repository"], "hf:org/repo")
        self.assertEqual(list(self.cache.iterdir()), [])

    def test_lists_that_make_no_sense(self):
        for entry in [{"type": "file"}, {"type": "file", "path": "a.gguf", "size": -1, "oid": "0"},
                      {"type": "file", "path": "a.gguf", "size": 1, "oid": "../x"}, 7]:  # fmt: skip
            self.hub.extra_entries = [entry]
            self.assert_fails(["tree/main"], "hf:org/repo")

    def test_what_is_not_there(self):
        self.assert_fails(["no files for 'Q3'", "'model.Q8_0.gguf'"], "hf:org/repo:Q3")
        self.assert_fails(["several files for 'model'"], "hf:org/repo:model")
        self.assert_fails(["404"], "hf:org/other")
        self.assert_fails(["hf:ORG/REPO"], "org/repo")
        self.assert_fails(["hf:ORG/REPO"], "hf:../..")

    def test_all_parts_of_a_split_file(self):
        parts = [f"big/m-Q4_K_M-{i:05}-of-00003.gguf" for i in (1, 2, 3)]
        self.hub.files = {name: name.encode() * 50 for name in parts}
        self.hub.files |= {"mmproj-Q4_K_M.gguf": b"eyes", "m.imatrix.gguf": b"weights"}
        for name in ["hf:org/repo", "hf:org/repo:q4_k_m", f"hf:org/repo:{parts[1]}"]:
            self.assertIn("m-Q4_K_M-00001-of-00003.gguf: ", self.assert_pulled(name))
            self.assertEqual({f"big/{p.name}" for p in (self.folder / "big").iterdir()}, set(parts))
        self.assert_pulled("hf:org/repo:mmproj")
        self.assertTrue((self.folder / "mmproj-Q4_K_M.gguf").exists())
        del self.hub.files[parts[2]]
        self.assert_fails(["but no 'big/m-Q4_K_M-00003-of-00003.gguf'"], "hf:org/repo")

    def test_a_folder_of_safetensors(self):
        names = ["config.json", "model.safetensors", "tokenizer.json", "README.md", "onnx/model.onnx"]
        self.hub.files = {name: name.encode() * 50 for name in names}
        self.assert_pulled("hf:org/repo")
        self.assertEqual({p.name for p in self.folder.iterdir()}, set(names[:3]))


if __name__ == "__main__":
    unittest.main()
