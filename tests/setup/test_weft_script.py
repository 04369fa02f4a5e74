"""./weft builds when there is something to build, and else is as good as the program itself."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import paths

# Stands for setup/install and cmake: notes its call; cmake's second call makes the program.
INSTALL = """#!/bin/sh
echo install >> "$CALLS"
"""
CMAKE = """#!/bin/sh
echo "$1" >> "$CALLS"
if [ "$1" = --build ]; then
  [ -z "${BROKEN-}" ] || exit 1
  mkdir -p "$2/bin"
  cp "$PROGRAM" "$2/bin/weft"
fi
echo progress
"""
PROGRAM = """#!/bin/sh
echo "in $PWD"
for argument; do echo "[$argument]"; done
cat
exit 7
"""
BUILD = ["install", "-S", "--build"]


class WeftScript(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.root = self.folder / "checkout"
        for name in ("cmake", "rust", "setup", "src", "tools"):
            (self.root / name).mkdir(parents=True)
        for name in ("weft", "setup/environment.sh"):
            shutil.copy(paths.ROOT / name, self.root / name)
        (self.root / "CMakeLists.txt").write_text("", encoding="utf-8")
        (self.root / "src" / "a.cpp").write_text("", encoding="utf-8")
        self.program(self.root / "setup" / "install", INSTALL)
        self.program(self.folder / "bin" / "cmake", CMAKE)
        self.program(self.folder / "program", PROGRAM)
        self.age()

    def program(self, path, text):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def age(self):
        """Makes all that is there an hour old, so that what follows is newer."""
        for path in self.folder.rglob("*"):
            status = path.stat()
            os.utime(path, (status.st_atime, status.st_mtime - 3600))

    def weft(self, *arguments, script=None, folder=None, **environment):
        """Runs ./weft; returns what it did and the calls of the stand-ins."""
        calls = self.folder / "calls"
        calls.write_text("", encoding="utf-8")
        done = subprocess.run(
            [script or self.root / "weft", *arguments],
            input="typed\n",
            cwd=folder or "/",
            env={
                "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "CALLS": str(calls),
                "PROGRAM": str(self.folder / "program"),
                **environment,
            },
            text=True,
            capture_output=True,
            check=False,
        )
        return done, calls.read_text(encoding="utf-8").split()

    def test_first_use_builds_and_runs(self):
        done, calls = self.weft("run", "two words")
        self.assertEqual(calls, BUILD)
        self.assertEqual(done.stdout, "in /\n[run]\n[two words]\ntyped\n")
        self.assertIn("progress", done.stderr)
        self.assertEqual(done.returncode, 7)

    def test_second_use_only_runs(self):
        self.weft()
        done, calls = self.weft("run")
        self.assertEqual((done.stdout, done.stderr, calls), ("in /\n[run]\ntyped\n", "", []))

    def test_changes_are_built(self):
        self.weft()
        changes = {
            "changed": lambda: (self.root / "src" / "a.cpp").write_text("//", encoding="utf-8"),
            "added": lambda: (self.root / "rust" / "b.rs").write_text("", encoding="utf-8"),
            "removed": lambda: (self.root / "src" / "a.cpp").unlink(),
        }
        for name, change in changes.items():
            with self.subTest(name):
                self.age()
                change()
                self.assertEqual(self.weft()[1], BUILD)
                self.assertEqual(self.weft()[1], [])

    def test_a_lost_cache_is_filled_again(self):
        self.weft()
        shutil.rmtree(self.folder / ".cache")
        self.assertEqual(self.weft()[1], BUILD)

    def test_failed_build_does_not_run_the_old_program(self):
        self.weft()
        self.age()
        (self.root / "src" / "a.cpp").write_text("broken", encoding="utf-8")
        done, _ = self.weft(BROKEN="1")
        self.assertEqual((done.stdout, done.returncode), ("", 1))
        self.assertEqual(self.weft()[1], BUILD)

    def test_through_a_link_from_another_folder(self):
        link = self.folder / "link"
        link.symlink_to(self.root / "weft")
        done, _ = self.weft("x", script=link, folder=self.folder)
        self.assertEqual(done.stdout, f"in {self.folder}\n[x]\ntyped\n")


if __name__ == "__main__":
    unittest.main()
