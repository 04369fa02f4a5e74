#!/usr/bin/env python3
"""run_unittests.py FOLDER REPORT: runs FOLDER/test_*.py and writes the counts to REPORT as JSON."""

import json
import sys
import unittest


class CountingResult(unittest.TextTestResult):
    """unittest keeps no count of what passed."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.passed += 1


def main():
    folder, report = sys.argv[1:]
    tests = unittest.defaultTestLoader.discover(folder)
    result = unittest.TextTestRunner(resultclass=CountingResult, verbosity=2).run(tests)
    failures = [*result.failures, *result.errors, *result.unexpectedSuccesses]
    skips = [f"{test.id()}: {reason}" for test, reason in result.skipped]
    with open(report, "w", encoding="utf-8") as file:
        json.dump({"passed": result.passed, "failed": len(failures), "skips": skips}, file)


if __name__ == "__main__":
    main()
