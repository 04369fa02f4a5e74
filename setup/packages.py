"""Debian packages: which of setup/packages.txt are missing, and how they are installed."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys

from common import ROOT, SetupError, entries, say

LIST = ROOT / "setup" / "packages.txt"
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LINE = re.compile(
    r"(?P<purpose>run|test)\s+(?P<name>\S+)(\s+>=\s+(?P<version>\S+))?"
    r"(\s+from\s+(?P<suite>\S+))?(\s+unless\s+(?P<command>\S+))?"
)


@dataclasses.dataclass(frozen=True)
class Package:
    purpose: str
    name: str
    version: str | None = None
    suite: str | None = None
    command: str | None = None


def parse(line):
    match = LINE.fullmatch(line)
    if not match:
        raise SetupError(f"'{LIST}' has a line that cannot be read: '{line}'.")
    return Package(**match.groupdict())


def is_new_enough(package, version):
    if package.version is None:
        return True
    compare = ["dpkg", "--compare-versions", version, "ge", package.version]
    return subprocess.run(compare, check=False).returncode == 0


def installed_versions(names):
    query = ["dpkg-query", "-W", "-f=${db:Status-Abbrev} ${Package} ${Version}\n", *names]
    # dpkg-query exits with 1 when it does not know one of the names: that is an answer, too.
    result = subprocess.run(query, check=False, text=True, capture_output=True)
    rows = (line.split() for line in result.stdout.splitlines())
    return {row[1]: row[2] for row in rows if row[0] == "ii"}


def missing(purposes):
    """The packages for `purposes` that this machine lacks or has in too old a version."""
    wanted = [package for package in map(parse, entries(LIST)) if package.purpose in purposes]
    wanted = [p for p in wanted if not (p.command and shutil.which(p.command))]
    versions = installed_versions([p.name for p in wanted])
    return [p for p in wanted if p.name not in versions or not is_new_enough(p, versions[p.name])]


def as_root():
    """The words to put before a command that needs root, or None when root cannot be had."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    if sys.stdin is not None and sys.stdin.isatty():
        return ["sudo"]
    silent = subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True)
    return ["sudo", "-n"] if silent.returncode == 0 else None


def apt_get(root, *arguments, **options):
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    command = [*root, *environment, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments]
    say(" ".join(command))
    result = subprocess.run(command, check=False, stdout=sys.stderr, **options)
    if result.returncode != 0:
        raise SetupError(
            f"'apt-get {arguments[0]}' failed, with its reason above: put that right (is the "
            "network there?) and run this again."
        )


def configured_sources():
    """(suite, component, uri) of each package list that apt is set up for."""
    query = ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)",
             "Created-By: Packages"]
    result = subprocess.run(query, check=False, text=True, capture_output=True)
    return [tuple(line.split()) for line in result.stdout.splitlines()]


def add_suite(root, suite):
    """Makes apt know `suite`, from the mirror that the release itself comes from."""
    sources = configured_sources()
    if any(source[0] == suite for source in sources):
        return
    release = suite.partition("-")[0]
    mirrors = [uri for name, component, uri in sources if (name, component) == (release, "main")]
    if not mirrors:
        raise SetupError(
            f"This system is not Debian {release} and its own packages are too old: install the "
            f"versions that '{LIST}' asks for."
        )
    text = f"Types: deb\nURIs: {mirrors[0]}\nSuites: {suite}\nComponents: main\n"
    if KEYRING.exists():
        text += f"Signed-By: {KEYRING}\n"
    place = f"/etc/apt/sources.list.d/{suite}.sources"
    say(f"adding {place}")
    write = [*root, "tee", place]
    subprocess.run(write, check=True, input=text, text=True, stdout=subprocess.DEVNULL)
    apt_get(root, "update")


def install(packages):
    names = " ".join(package.name for package in packages)
    root = as_root()
    if root is None:
        raise SetupError(
            f"Installing packages needs root: have an administrator run '{ROOT}/setup/install "
            f"--tests', which installs {names}."
        )
    say(f"installing {names}")
    apt_get(root, "update")
    own = [package.name for package in packages if package.suite is None]
    if own:
        apt_get(root, "install", "-y", "--no-install-recommends", *own)
    for package in (p for p in packages if p.suite is not None):
        add_suite(root, package.suite)
        apt_get(root, "install", "-y", "--no-install-recommends", "-t", package.suite, package.name)


def ensure(purposes):
    if shutil.which("dpkg-query") is None:
        say(f"this system has no dpkg: what '{LIST}' names must be there already")
        return
    packages = missing(purposes)
    if packages:
        install(packages)
