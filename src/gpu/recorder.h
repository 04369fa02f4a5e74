// Records dispatches and copies, in the order in which they take effect, and submits them at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gpu/device.h"
#include "gpu/handle.h"

namespace weft::gpu {

struct ReadbackState;  // internal.h
struct TimerState;     // internal.h

// A place that the host can read. Several may be in flight; each is waited for on its own.
class Readback {
 public:
  Readback(Readback&&) noexcept;
  Readback& operator=(Readback&&) noexcept;
  ~Readback();

  // Waits for the submission that reads into this. The bytes stay until the next Recorder::read()
  // into it, or its end.
  [[nodiscard]] Result<std::span<const std::byte>> wait();

 private:
  friend class Device;
  friend class Recorder;
  explicit Readback(std::unique_ptr<ReadbackState> state);

  std::unique_ptr<ReadbackState> state_;
};

// What a timer measures.
enum class Timing : uint8_t {
  kPasses,      // all dispatches up to a copy as one: costs next to nothing
  kDispatches,  // each: from the end of the one before it where the adapter has timestamps in
                // passes; elsewhere each is a pass of its own, which costs several us
};

// GPU times of one recorder's work, on the GPU's own clock.
class Timer {
 public:
  static constexpr uint32_t kMaxSpans = 2048;

  struct Span {
    uint64_t begin_ns, end_ns;
  };

  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  ~Timer();

  // Waits for the submission. What was measured, in order; nothing past the timer's capacity is.
  [[nodiscard]] Result<std::vector<Span>> wait();

 private:
  friend class Device;
  friend class Recorder;
  explicit Timer(std::unique_ptr<TimerState> state);

  std::unique_ptr<TimerState> state_;
};

class Recorder {
 public:
  Recorder(Recorder&&) noexcept = default;
  Recorder& operator=(Recorder&&) noexcept = default;

  // The grid is x * y * z workgroups, each at least 1. `immediates` has the descriptor's size.
  void dispatch(const Pipeline& pipeline, const BindGroup& group,
                std::span<const std::byte> immediates, uint32_t x, uint32_t y, uint32_t z);

  // Offsets and sizes are multiples of 4.
  void copy(const Buffer& from, uint64_t from_offset, const Buffer& to, uint64_t to_offset,
            uint64_t size_bytes);
  void read(const Buffer& from, uint64_t from_offset, Readback& to, uint64_t to_offset,
            uint64_t size_bytes);

  void submit() &&;

 private:
  friend class Device;
  Recorder(DeviceState& device, TimerState* timer);
  void begin_pass();
  void end_pass();
  void end_span();
  void write_timestamp();

  DeviceState* device_;
  TimerState* timer_;
  Handle<WGPUCommandEncoderImpl> encoder_;
  Handle<WGPUComputePassEncoderImpl> pass_;
  bool is_timed_ = false;  // the pass
  std::vector<ReadbackState*> readbacks_;
};

}  // namespace weft::gpu
