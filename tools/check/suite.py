"""What every suite of ./check is made of: a name, something to run, and a result."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TIME_LIMIT_S = 900


@dataclasses.dataclass(frozen=True)
class Skip:
    reason: str
    count: int = 1


@dataclasses.dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skips: list[Skip] = dataclasses.field(default_factory=list)
    output: str = ""  # shown in full when something failed

    @property
    def skipped(self):
        return sum(skip.count for skip in self.skips)


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    run: Callable[[], Result]


@dataclasses.dataclass(frozen=True)
class Outcome:
    exit_code: int
    output: str


def run_command(command, **environment):
    """Runs to the end or to the time limit; the output holds both streams."""
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TIME_LIMIT_S)
        return Outcome(process.returncode, output + describe_signal(process.returncode))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return Outcome(124, f"{output}\nStopped: it ran longer than {TIME_LIMIT_S} s.\n")


def describe_signal(exit_code):
    return f"\nEnded by {signal.Signals(-exit_code).name}.\n" if exit_code < 0 else ""


def one_test(outcome):
    """The result of a command that is a test as a whole."""
    good = outcome.exit_code == 0
    return Result(passed=int(good), failed=int(not good), output=outcome.output)


def timed(suite):
    """(suite, result, seconds); an error in the suite's own code is its failure."""
    start = time.monotonic()
    try:
        result = suite.run()
    except Exception as error:  # the other suites go on
        result = Result(failed=1, output=f"{type(error).__name__}: {error}")
    return suite, result, time.monotonic() - start
