// A GPU and what lives on it. One thread uses a device and everything made from it; all of that
// goes before the device does.
//
// Calls that every step makes (write, record, dispatch, submit) cannot fail: what goes wrong on the
// device is kept and comes back, with labels, from the next call that waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gpu/adapter.h"
#include "gpu/handle.h"

namespace weft::gpu {

class Readback;
class Recorder;
class Timer;
enum class Timing : uint8_t;
struct DeviceState;    // internal.h
struct PipelineState;  // internal.h

// Validation of every call and bounds checks in shaders: on in tests, off in release runs.
enum class Checks : uint8_t { kOff, kOn };

struct DeviceOptions {
  Checks checks = Checks::kOff;
  std::filesystem::path pipeline_folder;  // compiled pipelines are kept here; empty: nowhere
};

// ${XDG_CACHE_HOME:-~/.cache}/weft/pipelines; empty where there is no home.
[[nodiscard]] std::filesystem::path default_pipeline_folder();

class Buffer {
 public:
  Buffer() = default;

  [[nodiscard]] uint64_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] WGPUBufferImpl* handle() const { return handle_.get(); }

 private:
  friend class Device;
  Buffer(Handle<WGPUBufferImpl> handle, uint64_t size_bytes)
      : handle_(std::move(handle)), size_bytes_(size_bytes) {}

  Handle<WGPUBufferImpl> handle_;
  uint64_t size_bytes_ = 0;
};

enum class Access : uint8_t {
  kRead,
  kReadWrite,
  kUnused,  // the shader has no binding of this number
};

struct Override {
  std::string name;
  double value;

  bool operator==(const Override&) const = default;
};

// A shader is one entry point `main` and storage buffers in group 0.
struct PipelineDesc {
  std::string label;
  std::string wgsl;
  std::vector<Access> bindings;  // of @binding(0), @binding(1), ...
  std::vector<Override> overrides;
  uint32_t immediate_bytes = 0;
};

// A shader compiled, or about to be: copies are the same pipeline. The device owns it.
class Pipeline {
 public:
  Pipeline() = default;

  [[nodiscard]] const std::string& label() const;
  bool operator==(const Pipeline&) const = default;

 private:
  friend class Device;
  friend class Recorder;
  explicit Pipeline(const PipelineState* state) : state_(state) {}

  const PipelineState* state_ = nullptr;
};

// A range of a buffer; its offset is a multiple of Limits::binding_alignment.
struct Binding {
  const Buffer* buffer = nullptr;
  uint64_t offset = 0;
  uint64_t size_bytes = 0;  // 0: to the buffer's end
};

class BindGroup {
 public:
  BindGroup() = default;

 private:
  friend class Device;
  friend class Recorder;
  explicit BindGroup(Handle<WGPUBindGroupImpl> handle) : handle_(std::move(handle)) {}

  Handle<WGPUBindGroupImpl> handle_;
};

class Device {
 public:
  [[nodiscard]] static Result<Device> create(const AdapterInfo& adapter,
                                             const DeviceOptions& options);
  Device(Device&&) noexcept;
  Device& operator=(Device&&) noexcept;
  ~Device();

  [[nodiscard]] const AdapterInfo& info() const;

  // A storage buffer of zeros that can be written, copied from and copied to.
  // `size_bytes` is a multiple of 4.
  [[nodiscard]] Result<Buffer> create_buffer(uint64_t size_bytes, std::string_view label);

  // Comes before all that is submitted later. Offset and size are multiples of 4. Copies the bytes;
  // waits for the device when too many of them are on their way (while a model is loaded).
  void write(const Buffer& buffer, uint64_t offset, std::span<const std::byte> bytes);

  // Returns at once and compiles in the background; wait_for_pipelines() comes before the first
  // dispatch. Equal descriptors (whatever their label) give the same pipeline; one that failed is
  // tried again.
  [[nodiscard]] Pipeline pipeline(const PipelineDesc& desc);

  // The WGSL of every pipeline that was asked for.
  [[nodiscard]] std::vector<std::string_view> shaders() const;

  // All that were asked for are compiled, or the first error, with label and line.
  [[nodiscard]] Result<void> wait_for_pipelines();

  // `bindings` are those of the pipeline's descriptor, in order, without the unused.
  [[nodiscard]] BindGroup bind_group(const Pipeline& pipeline, std::span<const Binding> bindings,
                                     std::string_view label);

  [[nodiscard]] Recorder record();
  [[nodiscard]] Recorder record(Timer& timer);

  [[nodiscard]] Result<Readback> create_readback(uint64_t size_bytes, std::string_view label);

  // Needs AdapterInfo::has_timestamps.
  [[nodiscard]] Result<Timer> create_timer(Timing timing, uint32_t max_spans);

  // All that was submitted is done, or the errors since the last wait.
  [[nodiscard]] Result<void> wait_idle();

  // The device is gone (driver reset, unplugged): every wait fails, and only a new device helps.
  [[nodiscard]] bool is_lost() const;

  // As if the driver had reset, for tests of what happens then.
  void simulate_loss();

 private:
  explicit Device(std::unique_ptr<DeviceState> state);

  std::unique_ptr<DeviceState> state_;
};

}  // namespace weft::gpu
