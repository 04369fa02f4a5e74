"""Every relative link in the documents leads to a file that is there, and to a heading of it."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
CODE = re.compile(r"^(?: {4}|\t)[^\n]*$|^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def documents():
    found = [*ROOT.glob("*.md")]
    for folder in ("docs", "src", "rust", "setup", "tests", "tools", "bench"):
        found += (ROOT / folder).rglob("*.md")
    return found


def anchors(text):
    """Headings as GitHub names them."""
    headings = HEADING.findall(text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(document, text):
    broken = []
    for link in LINK.findall(CODE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue  # of the web
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists():
            broken.append(link)
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            broken.append(link)
    return broken


class Links(unittest.TestCase):
    def test_no_link_is_broken(self):
        checked = 0
        for document in documents():
            text = document.read_text(encoding="utf-8")
            self.assertEqual(broken_links(document, text), [], document)
            checked += len(LINK.findall(CODE.sub("", text)))
        self.assertGreater(checked, 20)

    def test_broken_ones_are_found(self):
        text = """
[good](../README.md) [good](#glossary) [good](kernels.md#tests) [web](https://example.org/none)
[none](none.md) [none](#no-heading) [none](kernels.md#no-heading) `[code](none.md)`

    [code](none.md)
"""
        expected = ["none.md", "#no-heading", "kernels.md#no-heading"]
        self.assertEqual(broken_links(ROOT / "docs" / "architecture.md", text), expected)


if __name__ == "__main__":
    unittest.main()
