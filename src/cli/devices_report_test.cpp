#include "cli/devices_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using gpu::AdapterInfo;
using testing::HasSubstr;

constexpr std::string_view kText = R"(gpu:0  NVIDIA H200 (discrete GPU, vulkan)
  driver     NVIDIA: 580.159
  memory     139.8 GiB
  buffers    at most 2.0 GiB, bindings 128 MiB
  workgroups at most 1024 lanes, 48 KiB
  subgroups  32 lanes
  features   f16, timestamps
  matrices   f16 to f32 16x16x16
             i8 to i32 16x8x32

cpu  A processor
  cores      2
)";

AdapterInfo h200() {
  return {.name = "NVIDIA H200",
          .vendor = "nvidia",
          .driver = "NVIDIA: 580.159",
          .api = "vulkan",
          .kind = gpu::AdapterKind::kDiscrete,
          .limits = {.max_buffer_bytes = 0x7fffffff,
                     .max_binding_bytes = uint64_t{128} << 20,
                     .max_workgroup_bytes = 48 << 10,
                     .max_workgroup_lanes = 1024},
          .has_f16 = true,
          .has_subgroups = true,
          .has_timestamps = true,
          .subgroup_min = 32,
          .subgroup_max = 32,
          .matrix_configs = {{gpu::MatrixType::kF16, gpu::MatrixType::kF32, 16, 16, 16},
                             {gpu::MatrixType::kI8, gpu::MatrixType::kI32, 16, 8, 32}},
          .memory_bytes = 150'110'994'432};
}

const Processor kProcessor{.name = "A processor", .cores = 2};

TEST(DevicesReport, TextHasEverythingInOrder) {
  EXPECT_EQ(devices_text(std::vector{h200()}, kProcessor), kText);
}

TEST(DevicesReport, WhatIsNotThereIsSaid) {
  const std::string text = devices_text(std::vector{AdapterInfo{.name = "bare"}}, kProcessor);
  EXPECT_THAT(text, HasSubstr("memory     not known\n"));
  EXPECT_THAT(text, HasSubstr("subgroups  none\n  features   none\n  matrices   none\n"));
}

TEST(DevicesReport, JsonHasTheSame) {
  const nlohmann::ordered_json devices = devices_json(std::vector{h200()}, kProcessor);
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0]["device"], "gpu:0");
  EXPECT_EQ(devices[0]["memory_bytes"], 150'110'994'432);
  EXPECT_EQ(devices[0]["limits"]["max_workgroup_bytes"], 48 << 10);
  EXPECT_EQ(devices[0]["matrix_configs"][1]["k"], 32);
  EXPECT_EQ(devices[1]["device"], "cpu");
  EXPECT_TRUE(devices_json(std::vector{AdapterInfo{}}, kProcessor)[0]["memory_bytes"].is_null());
}

}  // namespace
}  // namespace weft::cli
