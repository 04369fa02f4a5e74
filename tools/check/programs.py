"""Suites that run what the build made: GoogleTest programs, Rust, Python tests, fuzz targets."""

import json
import pathlib
import re
import sys
import tempfile
import xml.etree.ElementTree

from suite import ROOT, Result, Skip, Suite, one_test, run_command

FUZZ_SECONDS = 15  # two at a time: a minute in all
# Tests with this word in their name are left out of the inner loop.
SLOW = "*Slow*"
CARGO_RESULT = re.compile(r"^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored", re.M)


def googletest_suites(folder, fast):
    programs = sorted(folder.glob("*_test"))
    return [Suite(p.name, lambda p=p: run_googletest(p, fast)) for p in programs]


def run_googletest(program, fast):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        selection = [f"--gtest_filter=-{SLOW}"] if fast else []
        outcome = run_command([program, f"--gtest_output=xml:{report}", *selection])
        result = Result(output=outcome.output)
        if report.exists():
            count_googletest(xml.etree.ElementTree.parse(report), result)
    if outcome.exit_code != 0 and result.failed == 0:
        result.failed = 1  # it crashed, or failed outside a test
    if fast:
        result.skips += slow_tests(program)
    return result


def count_googletest(report, result):
    for case in report.iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skip = case.find("skipped")
        if case.get("status") == "notrun":
            result.skips.append(Skip(f"{name} is disabled"))
        elif case.find("failure") is not None:
            result.failed += 1
        elif skip is not None:
            reason = skip.get("message", "").partition("\n")[2].strip() or "no reason given"
            result.skips.append(Skip(f"{name}: {reason}"))
        else:
            result.passed += 1


def slow_tests(program):
    outcome = run_command([program, "--gtest_list_tests", f"--gtest_filter={SLOW}"])
    count = len(re.findall(r"^  \S", outcome.output, flags=re.MULTILINE))
    return [Skip("slow tests, because of --fast", count)] if count else []


def cargo_suite():
    return Suite("rust", run_cargo)


def run_cargo():
    manifest = ROOT / "rust" / "Cargo.toml"
    # In release, because the build has already compiled the dependencies so.
    command = ["cargo", "test", "--release", "--locked", "--offline", "--manifest-path", manifest]
    outcome = run_command(command)
    counts = [tuple(map(int, match)) for match in CARGO_RESULT.findall(outcome.output)]
    passed, failed, ignored = (sum(column) for column in zip((0, 0, 0), *counts))
    if outcome.exit_code != 0:
        failed = max(failed, 1)
    skips = [Skip("tests that the crate marks as ignored", ignored)] if ignored else []
    return Result(passed, failed, skips, outcome.output)


def python_suites(weft):
    folders = sorted(path for path in (ROOT / "tests").iterdir() if list(path.glob("test_*.py")))
    return [python_suite(folder.name, weft) for folder in folders]


def python_suite(name, weft):
    return Suite(f"tests/{name}", lambda: run_python(ROOT / "tests" / name, weft))


def run_python(folder, weft):
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.json"
        runner = ROOT / "tools" / "check" / "run_unittests.py"
        command = [sys.executable, runner, folder, report]
        outcome = run_command(command, WEFT_BINARY=str(weft))
        if not report.exists():
            return Result(failed=1, output=outcome.output)
        counts = json.loads(report.read_text(encoding="utf-8"))
    skips = [Skip(reason) for reason in counts["skips"]]
    return Result(counts["passed"], counts["failed"], skips, outcome.output)


def fuzz_suites(build):
    targets = sorted((build / "bin").glob("*_fuzz"))
    return [Suite(t.name, lambda t=t: run_fuzz(t, build)) for t in targets]


def run_fuzz(target, build):
    corpus = build / "corpus" / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = sorted((ROOT / "src").rglob(f"{target.name}_seeds"))
    options = [f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048",
               f"-artifact_prefix={build}/{target.name}-", "-print_final_stats=1"]
    return one_test(run_command([target, *options, corpus, *seeds]))
