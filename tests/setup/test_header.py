"""webgpu.h is made from cffi's declarations."""

import unittest

import paths  # noqa: F401
import make_webgpu_header

CDEF = """\
#define WGPU_STRLEN ...
#define WGPU_TRUE ...
typedef struct WGPUSubgroupMatrixConfig {
    uint32_t K;
    uint32_t minSubgroupSize;
    uint32_t maxSubgroupSize;
} WGPUSubgroupMatrixConfig ;
 void wgpuDeviceTick(WGPUDevice device) ;
"""
NATIVE = """\
extern "Python" void _callback(void * userdata);
static const int WGPUSType_DawnToggles = 0x0005000A;
static const WGPUHeapProperty WGPUHeapProperty_None = 0x00;
"""


class Header(unittest.TestCase):
    def test_whole(self):
        header = make_webgpu_header.make_header(CDEF, NATIVE)
        body = header[len(make_webgpu_header.HEAD) : -len(make_webgpu_header.TAIL)]
        self.assertEqual(
            body,
            "#define WGPU_STRLEN SIZE_MAX\n"
            "#define WGPU_TRUE UINT32_C(1)\n"
            "typedef struct WGPUSubgroupMatrixConfig {\n"
            "    uint32_t K;\n"
            "} WGPUSubgroupMatrixConfig ;\n"
            " void wgpuDeviceTick(WGPUDevice device) ;\n"
            "static const WGPUSType WGPUSType_DawnToggles = (WGPUSType)0x0005000A;\n"
            "static const WGPUHeapProperty WGPUHeapProperty_None = 0x00;\n",
        )

    def test_unknown_macro(self):
        with self.assertRaisesRegex(ValueError, "WGPU_NEW"):
            make_webgpu_header.make_header("#define WGPU_NEW ...\n" + CDEF, NATIVE)

    def test_struct_of_another_shape(self):
        with self.assertRaisesRegex(ValueError, "WGPUSubgroupMatrixConfig"):
            make_webgpu_header.make_header(CDEF.replace("    uint32_t K;\n", ""), NATIVE)


if __name__ == "__main__":
    unittest.main()
