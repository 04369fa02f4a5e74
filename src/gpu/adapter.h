// The GPUs (and programs that stand in for one) that this machine offers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weft::gpu {

struct AdapterState;  // webgpu.h's side of an adapter, in internal.h

enum class AdapterKind : uint8_t {
  kDiscrete,
  kIntegrated,
  kSoftware,  // a CPU that stands in for a GPU: lavapipe, SwiftShader
  kUnknown,
};

struct Limits {
  uint64_t max_buffer_bytes = 0;
  uint64_t max_binding_bytes = 0;    // of a storage buffer; larger tensors are split by the caller
  uint32_t binding_alignment = 256;  // of a binding's offset
  uint32_t max_storage_buffers = 0;  // bindings of one kernel
  uint32_t max_workgroup_bytes = 0;  // var<workgroup> of one kernel
  uint32_t max_workgroup_lanes = 0;  // x * y * z of @workgroup_size
  uint32_t max_workgroups = 0;       // of a grid, each dimension
  uint32_t max_immediate_bytes = 0;
};

enum class MatrixType : uint8_t { kF32, kF16, kU32, kI32, kU8, kI8 };

// Matrix units: (m x k) times (k x n).
struct MatrixConfig {
  MatrixType input;
  MatrixType result;
  uint32_t m, n, k;
};

struct AdapterInfo {
  uint32_t index = 0;  // in list_adapters()
  std::string name;    // "NVIDIA H200"
  std::string vendor;  // "nvidia"
  std::string driver;  // the driver's name and version
  std::string api;     // "vulkan", "metal", "d3d12"
  AdapterKind kind = AdapterKind::kUnknown;
  Limits limits;
  bool has_f16 = false;
  bool has_subgroups = false;
  bool has_packed_dots = false;  // dot4I8Packed, perhaps spelled out where there is no such unit
  bool has_timestamps = false;
  bool has_timestamps_in_passes = false;  // between dispatches, not around passes only
  uint32_t subgroup_min = 0;              // 0 where there are no subgroups
  uint32_t subgroup_max = 0;
  std::vector<MatrixConfig> matrix_configs;
  std::optional<uint64_t> memory_bytes;       // of the GPU's own, where the driver says
  std::shared_ptr<const AdapterState> state;  // what Device::create() opens
};

[[nodiscard]] std::string_view name_of(AdapterKind kind);  // "discrete GPU", "software", ...
[[nodiscard]] std::string_view name_of(MatrixType type);   // "f16"

// Real GPUs first. WebGPU hands out one adapter for each wish (fast, frugal, software) rather than
// a list, so that of two equal cards only the first is seen. Empty on a machine without a driver.
// What the environment variable WEFT_GPU_WITHOUT names of "matrix-units,packed-dots,f16,subgroups"
// they are taken to lack: to measure what other devices would do, or where a driver has it wrong.
[[nodiscard]] Result<std::vector<AdapterInfo>> list_adapters();

// "gpu": the first real GPU, else a software adapter; "gpu:N": number N of the list; else the one
// adapter whose name contains `text`, in any case of letters.
[[nodiscard]] Result<AdapterInfo> choose_adapter(std::string_view text);

}  // namespace weft::gpu
