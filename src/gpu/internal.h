// What the files of this layer share: the types behind the opaque ones of its headers.
#pragma once

#include <webgpu/webgpu.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gpu/device.h"
#include "gpu/pipeline_cache.h"
#include "gpu/recorder.h"

namespace weft::gpu {

[[nodiscard]] inline WGPUStringView view(std::string_view text) {
  return {text.data(), text.size()};
}

[[nodiscard]] inline std::string text(WGPUStringView view) {
  if (view.data == nullptr) return {};
  return view.length == WGPU_STRLEN ? std::string(view.data) : std::string(view.data, view.length);
}

// Dawn's messages go over several lines; ours are sentences.
[[nodiscard]] std::string one_line(std::string_view message);

void wait(WGPUInstance instance, WGPUFuture future);

// Dawn's switches, chained to instance, adapter and device.
class Toggles {
 public:
  explicit Toggles(Checks checks);
  Toggles(const Toggles&) = delete;
  Toggles& operator=(const Toggles&) = delete;

  [[nodiscard]] WGPUChainedStruct* chain(WGPUChainedStruct* next = nullptr);

 private:
  std::vector<const char*> enabled_;
  std::vector<const char*> disabled_;
  WGPUDawnTogglesDescriptor descriptor_{};
};

struct AdapterState {
  Handle<WGPUInstanceImpl> instance;
  Handle<WGPUAdapterImpl> adapter;
};

// Errors that no call returned, and the loss of the device. Dawn reports them on any thread.
class ErrorSink {
 public:
  void add(std::string message);
  void set_lost(std::string message);

  [[nodiscard]] bool is_lost() const;
  // Nothing, or the loss, or what was added since the last call.
  [[nodiscard]] Result<void> take();

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> messages_;
  std::string lost_;
};

struct PipelineState {
  enum class Stage : uint8_t { kCompiling, kReady, kFailed };

  Stage stage = Stage::kCompiling;
  std::string label;
  std::string_view wgsl;  // in the key of DeviceState::pipelines
  Handle<WGPUBindGroupLayoutImpl> group_layout;
  Handle<WGPUShaderModuleImpl> module;
  Handle<WGPUComputePipelineImpl> pipeline;  // kReady
  WGPUFuture compiled{};
  std::string error;               // kFailed
  std::vector<uint32_t> bindings;  // their numbers
  uint32_t immediate_bytes = 0;
};

struct DeviceState {
  explicit DeviceState(const AdapterInfo& adapter_info, std::filesystem::path pipeline_folder)
      : info(adapter_info), disk(std::move(pipeline_folder)) {}
  DeviceState(const DeviceState&) = delete;
  DeviceState& operator=(const DeviceState&) = delete;
  ~DeviceState();

  [[nodiscard]] WGPUInstance instance() const { return info.state->instance.get(); }
  void wait_for_queue();

  AdapterInfo info;
  ErrorSink errors;
  PipelineCache disk;
  Handle<WGPUDeviceImpl> device;
  Handle<WGPUQueueImpl> queue;
  std::unordered_map<std::string, std::unique_ptr<PipelineState>> pipelines;  // by pipeline_key()
  std::vector<PipelineState*> compiling;
  uint64_t unsubmitted_bytes = 0;  // written since the last submission
};

struct ReadbackState {
  ReadbackState(DeviceState& its_device, Handle<WGPUBufferImpl> its_buffer, uint64_t its_size,
                std::string_view its_label)
      : device(its_device), buffer(std::move(its_buffer)), size_bytes(its_size), label(its_label) {}
  ReadbackState(const ReadbackState&) = delete;
  ReadbackState& operator=(const ReadbackState&) = delete;
  ~ReadbackState();

  void start_map();
  void finish_map();

  enum class Stage : uint8_t { kIdle, kRecorded, kMapping, kMapped };

  DeviceState& device;
  Handle<WGPUBufferImpl> buffer;
  uint64_t size_bytes;
  std::string label;
  Stage stage = Stage::kIdle;
  WGPUFuture mapped{};
  std::string error;
};

struct TimerState {
  Handle<WGPUQuerySetImpl> queries;
  Buffer resolved;
  Readback readback;
  Timing timing;
  bool in_passes;  // timestamps between dispatches can be had
  uint32_t capacity;
  uint32_t used = 0;                                      // queries of this recording
  std::vector<std::pair<uint32_t, uint32_t>> spans = {};  // queries of its begin and end
};

}  // namespace weft::gpu
