"""./check: builds Weft and runs every test and check.

The last line is `N passed, N failed, N skipped` over all suites; what was skipped stands before it.
The exit code is 0 when nothing failed, else 1.
"""

import argparse
import concurrent.futures
import os
import pathlib
import sys
import tempfile

import build
import gpu
import programs
import sources
from suite import ROOT, Result, Skip, Suite, timed

sys.path.insert(0, str(ROOT / "setup"))
import wheels  # noqa: E402  (it is found only now)

DRIVER_FOLDERS = ("/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d")


class Report:
    """Prints each suite as it ends, and the sum of all."""

    def __init__(self):
        self.results = []

    def add(self, suite, result, seconds):
        self.results.append((suite, result))
        if result.failed:
            print(f"\n===== {suite.name} failed:\n{result.output}=====\n")
        word = "FAILED" if result.failed else "ok"
        counts = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"
        print(f"{word:6}  {suite.name:24}  {counts}, {seconds:.1f} s", flush=True)

    def run(self, suite):
        """Runs one suite now; True when it passed."""
        _, result, _ = outcome = timed(suite)
        self.add(*outcome)
        return result.failed == 0

    def skip(self, suite, reason):
        self.results.append((suite, Result(skips=[Skip(reason)])))

    def close(self):
        """Prints what was skipped and the closing line; True when nothing failed."""
        skips = [(suite, skip) for suite, result in self.results for skip in result.skips]
        if skips:
            print("\nSkipped:")
        for suite, skip in skips:
            count = f" ({skip.count})" if skip.count > 1 else ""
            print(f"  {suite.name}: {skip.reason}{count}")
        totals = [sum(getattr(result, name) for _, result in self.results)
                  for name in ("passed", "failed", "skipped")]
        print("\n{} passed, {} failed, {} skipped".format(*totals), flush=True)
        return totals[1] == 0


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./check", description=__doc__)
    parser.add_argument("--fast", action="store_true",
                        help="leave out format, fuzzing and the tests named Slow")
    parser.add_argument("--gpu", action="store_true",
                        help="run the tests that compute on a GPU, alone, on this machine's")
    parser.add_argument("--programs", type=pathlib.Path, metavar="FOLDER",
                        help="with --gpu: run weft and the test programs in FOLDER, and install "
                             "and build nothing; WEFT_TEST_MODEL names the default model")
    arguments = parser.parse_args()
    if arguments.programs and not arguments.gpu:
        parser.error("--programs needs --gpu")
    return arguments


def vulkan_drivers(on_gpu):
    """The drivers for a GPU, or else lavapipe alone: so no test runs on the other by mistake."""
    if on_gpu and "VK_DRIVER_FILES" in os.environ:
        return os.environ["VK_DRIVER_FILES"]
    drivers = [path for folder in DRIVER_FOLDERS for path in pathlib.Path(folder).glob("*.json")]
    chosen = [str(path) for path in drivers if path.name.startswith("lvp_") != on_gpu]
    return os.pathsep.join(chosen) or "none"


def set_environment(scratch, arguments):
    """What tests may rely on: the default model, a runtime folder, the Vulkan driver to use."""
    if arguments.programs is None:
        os.environ["WEFT_TEST_MODEL"] = str(wheels.model_path())
    os.environ.setdefault("XDG_RUNTIME_DIR", scratch)
    os.environ["VK_DRIVER_FILES"] = vulkan_drivers(arguments.gpu)


def run_parallel(suites, report):
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for done in concurrent.futures.as_completed(pool.submit(timed, s) for s in suites):
            report.add(*done.result())


def run_all(fast, report):
    set_up = Suite("setup", build.set_up)
    if not report.run(set_up):
        return
    suites = [sources.LAYERS, sources.SHELL]
    if fast:
        report.skip(sources.FORMAT, "because of --fast")
    else:
        suites.append(sources.FORMAT)
    if report.run(Suite("build", build.build_tests)):
        suites += programs.googletest_suites(build.CHECK / "bin", fast)
        suites += programs.python_suites(build.CHECK / "bin" / "weft")
        suites.append(programs.cargo_suite())
    else:
        report.skip(Suite("all that needs the build", run=Result), "the build failed")
    fuzz_build = Suite("build of fuzz targets", build.build_fuzzers)
    if fast:
        report.skip(fuzz_build, "because of --fast")
    elif report.run(fuzz_build):
        suites = programs.fuzz_suites(build.FUZZ) + suites
    run_parallel(suites, report)


def run_on_gpu(arguments, report):
    folder = arguments.programs
    if folder is None:
        steps = (Suite("setup", build.set_up), Suite("build", build.build_tests))
        if not all(report.run(step) for step in steps):
            return
        folder = build.CHECK / "bin"
    if report.run(gpu.adapter_suite(folder.resolve())):
        run_parallel(gpu.gpu_suites(folder.resolve(), arguments.fast), report)


def main():
    arguments = parse_arguments()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="weft-check-") as scratch:
        set_environment(scratch, arguments)
        if arguments.gpu:
            run_on_gpu(arguments, report)
        else:
            run_all(arguments.fast, report)
    sys.exit(0 if report.close() else 1)


if __name__ == "__main__":
    main()
