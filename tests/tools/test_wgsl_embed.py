"""What is read from WGSL files, and what is refused."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import wgsl_embed  # noqa: E402  (it is found only now)

KERNEL = """\
//! Adds.
//! import: other
//! enable: f16

struct Params {
  rows: u32,
  // a comment, with a comma
  shift: i32,  // in bits, signed
  eps: f32 }
var<immediate> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [rows]
// @group(0) @binding(7) var<storage, read> old: array<f32>;
@group(0) @binding(0)
var<storage, read> x: array<f32>;
"""


class WgslEmbed(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def test_params_of_a_struct(self):
        self.assertEqual(
            wgsl_embed.params(KERNEL),
            [
                ("uint32_t", "rows", ""),
                ("int32_t", "shift", "// in bits, signed"),
                ("float", "eps", ""),
            ],
        )
        self.assertEqual(len(wgsl_embed.params("struct Params { a: u32, b: u32 }")), 2)
        self.assertIsNone(wgsl_embed.params("struct Other { a: u32 }"))

    def test_params_that_c_would_lay_out_otherwise_are_refused(self):
        for kind in ("vec2f", "array<u32, 4>", "f16", "mat2x2f"):
            with self.assertRaisesRegex(wgsl_embed.WgslError, "'b' of Params"):
                wgsl_embed.params(f"struct Params {{ a: u32, b: {kind} }}")

    def test_params_larger_than_the_immediates_are_refused(self):
        members = ",\n".join(f"m{i}: u32" for i in range(17))
        with self.assertRaisesRegex(wgsl_embed.WgslError, "68 bytes; 64"):
            wgsl_embed.params(f"struct Params {{\n{members}\n}}")

    def test_bindings_are_in_order_and_not_from_comments(self):
        self.assertEqual(wgsl_embed.bindings(KERNEL), [(0, False), (1, True)])

    def test_directives(self):
        self.assertEqual(wgsl_embed.directives(KERNEL, "import"), ["other"])
        self.assertEqual(wgsl_embed.directives(KERNEL, "enable"), ["f16"])
        with self.assertRaisesRegex(wgsl_embed.WgslError, "one of many"):
            wgsl_embed.directives("//! import: one of many\n", "import")

    def test_writes_a_table_and_a_header_only_when_they_change(self):
        out = self.root / "out"
        files = [self.write("b/sum.wgsl", KERNEL), self.write("a/other.wgsl", "const A = 1u;\n")]
        wgsl_embed.embed(out, files)
        table = (out / "wgsl_files.cpp").read_text()
        self.assertLess(table.index('.name = "other"'), table.index('.name = "sum"'))
        self.assertIn(KERNEL, table)
        header = out / "kernels/gen/sum.wgsl.h"
        self.assertIn("  int32_t shift;  // in bits, signed\n", header.read_text())
        self.assertFalse((out / "kernels/gen/other.wgsl.h").exists())
        before = header.stat().st_mtime_ns
        wgsl_embed.embed(out, files)
        self.assertEqual(header.stat().st_mtime_ns, before)

    def test_two_files_of_one_name_are_refused(self):
        files = [self.write("a/sum.wgsl", ""), self.write("b/sum.wgsl", "")]
        with self.assertRaisesRegex(wgsl_embed.WgslError, "sum.wgsl too"):
            wgsl_embed.embed(self.root / "out", files)


if __name__ == "__main__":
    unittest.main()
