"""./check counts what its suites report, and takes no failure for a success."""

import contextlib
import importlib.util
import io
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools" / "check"))
import gpu  # noqa: E402  (they are found only now)
import programs  # noqa: E402
import suite  # noqa: E402

REPORT = """\
<testsuites><testsuite name="A">
  <testcase name="Ok" status="run" classname="A"/>
  <testcase name="Bad" status="run" classname="A"><failure message="1 is not 2"/></testcase>
  <testcase name="NoModel" status="run" classname="A">
    <skipped message="a.cpp:2&#x0A;no model"/>
  </testcase>
  <testcase name="DISABLED_x" status="notrun" classname="A"/>
</testsuite></testsuites>
"""


def load_main():
    path = ROOT / "tools" / "check" / "__main__.py"
    spec = importlib.util.spec_from_file_location("check_main", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def script(self, text):
        path = self.folder / "program"
        path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
        path.chmod(0o755)
        return path


class GoogleTest(Folder):
    def run_program(self, report, end, fast=False):
        (self.folder / "report").write_text(report, encoding="utf-8")
        copy = f'cp "{self.folder}/report" "${{1#--gtest_output=xml:}}"' if report else ""
        return programs.run_googletest(self.script(f"echo said\n{copy}\n{end}\n"), fast)

    def test_counts_and_reasons(self):
        result = self.run_program(REPORT, "exit 1")
        self.assertEqual((result.passed, result.failed, result.skipped), (1, 1, 2))
        reasons = [skip.reason for skip in result.skips]
        self.assertEqual(reasons, ["A.NoModel: no model", "A.DISABLED_x is disabled"])
        self.assertIn("said", result.output)

    def test_crash_without_report(self):
        result = self.run_program("", "kill -SEGV $$")
        self.assertEqual((result.passed, result.failed), (0, 1))
        self.assertIn("SIGSEGV", result.output)

    def test_failure_after_the_report(self):
        report = "<testsuites><testcase name='Ok' status='run' classname='A'/></testsuites>"
        result = self.run_program(report, "exit 3")
        self.assertEqual((result.passed, result.failed), (1, 1))

    def test_slow_tests_are_counted_when_left_out(self):
        listing = 'case $1 in --gtest_list*) printf "A.\\n  SlowOne\\n  SlowTwo\\n"; esac'
        result = programs.run_googletest(self.script(listing), fast=True)
        self.assertEqual((result.failed, result.skipped), (0, 2))


class Cargo(unittest.TestCase):
    def run_cargo(self, exit_code, output):
        with mock.patch("programs.run_command", return_value=suite.Outcome(exit_code, output)):
            return programs.run_cargo()

    def test_counts_of_all_test_programs(self):
        line = "test result: {}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out\n"
        result = self.run_cargo(101, line.format("FAILED", 3, 1, 2) + line.format("ok", 4, 0, 0))
        self.assertEqual((result.passed, result.failed, result.skipped), (7, 1, 2))

    def test_crate_that_does_not_compile(self):
        result = self.run_cargo(101, "error: no such thing\n")
        self.assertEqual((result.passed, result.failed), (0, 1))


class PythonTests(Folder):
    TESTS = """
import unittest
class T(unittest.TestCase):
    def test_good(self): pass
    def test_bad(self): self.fail()
    def test_error(self): raise ValueError
    @unittest.expectedFailure
    def test_known(self): self.fail()
    @unittest.skip("why not")
    def test_left_out(self): pass
"""

    def run_file(self, text):
        (self.folder / "test_it.py").write_text(text, encoding="utf-8")
        return programs.run_python(self.folder, self.folder)

    def test_counts_and_reasons(self):
        result = self.run_file(self.TESTS)
        self.assertEqual((result.passed, result.failed), (2, 2))
        self.assertEqual(
            [skip.reason for skip in result.skips], ["test_it.T.test_left_out: why not"]
        )

    def test_file_that_cannot_be_read(self):
        self.assertEqual(self.run_file("import no_such_module").failed, 1)


class Commands(Folder):
    def test_time_limit(self):
        with mock.patch("suite.TIME_LIMIT_S", 0.2):
            outcome = suite.run_command([self.script("echo begun; sleep 60 & sleep 60")])
        self.assertNotEqual(outcome.exit_code, 0)
        self.assertRegex(outcome.output, "begun\n\nStopped: .* longer than")

    def test_error_in_a_suite_is_its_failure(self):
        def broken():
            raise FileNotFoundError("no tool")

        _, result, _ = suite.timed(suite.Suite("broken", broken))
        self.assertEqual(result.failed, 1)
        self.assertIn("no tool", result.output)


class Gpu(Folder):
    def find_adapter(self, listing, end="exit 0"):
        with contextlib.redirect_stdout(io.StringIO()):
            return gpu.find_adapter(self.script(f"echo '{listing}'\n{end}\n"))

    def test_a_real_one_passes(self):
        adapter = '{"name": "X", "driver": "1", "kind": "discrete GPU"}'
        self.assertEqual(self.find_adapter(f'[{adapter}, {{"kind": "processor"}}]').passed, 1)

    def test_none_fails_by_name(self):
        for kind in ("software", "processor"):
            result = self.find_adapter(f'[{{"name": "llvmpipe", "kind": "{kind}"}}]')
            self.assertEqual((result.passed, result.failed), (0, 1))
            self.assertIn(f"'llvmpipe' ({kind})", result.output)

    def test_a_list_that_fails(self):
        result = self.find_adapter("no driver", "exit 1")
        self.assertEqual((result.failed, result.output), (1, "no driver\n"))

    def test_a_program_that_is_missing_fails(self):
        for one in gpu.gpu_suites(self.folder, fast=False):
            _, result, _ = suite.timed(one)
            self.assertEqual(result.failed, 1)
            self.assertIn(one.name, result.output)


class Report(unittest.TestCase):
    def close(self, *results):
        report = load_main().Report()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for number, result in enumerate(results):
                report.add(suite.Suite(f"suite{number}", None), result, 0.5)
            good = report.close()
        return good, printed.getvalue()

    def test_closing_line_and_skips(self):
        good, text = self.close(
            suite.Result(passed=2, skips=[suite.Skip("no GPU", 3)]), suite.Result(passed=1)
        )
        self.assertTrue(good)
        self.assertTrue(text.endswith("\n  suite0: no GPU (3)\n\n3 passed, 0 failed, 3 skipped\n"))

    def test_failure_shows_its_output(self):
        good, text = self.close(suite.Result(failed=1, output="what went wrong\n"))
        self.assertFalse(good)
        self.assertIn("what went wrong", text)
        self.assertTrue(text.endswith("\n0 passed, 1 failed, 0 skipped\n"))


if __name__ == "__main__":
    unittest.main()
