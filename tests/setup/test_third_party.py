"""docs/third_party.md names everything that is linked, and nothing else."""

import re
import tomllib
import unittest

import paths
import packages
import wheels
from common import entries


def named_in_tables(text):
    first_cells = re.findall(r"^\| (`[^|]+) \|", text, flags=re.MULTILINE)
    return {name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)}


class ThirdParty(unittest.TestCase):
    def test_tables_name_what_is_linked(self):
        debian = {
            package.name
            for package in map(packages.parse, entries(packages.LIST))
            if package.purpose == "run" and package.command is None
        }
        manifest = (paths.ROOT / "rust" / "Cargo.toml").read_text(encoding="utf-8")
        crates = set(tomllib.loads(manifest)["dependencies"])
        text = (paths.ROOT / "docs" / "third_party.md").read_text(encoding="utf-8")
        self.assertEqual(named_in_tables(text), debian | crates | set(wheels.pinned()))


if __name__ == "__main__":
    unittest.main()
