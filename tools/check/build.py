"""The builds that ./check needs. Their output goes straight to the terminal: they are long."""

import subprocess

from suite import ROOT, Result

CHECK = ROOT / "build" / "check"
FUZZ = ROOT / "build" / "fuzz"
CLANG = ("-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19")


def run(command):
    words = [str(word) for word in command]
    return subprocess.run(words, check=False, stdin=subprocess.DEVNULL).returncode == 0


def as_result(good):
    output = "" if good else "Its output stands above.\n"
    return Result(passed=int(good), failed=int(not good), output=output)


def run_build(folder, options, target):
    """Passes when `target` was built. Programs whose sources are gone do not stay behind."""
    return as_result(
        run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", *options])
        and run(["ninja", "-C", folder, "-t", "cleandead"])
        and run(["cmake", "--build", folder, "--target", target])
    )


def set_up():
    return as_result(run([ROOT / "setup" / "install", "--tests"]))


def build_tests():
    return run_build(CHECK, ["-DCMAKE_BUILD_TYPE=Release", "-DWEFT_TESTS=ON"], "all")


def build_fuzzers():
    return run_build(FUZZ, [*CLANG, "-DWEFT_TESTS=OFF", "-DWEFT_FUZZ=ON"], "fuzzers")
