"""Rust: the tool chain must be there; the crates of Cargo.lock are fetched ahead of the build."""

import re
import shutil
import subprocess
import sys
import tomllib

from common import ROOT, SetupError, say

MANIFEST = ROOT / "rust" / "Cargo.toml"


def version_of(text):
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])


def check_cargo():
    needed = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["package"]["rust-version"]
    advice = f"install Rust {needed} or newer (for example with rustup) and run this again."
    if shutil.which("cargo") is None:
        raise SetupError(f"Rust's cargo is missing: {advice}")
    printed = subprocess.run(["cargo", "--version"], check=False, text=True, capture_output=True)
    if printed.returncode != 0:
        reason = (printed.stderr.strip() or f"it exits with {printed.returncode}").splitlines()[0]
        raise SetupError(f"Rust's cargo does not run ({reason}): {advice}")
    if version_of(printed.stdout) < version_of(needed):
        raise SetupError(f"Found {printed.stdout.strip()}, which is too old: {advice}")


def host():
    printed = subprocess.run(["rustc", "-vV"], check=True, text=True, capture_output=True).stdout
    return re.search(r"^host: (\S+)$", printed, flags=re.MULTILINE)[1]


def fetch():
    """Asks no network when all crates are in cargo's own cache."""
    manifest = ["--manifest-path", str(MANIFEST)]
    command = ["cargo", "fetch", "--locked", "--target", host(), *manifest]
    offline = subprocess.run([*command, "--offline"], check=False, capture_output=True)
    if offline.returncode == 0:
        return
    say("downloading the Rust crates")
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
        raise SetupError(
            "The Rust crates could not be downloaded, with cargo's reason above: put that right "
            "(is the network there?) and run this again."
        )


def ensure():
    check_cargo()
    fetch()
