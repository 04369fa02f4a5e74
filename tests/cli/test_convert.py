"""`weft convert`: a folder as a GGUF file that answers as the folder does."""

import pathlib
import unittest

from weft_case import WeftCase

LLAMA3 = pathlib.Path(__file__).parents[2] / "src/testing/models/llama3"
GEMMA = LLAMA3.parent / "gemma"


class Convert(WeftCase):
    def converted(self, folder, *arguments):
        path = pathlib.Path(self.temporary_folder()) / "out.gguf"
        self.assert_ok("convert", folder, path, *arguments)
        return path

    def answer(self, model):
        return self.assert_ok("run", "-m", model, "--device", "cpu", "--temp", "0", "-n", "12",
                              "the moth")  # fmt: skip

    def test_answers_as_the_folder_does(self):
        self.assertEqual(self.answer(self.converted(LLAMA3)), self.answer(LLAMA3))

    def test_with_another_type(self):
        path = self.converted(LLAMA3, "--type", "f16")
        self.assertIn("f16", self.assert_ok("inspect", path))
        self.assertEqual(self.answer(path), self.answer(LLAMA3))

    def test_quantize_takes_folders(self):
        path = pathlib.Path(self.temporary_folder()) / "out.gguf"
        self.assertIn("bf16 -> q8_0", self.assert_ok("quantize", LLAMA3, path, "Q8_0"))
        self.assertEqual(self.answer(path), self.answer(LLAMA3))

    def test_a_folder_without_vocabulary(self):
        path = pathlib.Path(self.temporary_folder()) / "out.gguf"
        done = self.weft("convert", GEMMA, path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no vocabulary", done.stderr)

    def test_a_folder_of_a_gguf_file_answers_as_the_file_does(self):
        path = self.converted(LLAMA3)
        folder = pathlib.Path(self.temporary_folder()) / "folder"
        self.assert_ok("convert", path, folder, "--type", "F32")
        self.assertEqual(self.answer(folder), self.answer(LLAMA3))
        self.assert_refused(1, ["is not empty"], "convert", path, folder)
        self.assert_refused(1, ["F32, F16 or BF16"], "convert", path, folder, "--type", "Q8_0")

    def test_refusals(self):
        folder = pathlib.Path(self.temporary_folder())
        self.assert_refused(1, ["config.json"], "convert", folder, folder / "out.gguf")
        self.assert_refused(2, ["'q9'"], "convert", LLAMA3, folder / "out.gguf", "--type", "q9")
        self.assertEqual(list(folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
