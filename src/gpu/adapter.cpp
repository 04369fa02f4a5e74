#include "gpu/adapter.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <tuple>

#include <spdlog/spdlog.h>

#include "gpu/internal.h"

namespace weft::gpu {
namespace {

constexpr const char* kWithout = "WEFT_GPU_WITHOUT";  // features, comma-separated

// While it lives, what libraries print to stderr goes to the debug log: Dawn and the Vulkan loader
// warn about drivers that are not there and limits that nobody asked for. The same happens to what
// other threads print meanwhile, some 50 ms.
class QuietStderr {
 public:
  QuietStderr() : caught_(std::tmpfile()) {
    if (caught_ == nullptr) return;
    std::fflush(stderr);
    saved_ = dup(STDERR_FILENO);
    dup2(fileno(caught_), STDERR_FILENO);
  }
  QuietStderr(const QuietStderr&) = delete;
  QuietStderr& operator=(const QuietStderr&) = delete;
  ~QuietStderr() {
    if (caught_ == nullptr) return;
    std::fflush(stderr);
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    std::rewind(caught_);
    std::array<char, 512> line{};
    while (std::fgets(line.data(), line.size(), caught_) != nullptr) {
      spdlog::debug("{}", one_line(line.data()));
    }
    std::fclose(caught_);
  }

 private:
  std::FILE* caught_;
  int saved_ = -1;
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

Handle<WGPUInstanceImpl> create_instance() {
  Toggles toggles(Checks::kOn);
  const std::array features{WGPUInstanceFeatureName_TimedWaitAny,
                            WGPUInstanceFeatureName_MultipleDevicesPerAdapter};
  const WGPUInstanceDescriptor descriptor{.nextInChain = toggles.chain(),
                                          .requiredFeatureCount = features.size(),
                                          .requiredFeatures = features.data()};
  return Handle(wgpuCreateInstance(&descriptor));
}

void on_adapter(WGPURequestAdapterStatus, WGPUAdapter adapter, WGPUStringView, void* result,
                void*) {
  *static_cast<WGPUAdapter*>(result) = adapter;
}

Handle<WGPUAdapterImpl> request_adapter(WGPUInstance instance, WGPURequestAdapterOptions wish) {
  Toggles toggles(Checks::kOn);
  wish.nextInChain = toggles.chain();
  wish.featureLevel = WGPUFeatureLevel_Core;
  WGPUAdapter adapter = nullptr;
  const WGPURequestAdapterCallbackInfo on_done{
      .mode = WGPUCallbackMode_WaitAnyOnly, .callback = on_adapter, .userdata1 = &adapter};
  wait(instance, wgpuInstanceRequestAdapter(instance, &wish, on_done));
  return Handle(adapter);
}

AdapterKind kind_of(const WGPUAdapterInfo& info) {
  const std::string name = lower(text(info.device));
  if (info.adapterType == WGPUAdapterType_CPU || name.contains("llvmpipe") ||
      name.contains("swiftshader")) {
    return AdapterKind::kSoftware;
  }
  if (info.adapterType == WGPUAdapterType_DiscreteGPU) return AdapterKind::kDiscrete;
  if (info.adapterType == WGPUAdapterType_IntegratedGPU) return AdapterKind::kIntegrated;
  return AdapterKind::kUnknown;
}

std::string api_of(WGPUBackendType type) {
  switch (type) {
    case WGPUBackendType_Vulkan:
      return "vulkan";
    case WGPUBackendType_Metal:
      return "metal";
    case WGPUBackendType_D3D12:
      return "d3d12";
    default:
      return "webgpu";
  }
}

bool has_packed_dots(WGPUInstance instance) {
  return wgpuInstanceHasWGSLLanguageFeature(
             instance, WGPUWGSLLanguageFeatureName_Packed4x8IntegerDotProduct) != 0;
}

Limits limits_of(WGPUAdapter adapter) {
  WGPULimits limits{};
  wgpuAdapterGetLimits(adapter, &limits);
  return {.max_buffer_bytes = limits.maxBufferSize,
          .max_binding_bytes = limits.maxStorageBufferBindingSize,
          .binding_alignment = limits.minStorageBufferOffsetAlignment,
          .max_storage_buffers = limits.maxStorageBuffersPerShaderStage,
          .max_workgroup_bytes = limits.maxComputeWorkgroupStorageSize,
          .max_workgroup_lanes = limits.maxComputeInvocationsPerWorkgroup,
          .max_workgroups = limits.maxComputeWorkgroupsPerDimension,
          .max_immediate_bytes = limits.maxImmediateSize};
}

std::optional<MatrixType> matrix_type(WGPUSubgroupMatrixComponentType type) {
  switch (type) {
    case WGPUSubgroupMatrixComponentType_F32:
      return MatrixType::kF32;
    case WGPUSubgroupMatrixComponentType_F16:
      return MatrixType::kF16;
    case WGPUSubgroupMatrixComponentType_U32:
      return MatrixType::kU32;
    case WGPUSubgroupMatrixComponentType_I32:
      return MatrixType::kI32;
    case WGPUSubgroupMatrixComponentType_U8:
      return MatrixType::kU8;
    case WGPUSubgroupMatrixComponentType_I8:
      return MatrixType::kI8;
    default:
      return std::nullopt;
  }
}

// Nothing where an entry makes no sense: the library's struct would not be the header's.
std::vector<MatrixConfig> matrix_configs_of(
    const WGPUAdapterPropertiesSubgroupMatrixConfigs& properties) {
  constexpr uint32_t kMaxSide = 256;
  std::vector<MatrixConfig> configs;
  for (const WGPUSubgroupMatrixConfig& config :
       std::span(properties.configs, properties.configCount)) {
    const auto input = matrix_type(config.componentType);
    const auto result = matrix_type(config.resultComponentType);
    const auto sides = std::array{config.M, config.N, config.K};
    if (!input || !result ||
        std::ranges::any_of(sides, [](uint32_t side) { return side == 0 || side > kMaxSide; })) {
      return {};
    }
    configs.push_back({*input, *result, config.M, config.N, config.K});
  }
  return configs;
}

// The largest heap of the device's own: others are windows on it or the host's.
std::optional<uint64_t> memory_of(const WGPUAdapterPropertiesMemoryHeaps& heaps) {
  std::optional<uint64_t> largest;
  for (const WGPUMemoryHeapInfo& heap : std::span(heaps.heapInfo, heaps.heapCount)) {
    if ((heap.properties & WGPUHeapProperty_DeviceLocal) == 0) continue;
    largest = std::max(largest.value_or(0), heap.size);
  }
  return largest;
}

AdapterInfo describe(std::shared_ptr<const AdapterState> state) {
  const WGPUAdapter adapter = state->adapter.get();
  const auto has = [&](WGPUFeatureName feature) {
    return wgpuAdapterHasFeature(adapter, feature) != 0;
  };
  WGPUAdapterInfo info{};
  WGPUAdapterPropertiesMemoryHeaps heaps{
      .chain = {.sType = WGPUSType_AdapterPropertiesMemoryHeaps}};
  WGPUAdapterPropertiesSubgroupMatrixConfigs matrices{
      .chain = {.sType = WGPUSType_AdapterPropertiesSubgroupMatrixConfigs}};
  const auto chain = [&](WGPUFeatureName feature, WGPUChainedStruct& properties) {
    if (!has(feature)) return;
    properties.next = info.nextInChain;
    info.nextInChain = &properties;
  };
  chain(WGPUFeatureName_AdapterPropertiesMemoryHeaps, heaps.chain);
  chain(WGPUFeatureName_ChromiumExperimentalSubgroupMatrix, matrices.chain);
  wgpuAdapterGetInfo(adapter, &info);

  AdapterInfo result{.name = text(info.device),
                     .vendor = text(info.vendor),
                     .driver = text(info.description),
                     .api = api_of(info.backendType),
                     .kind = kind_of(info),
                     .limits = limits_of(adapter),
                     .has_f16 = has(WGPUFeatureName_ShaderF16),
                     .has_subgroups = has(WGPUFeatureName_Subgroups),
                     .has_packed_dots = has_packed_dots(state->instance.get()),
                     .has_timestamps = has(WGPUFeatureName_TimestampQuery),
                     .has_timestamps_in_passes =
                         has(WGPUFeatureName_ChromiumExperimentalTimestampQueryInsidePasses),
                     .matrix_configs = matrix_configs_of(matrices),
                     .memory_bytes = memory_of(heaps),
                     .state = std::move(state)};
  if (result.has_subgroups) {
    result.subgroup_min = info.subgroupMinSize;
    result.subgroup_max = info.subgroupMaxSize;
  }
  wgpuAdapterPropertiesMemoryHeapsFreeMembers(heaps);
  wgpuAdapterPropertiesSubgroupMatrixConfigsFreeMembers(matrices);
  wgpuAdapterInfoFreeMembers(info);
  return result;
}

// Takes features that `names` has, "matrix-units,f16", away.
Result<void> take_away(std::string_view names, AdapterInfo& info) {
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    if (name == "matrix-units") {
      info.matrix_configs.clear();
    } else if (name == "f16") {
      info.has_f16 = false;
    } else if (name == "packed-dots") {
      info.has_packed_dots = false;
    } else if (name == "subgroups") {
      info.has_subgroups = false;
      info.subgroup_min = info.subgroup_max = 0;
      info.matrix_configs.clear();
    } else {
      return fail("{} names '{}'; it may name matrix-units, packed-dots, f16 and subgroups.",
                  kWithout, name);
    }
  }
  return {};
}

bool same_adapter(const AdapterInfo& a, const AdapterInfo& b) {
  return std::tie(a.name, a.driver, a.api) == std::tie(b.name, b.driver, b.api);
}

Result<AdapterInfo> adapter_number(std::vector<AdapterInfo> adapters, std::string_view number) {
  uint32_t index = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
  if (error != std::errc() || end != number.data() + number.size()) {
    return fail("Device 'gpu:{}' has no number after 'gpu:'.", number);
  }
  if (index >= adapters.size()) {
    return fail("Device 'gpu:{}' does not exist: this machine has {} GPU adapters.", number,
                adapters.size());
  }
  return std::move(adapters[index]);
}

}  // namespace

std::string_view name_of(AdapterKind kind) {
  switch (kind) {
    case AdapterKind::kDiscrete:
      return "discrete GPU";
    case AdapterKind::kIntegrated:
      return "integrated GPU";
    case AdapterKind::kSoftware:
      return "software";
    case AdapterKind::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view name_of(MatrixType type) {
  constexpr std::array<std::string_view, 6> kNames{"f32", "f16", "u32", "i32", "u8", "i8"};
  return kNames[static_cast<size_t>(type)];
}

Result<std::vector<AdapterInfo>> list_adapters() {
  const QuietStderr quiet;
  const char* const without = std::getenv(kWithout);
  const std::array<WGPURequestAdapterOptions, 3> wishes{
      WGPURequestAdapterOptions{.powerPreference = WGPUPowerPreference_HighPerformance},
      WGPURequestAdapterOptions{.powerPreference = WGPUPowerPreference_LowPower},
      WGPURequestAdapterOptions{.forceFallbackAdapter = 1}};
  std::vector<AdapterInfo> adapters;
  Handle<WGPUInstanceImpl> instance = create_instance();
  if (!instance) return fail("The WebGPU library does not start.");
  for (const WGPURequestAdapterOptions& wish : wishes) {
    Handle<WGPUAdapterImpl> adapter = request_adapter(instance.get(), wish);
    if (!adapter) continue;
    wgpuInstanceAddRef(instance.get());
    AdapterInfo info = describe(std::make_shared<AdapterState>(
        Handle<WGPUInstanceImpl>(instance.get()), std::move(adapter)));
    const bool known = std::ranges::any_of(
        adapters, [&](const AdapterInfo& other) { return same_adapter(info, other); });
    if (without != nullptr) WEFT_TRY(take_away(without, info));
    if (!known) adapters.push_back(std::move(info));
  }
  std::ranges::stable_partition(
      adapters, [](const AdapterInfo& info) { return info.kind != AdapterKind::kSoftware; });
  for (size_t i = 0; i < adapters.size(); ++i) adapters[i].index = static_cast<uint32_t>(i);
  return adapters;
}

Result<AdapterInfo> choose_adapter(std::string_view text) {
  WEFT_ASSIGN(std::vector<AdapterInfo> adapters, list_adapters());
  if (text == "gpu") {
    if (adapters.empty()) return fail("This machine has no GPU adapter (no Vulkan driver).");
    return std::move(adapters.front());
  }
  if (text.starts_with("gpu:")) return adapter_number(std::move(adapters), text.substr(4));
  std::vector<std::string> names;
  for (const AdapterInfo& info : adapters) {
    if (lower(info.name).contains(lower(text))) names.push_back(info.name);
  }
  if (names.size() != 1) {
    return fail("Device '{}' is in the names of {} of the {} GPU adapters; one is needed.", text,
                names.size(), adapters.size());
  }
  return std::move(*std::ranges::find(adapters, names.front(), &AdapterInfo::name));
}

}  // namespace weft::gpu
