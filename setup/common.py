"""What the set-up scripts share: where things are, how to speak, how to fail."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


class SetupError(Exception):
    """One sentence: what is wrong and what to do about it."""


def say(text):
    print(f"setup: {text}", file=sys.stderr, flush=True)


def cache_folder():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(home) / "weft"


def entries(path):
    """The lines of a list under setup/ without comments and blank ones."""
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0].strip()
        if line:
            yield line
