#include "gpu/device.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "base/check.h"
#include "gpu/dawn.h"
#include "gpu/internal.h"

namespace weft::gpu {
namespace {

constexpr uint64_t kMaxUnsubmittedBytes = uint64_t{64} << 20;  // host copies of written bytes

std::vector<WGPUFeatureName> features_of(const AdapterInfo& info) {
  std::vector<WGPUFeatureName> features;
  if (info.has_f16) features.push_back(WGPUFeatureName_ShaderF16);
  if (info.has_subgroups) features.push_back(WGPUFeatureName_Subgroups);
  if (info.has_timestamps) features.push_back(WGPUFeatureName_TimestampQuery);
  if (info.has_timestamps_in_passes) {
    features.push_back(WGPUFeatureName_ChromiumExperimentalTimestampQueryInsidePasses);
  }
  if (!info.matrix_configs.empty()) {
    features.push_back(WGPUFeatureName_ChromiumExperimentalSubgroupMatrix);
  }
  return features;
}

void on_lost(WGPUDevice const*, WGPUDeviceLostReason reason, WGPUStringView message, void* self,
             void*) {
  if (reason == WGPUDeviceLostReason_Destroyed) return;  // by us
  auto& device = *static_cast<DeviceState*>(self);
  device.errors.set_lost(
      fmt::format("GPU device '{}' was lost: {}", device.info.name, one_line(text(message))));
}

void on_error(WGPUDevice const*, WGPUErrorType, WGPUStringView message, void* self, void*) {
  auto& device = *static_cast<DeviceState*>(self);
  device.errors.add(fmt::format("GPU '{}': {}", device.info.name, one_line(text(message))));
}

struct NewDevice {
  WGPUDevice device = nullptr;
  std::string error;
};

void on_device(WGPURequestDeviceStatus, WGPUDevice device, WGPUStringView message, void* result,
               void*) {
  *static_cast<NewDevice*>(result) = {device, one_line(text(message))};
}

void on_scope(WGPUPopErrorScopeStatus, WGPUErrorType type, WGPUStringView message, void* result,
              void*) {
  if (type != WGPUErrorType_NoError) *static_cast<std::string*>(result) = one_line(text(message));
}

// The error of the calls since the matching wgpuDevicePushErrorScope(), if there was one.
std::string pop_error(DeviceState& state) {
  std::string message;
  const WGPUPopErrorScopeCallbackInfo on_done{
      .mode = WGPUCallbackMode_WaitAnyOnly, .callback = on_scope, .userdata1 = &message};
  wait(state.instance(), wgpuDevicePopErrorScope(state.device.get(), on_done));
  return message;
}

std::string memory_note(const AdapterInfo& info) {
  return info.memory_bytes ? fmt::format(" in its memory of {} bytes", *info.memory_bytes) : "";
}

// A buffer, or an error that names both numbers.
Result<Handle<WGPUBufferImpl>> make_buffer(DeviceState& state, uint64_t size_bytes,
                                           WGPUBufferUsage usage, std::string_view label) {
  CHECK(size_bytes > 0 && size_bytes % 4 == 0);
  if (state.errors.is_lost()) WEFT_TRY(state.errors.take());
  const uint64_t most = state.info.limits.max_buffer_bytes;
  if (size_bytes > most) {
    return fail("Buffer '{}' of {} bytes is larger than the {} bytes that GPU '{}' allows.", label,
                size_bytes, most, state.info.name);
  }
  const WGPUBufferDescriptor descriptor{.label = view(label), .usage = usage, .size = size_bytes};
  const WGPUDevice device = state.device.get();
  wgpuDevicePushErrorScope(device, WGPUErrorFilter_OutOfMemory);
  Handle<WGPUBufferImpl> buffer(wgpuDeviceCreateBuffer(device, &descriptor));
  if (const std::string error = pop_error(state); !error.empty() || !buffer) {
    return fail("GPU '{}' has no room for buffer '{}' of {} bytes{}. {}", state.info.name, label,
                size_bytes, memory_note(state.info), error);
  }
  return buffer;
}

}  // namespace

DeviceState::~DeviceState() {
  for (const PipelineState* pipeline : compiling) wait(instance(), pipeline->compiled);
  if (device) wgpuDeviceDestroy(device.get());
}

void DeviceState::wait_for_queue() {
  const WGPUQueueWorkDoneCallbackInfo on_done{
      .mode = WGPUCallbackMode_WaitAnyOnly,
      .callback = [](WGPUQueueWorkDoneStatus, WGPUStringView, void*, void*) {}};
  wait(instance(), wgpuQueueOnSubmittedWorkDone(queue.get(), on_done));
  unsubmitted_bytes = 0;
}

Device::Device(std::unique_ptr<DeviceState> state) : state_(std::move(state)) {}
Device::Device(Device&&) noexcept = default;
Device& Device::operator=(Device&&) noexcept = default;
Device::~Device() = default;

const AdapterInfo& Device::info() const { return state_->info; }

Result<Device> Device::create(const AdapterInfo& adapter, const DeviceOptions& options) {
  auto state = std::make_unique<DeviceState>(adapter, options.pipeline_folder);
  const std::vector<WGPUFeatureName> features = features_of(adapter);
  WGPULimits limits{};
  wgpuAdapterGetLimits(adapter.state->adapter.get(), &limits);
  CacheDescriptor cache = cache_descriptor(state->disk);
  const bool use_cache = kHasCacheDescriptor && state->disk.is_enabled();
  Toggles toggles(options.checks);
  const WGPUDeviceDescriptor descriptor{
      .nextInChain = toggles.chain(use_cache ? &cache.chain : nullptr),
      .requiredFeatureCount = features.size(),
      .requiredFeatures = features.data(),
      .requiredLimits = &limits,
      .deviceLostCallbackInfo = {.mode = WGPUCallbackMode_AllowSpontaneous,
                                 .callback = on_lost,
                                 .userdata1 = state.get()},
      .uncapturedErrorCallbackInfo = {.callback = on_error, .userdata1 = state.get()}};
  NewDevice opened;
  const WGPURequestDeviceCallbackInfo on_done{
      .mode = WGPUCallbackMode_WaitAnyOnly, .callback = on_device, .userdata1 = &opened};
  wait(state->instance(),
       wgpuAdapterRequestDevice(adapter.state->adapter.get(), &descriptor, on_done));
  state->device = Handle(opened.device);
  if (!state->device) return fail("GPU '{}' does not open: {}", adapter.name, opened.error);
  state->queue = Handle(wgpuDeviceGetQueue(opened.device));
  return Device(std::move(state));
}

Result<Buffer> Device::create_buffer(uint64_t size_bytes, std::string_view label) {
  WEFT_ASSIGN(
      Handle<WGPUBufferImpl> handle,
      make_buffer(*state_, size_bytes,
                  WGPUBufferUsage_Storage | WGPUBufferUsage_CopyDst | WGPUBufferUsage_CopySrc,
                  label));
  return Buffer(std::move(handle), size_bytes);
}

void Device::write(const Buffer& buffer, uint64_t offset, std::span<const std::byte> bytes) {
  CHECK(offset % 4 == 0 && bytes.size() % 4 == 0 && offset <= buffer.size_bytes() &&
        bytes.size() <= buffer.size_bytes() - offset);
  while (!bytes.empty()) {
    if (state_->unsubmitted_bytes >= kMaxUnsubmittedBytes) state_->wait_for_queue();
    const auto piece = bytes.first(std::min(bytes.size(), size_t{kMaxUnsubmittedBytes}));
    wgpuQueueWriteBuffer(state_->queue.get(), buffer.handle(), offset, piece.data(), piece.size());
    state_->unsubmitted_bytes += piece.size();
    offset += piece.size();
    bytes = bytes.subspan(piece.size());
  }
}

BindGroup Device::bind_group(const Pipeline& pipeline, std::span<const Binding> bindings,
                             std::string_view label) {
  const std::vector<uint32_t>& numbers = pipeline.state_->bindings;
  CHECK(bindings.size() == numbers.size());
  std::vector<WGPUBindGroupEntry> entries;
  for (const Binding& binding : bindings) {
    const uint64_t size = binding.size_bytes != 0 ? binding.size_bytes
                                                  : binding.buffer->size_bytes() - binding.offset;
    CHECK(binding.offset % state_->info.limits.binding_alignment == 0 &&
          binding.offset <= binding.buffer->size_bytes() &&
          size <= binding.buffer->size_bytes() - binding.offset &&
          size <= state_->info.limits.max_binding_bytes);
    entries.push_back({.binding = numbers[entries.size()],
                       .buffer = binding.buffer->handle(),
                       .offset = binding.offset,
                       .size = size});
  }
  const WGPUBindGroupDescriptor descriptor{.label = view(label),
                                           .layout = pipeline.state_->group_layout.get(),
                                           .entryCount = entries.size(),
                                           .entries = entries.data()};
  return BindGroup(Handle(wgpuDeviceCreateBindGroup(state_->device.get(), &descriptor)));
}

Recorder Device::record() { return Recorder(*state_, nullptr); }

Recorder Device::record(Timer& timer) {
  timer.state_->used = 0;
  timer.state_->spans.clear();
  return Recorder(*state_, timer.state_.get());
}

Result<Readback> Device::create_readback(uint64_t size_bytes, std::string_view label) {
  WEFT_ASSIGN(
      Handle<WGPUBufferImpl> buffer,
      make_buffer(*state_, size_bytes, WGPUBufferUsage_MapRead | WGPUBufferUsage_CopyDst, label));
  return Readback(std::make_unique<ReadbackState>(*state_, std::move(buffer), size_bytes, label));
}

Result<Timer> Device::create_timer(Timing timing, uint32_t max_spans) {
  CHECK(max_spans > 0 && max_spans <= Timer::kMaxSpans);
  if (!state_->info.has_timestamps) {
    return fail("GPU '{}' cannot measure time: it has no timestamp queries.", state_->info.name);
  }
  const uint32_t n_queries = 2 * max_spans;
  const uint64_t size_bytes = n_queries * sizeof(uint64_t);
  const WGPUQuerySetDescriptor descriptor{
      .label = view("timer"), .type = WGPUQueryType_Timestamp, .count = n_queries};
  WEFT_ASSIGN(Handle<WGPUBufferImpl> resolved,
              make_buffer(*state_, size_bytes,
                          WGPUBufferUsage_QueryResolve | WGPUBufferUsage_CopySrc, "timer"));
  WEFT_ASSIGN(Readback readback, create_readback(size_bytes, "timer"));
  return Timer(std::unique_ptr<TimerState>(
      new TimerState{.queries = Handle(wgpuDeviceCreateQuerySet(state_->device.get(), &descriptor)),
                     .resolved = Buffer(std::move(resolved), size_bytes),
                     .readback = std::move(readback),
                     .timing = timing,
                     .in_passes = state_->info.has_timestamps_in_passes,
                     .capacity = n_queries}));
}

Result<void> Device::wait_idle() {
  state_->wait_for_queue();
  return state_->errors.take();
}

bool Device::is_lost() const { return state_->errors.is_lost(); }

void Device::simulate_loss() {
  wgpuDeviceForceLoss(state_->device.get(), WGPUDeviceLostReason_Unknown, view("for a test"));
}

}  // namespace weft::gpu
