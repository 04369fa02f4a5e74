"""Suites that read the sources: format, shell scripts, layers."""

import sys

from suite import ROOT, Suite, one_test, run_command

SHELL_SCRIPTS = ("weft", "check", ".ci/run")  # and what they source


def cpp_files():
    folders = [ROOT / name for name in ("src", "bench")]
    return sorted(f for folder in folders for f in folder.rglob("*") if f.suffix in (".h", ".cpp"))


def run_format():
    return one_test(run_command(["clang-format-19", "--dry-run", "--Werror", *cpp_files()]))


def run_shellcheck():
    return one_test(run_command(["shellcheck", "--external-sources", *SHELL_SCRIPTS]))


def run_layers():
    return one_test(run_command([sys.executable, ROOT / "tools" / "check_layers.py", ROOT]))


FORMAT = Suite("format", run_format)
SHELL = Suite("shellcheck", run_shellcheck)
LAYERS = Suite("layers", run_layers)
