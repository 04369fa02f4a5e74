#!/usr/bin/env python3
"""Makes webgpu/webgpu.h from the C declarations that the wheel `wgpudawn` carries for cffi.

    make_webgpu_header.py webgpu_cdef.h webgpu_native_extra_cdef.h > webgpu.h

The declarations are C but for four things, each handled by one function below. The library they are
used with is some weeks older than they are; the one struct that differs is cut to its older form.
"""

import re
import sys

# cffi reads the values of macros from the real header ("..."); these are that header's.
MACROS = {
    "WGPU_ARRAY_LAYER_COUNT_UNDEFINED": "UINT32_MAX",
    "WGPU_COPY_STRIDE_UNDEFINED": "UINT32_MAX",
    "WGPU_DEPTH_SLICE_UNDEFINED": "UINT32_MAX",
    "WGPU_FALSE": "UINT32_C(0)",
    "WGPU_LIMIT_U32_UNDEFINED": "UINT32_MAX",
    "WGPU_LIMIT_U64_UNDEFINED": "UINT64_MAX",
    "WGPU_MIP_LEVEL_COUNT_UNDEFINED": "UINT32_MAX",
    "WGPU_QUERY_SET_INDEX_UNDEFINED": "UINT32_MAX",
    "WGPU_STRLEN": "SIZE_MAX",
    "WGPU_TRUE": "UINT32_C(1)",
    "WGPU_WHOLE_MAP_SIZE": "SIZE_MAX",
    "WGPU_WHOLE_SIZE": "UINT64_MAX",
}

HEAD = """\
// Made by setup/make_webgpu_header.py from the declarations of the wheel wgpudawn. Do not edit.
#ifndef WEBGPU_H_
#define WEBGPU_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

"""

TAIL = """
#ifdef __cplusplus
}
#endif

#endif
"""


def give_macros_values(text):
    def define(match):
        if match[1] not in MACROS:
            raise ValueError(f"Macro {match[1]} is not known, so its value is not either.")
        return f"#define {match[1]} {MACROS[match[1]]}"

    return re.sub(r"^#define (\w+) \.\.\.$", define, text, flags=re.MULTILINE)


def drop_python_callbacks(text):
    return re.sub(r'^extern "Python" .*\n', "", text, flags=re.MULTILINE)


def type_enum_constants(text):
    """Values that Dawn adds to an enum are ints here; C++ takes only the enum's own type."""
    return re.sub(
        r"^static const int ((WGPU\w+?)_\w+) = (\w+);$",
        r"static const \2 \1 = (\2)\3;",
        text,
        flags=re.MULTILINE,
    )


def cut_subgroup_matrix_config(text):
    """The library's struct ends at K."""
    text, count = re.subn(
        r"(?<=    uint32_t K;\n)    uint32_t minSubgroupSize;\n    uint32_t maxSubgroupSize;\n"
        r"(?=} WGPUSubgroupMatrixConfig ;)",
        "",
        text,
    )
    if count != 1:
        raise ValueError("WGPUSubgroupMatrixConfig does not have the two fields to cut.")
    return text


def make_header(standard_cdef, native_cdef):
    text = standard_cdef + native_cdef
    for step in (
        give_macros_values,
        drop_python_callbacks,
        type_enum_constants,
        cut_subgroup_matrix_config,
    ):
        text = step(text)
    return HEAD + text + TAIL


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: make_webgpu_header.py webgpu_cdef.h webgpu_native_extra_cdef.h")
    texts = [open(path, encoding="utf-8").read() for path in sys.argv[1:]]
    sys.stdout.write(make_header(*texts))


if __name__ == "__main__":
    main()
