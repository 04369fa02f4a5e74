"""The layer check finds what it is there to find, and nothing else."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import check_layers  # noqa: E402  (it is found only now)

TABLE = """\
# rank folder: may include
0 base:
1 gpu: base
1 formats: base
2 kernels: base gpu
3 backend: base formats
3 backend/gpu: base backend gpu kernels
7 cli: base formats
"""


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("docs/layers.txt", TABLE)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def assert_clean(self, path, text):
        self.write(path, text)
        self.assertEqual(check_layers.breaches(self.root), [])

    def assert_breach(self, path, text, *words):
        self.write(path, text)
        found = check_layers.breaches(self.root)
        self.assertEqual(len(found), 1, found)
        for word in (path, *words):
            self.assertIn(word, found[0])

    def test_downward_include(self):
        self.assert_clean("src/kernels/a.cpp", '#include "gpu/device.h"\n#include <vector>\n')

    def test_own_layer(self):
        self.assert_clean("src/backend/gpu/a.cpp", '#include "backend/gpu/plan.h"\n')

    def test_parent_layer(self):
        self.assert_clean("src/backend/gpu/a.cpp", '#include "backend/backend.h"\n')

    def test_upward_include(self):
        self.assert_breach("src/base/a.h", '#include "gpu/device.h"\n', "'base'", "gpu/device.h")

    def test_sideways_include(self):
        self.assert_breach("src/formats/a.h", '#include "gpu/device.h"\n', "'formats'")

    def test_include_from_subfolder_of_layer(self):
        self.assert_breach("src/gpu/sub/a.h", '#include "kernels/sub/b.h"\n', "kernels/sub/b.h")

    def test_lower_layer_that_the_row_does_not_name(self):
        self.assert_breach("src/kernels/a.cpp", '#include "formats/gguf.h"\n', "formats/gguf.h")

    def test_a_test_may_include_any_lower_layer(self):
        self.assert_clean("src/kernels/a_test.cpp", '#include "formats/gguf.h"\n')

    def test_a_test_may_not_include_upward(self):
        self.assert_breach("src/kernels/a_test.cpp", '#include "backend/backend.h"\n')

    def test_include_with_odd_spacing(self):
        self.assert_breach("src/base/a.h", '  #  include "gpu/device.h"\n')

    def test_include_relative_to_the_file(self):
        self.assert_breach("src/base/a.cpp", '#include "a.h"\n', "'a.h'")

    def test_testing_folder(self):
        self.assert_clean("src/gpu/a_test.cpp", '#include "testing/parity.h"\n')
        self.assert_breach("src/gpu/a.cpp", '#include "testing/parity.h"\n', "only tests")

    def test_testing_folder_itself(self):
        self.write("docs/layers.txt", TABLE + "3 testing: base\n")
        self.assert_clean("src/testing/a.cpp", '#include "testing/parity.h"\n')

    def test_webgpu_header(self):
        self.assert_clean("src/gpu/a.h", "#include <webgpu/webgpu.h>\n")
        self.assert_breach("src/kernels/a.h", "#include <webgpu/webgpu.h>\n", "only src/gpu")

    def test_terminal(self):
        for call in ('std::printf("x");', "std::cout << 1;", 'fmt::print("x");', "std::exit(1);"):
            with self.subTest(call):
                self.assert_breach("src/base/a.cpp", call, "src/cli")

    def test_terminal_where_it_belongs(self):
        self.assert_clean("src/cli/a.cpp", 'std::printf("x"); std::exit(1);')
        self.assert_clean("src/base/check.cpp", 'std::fprintf(stderr, "x");')

    def test_words_that_are_no_calls(self):
        self.assert_clean(
            "src/base/a.cpp",
            "// std::cout and exit(1) live elsewhere\n"
            '/* printf(\n) */ auto s = "say \\" exit(1)"; auto r = R"x(puts(")x";\n'
            "char c = '\"';\n"
            "std::snprintf(b, 1'000, \"\"); loop.exit(); on_exit(1);",
        )

    def test_call_behind_a_literal(self):
        self.assert_breach("src/base/a.cpp", "auto c = '\"'; puts(\"x\"); char d = '\"';", "puts")

    def test_file_outside_of_layers(self):
        self.assert_breach("src/stray/a.cpp", "", "no layer")

    def test_table_with_an_arrow_up(self):
        self.write("docs/layers.txt", "0 base: gpu\n1 gpu: base\n")
        self.assertIn("not below", "".join(check_layers.breaches(self.root)))

    def test_table_with_an_unknown_name(self):
        self.write("docs/layers.txt", "0 base:\n1 gpu: bases\n")
        self.assertIn("'bases'", "".join(check_layers.breaches(self.root)))


if __name__ == "__main__":
    unittest.main()
