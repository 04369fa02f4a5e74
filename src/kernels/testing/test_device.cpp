#include "kernels/testing/test_device.h"

#include <array>
#include <optional>

namespace weft::kernels {
namespace {

std::array<std::optional<TestDevice>, 2> opened;

// The adapter as WebGPU allows any to be.
gpu::AdapterInfo without_features(gpu::AdapterInfo info) {
  info.has_f16 = info.has_subgroups = info.has_packed_dots = false;
  info.subgroup_min = info.subgroup_max = 0;
  info.matrix_configs.clear();
  info.limits.max_storage_buffers = 8;
  info.limits.max_workgroup_bytes = 16384;
  info.limits.max_workgroup_lanes = 256;
  return info;
}

TestDevice open(Features features) {
  auto adapters = gpu::list_adapters();
  if (!adapters) return {nullptr, adapters.error().message()};
  if (adapters->empty()) return {nullptr, "no GPU adapter"};
  const gpu::AdapterInfo& adapter = adapters->front();
  auto device = gpu::Device::create(
      features == Features::kAll ? adapter : without_features(adapter),
      {.checks = gpu::Checks::kOn, .pipeline_folder = gpu::default_pipeline_folder()});
  if (!device) return {nullptr, device.error().message()};
  return {std::make_shared<gpu::Device>(std::move(*device)), ""};
}

}  // namespace

const TestDevice& test_device(Features features) {
  std::optional<TestDevice>& device = opened[static_cast<size_t>(features)];
  if (!device) device = open(features);
  return *device;
}

void close_test_devices() { opened = {}; }

}  // namespace weft::kernels
