"""What holds for the program as a whole: version, help, and how it refuses."""

import os
import pathlib
import subprocess
import unittest

from weft_case import WeftCase


class Basics(WeftCase):
    def test_version(self):
        self.assertRegex(self.assert_ok("--version"), r"\Aweft \d+\.\d+\.\d+")

    def test_help_of_the_program(self):
        self.assertIn("run", self.assert_ok("--help"))

    def test_unknown_flag(self):
        self.assert_refused(2, ["--no-such-flag"], "run", "--no-such-flag", "Hello")

    def test_unknown_command(self):
        self.assert_refused(2, ["no-such-command"], "no-such-command")

    def test_missing_file(self):
        path = os.path.join(self.temporary_folder(), "none.gguf")
        self.assert_refused(1, [path], "inspect", path)

    def test_output_that_cannot_be_written(self):
        for arguments in [["--help"], ["completion", "bash"], ["tokenize", "-m", self.model(), "Hi"],
                          ["inspect", self.model()]]:  # fmt: skip
            with self.subTest(arguments[0]), open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([os.environ["WEFT_BINARY"], *arguments], stdout=full,
                                      stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r"\Aweft: .*write.*\.\n\Z")

    def test_file_of_another_kind(self):
        path = pathlib.Path(self.temporary_folder()) / "other.gguf"
        path.write_text("This is no model.", encoding="utf-8")
        self.assert_refused(1, [str(path)], "inspect", path)


if __name__ == "__main__":
    unittest.main()
