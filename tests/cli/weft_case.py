"""What every test of the command line is made of: running the program and looking at what it did.

WEFT_BINARY names the program and WEFT_TEST_MODEL the default model; ./check sets both. To run one
file by hand:  WEFT_BINARY=build/release/bin/weft python3 tests/cli/test_basics.py
"""

import os
import subprocess
import tempfile
import unittest

TIME_LIMIT_S = 120


class WeftCase(unittest.TestCase):
    def weft(self, *arguments, stdin="", folder=None, **environment):
        """Runs `weft ARGUMENTS` to its end; the result has returncode, and stdout and stderr as
        text."""
        return subprocess.run(
            [os.environ["WEFT_BINARY"], *map(str, arguments)],
            input=stdin,
            cwd=folder,
            env={**os.environ, **environment},
            text=True,
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )

    def assert_ok(self, *arguments, **options):
        """Runs it, expects success, and returns what it printed to standard output."""
        done = self.weft(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_refused(self, exit_code, words, *arguments, **options):
        """Expects `exit_code`, nothing on standard output, and on standard error a message that has
        each of `words` and is no longer than a sentence and its context."""
        done = self.weft(*arguments, **options)
        self.assertEqual(done.returncode, exit_code, done.stderr)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertLessEqual(len(done.stderr.strip().splitlines()), 3, done.stderr)

    def temporary_folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def model(self):
        """The default model's path, or the test is skipped."""
        if "WEFT_TEST_MODEL" not in os.environ:
            self.skipTest("WEFT_TEST_MODEL is not set")
        return os.environ["WEFT_TEST_MODEL"]
