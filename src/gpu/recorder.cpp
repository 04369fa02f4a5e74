#include "gpu/recorder.h"

#include <algorithm>

#include "base/check.h"
#include "gpu/internal.h"

namespace weft::gpu {
namespace {

void on_mapped(WGPUMapAsyncStatus status, WGPUStringView message, void* self, void*) {
  if (status == WGPUMapAsyncStatus_Success) return;
  static_cast<ReadbackState*>(self)->error = one_line(text(message));
}

}  // namespace

ReadbackState::~ReadbackState() {
  if (stage != Stage::kMapping) return;
  wgpuBufferUnmap(buffer.get());  // ends the map, so that its callback comes now
  wait(device.instance(), mapped);
}

void ReadbackState::start_map() {
  const WGPUBufferMapCallbackInfo on_done{
      .mode = WGPUCallbackMode_WaitAnyOnly, .callback = on_mapped, .userdata1 = this};
  error.clear();
  mapped = wgpuBufferMapAsync(buffer.get(), WGPUMapMode_Read, 0, size_bytes, on_done);
  stage = Stage::kMapping;
}

void ReadbackState::finish_map() {
  if (stage != Stage::kMapping) return;
  wait(device.instance(), mapped);
  stage = Stage::kMapped;
}

Readback::Readback(std::unique_ptr<ReadbackState> state) : state_(std::move(state)) {}
Readback::Readback(Readback&&) noexcept = default;
Readback& Readback::operator=(Readback&&) noexcept = default;
Readback::~Readback() = default;

Result<std::span<const std::byte>> Readback::wait() {
  state_->finish_map();
  CHECK(state_->stage == ReadbackState::Stage::kMapped);
  WEFT_TRY(state_->device.errors.take());
  const void* bytes = wgpuBufferGetConstMappedRange(state_->buffer.get(), 0, state_->size_bytes);
  if (bytes == nullptr) {
    return fail("Reading '{}' back from GPU '{}' failed: {}", state_->label,
                state_->device.info.name, state_->error);
  }
  return std::span(static_cast<const std::byte*>(bytes), state_->size_bytes);
}

Timer::Timer(std::unique_ptr<TimerState> state) : state_(std::move(state)) {}
Timer::Timer(Timer&&) noexcept = default;
Timer& Timer::operator=(Timer&&) noexcept = default;
Timer::~Timer() = default;

Result<std::vector<Timer::Span>> Timer::wait() {
  if (state_->used == 0) return {};
  WEFT_ASSIGN(const std::span<const std::byte> bytes, state_->readback.wait());
  const std::span times(reinterpret_cast<const uint64_t*>(bytes.data()), state_->used);
  std::vector<Span> spans;
  for (const auto& [begin, end] : state_->spans) {
    spans.push_back({.begin_ns = times[begin], .end_ns = std::max(times[begin], times[end])});
  }
  return spans;
}

Recorder::Recorder(DeviceState& device, TimerState* timer)
    : device_(&device),
      timer_(timer),
      encoder_(wgpuDeviceCreateCommandEncoder(device.device.get(), nullptr)) {}

// A timestamp inside a pass waits for all work before it, of earlier submissions too. One that
// opens a pass does not: it is what adapters without the former have.
void Recorder::begin_pass() {
  if (pass_) return;
  WGPUPassTimestampWrites around{};
  WGPUComputePassDescriptor descriptor{};
  is_timed_ = timer_ != nullptr && timer_->used + 2 <= timer_->capacity;
  if (is_timed_ && !timer_->in_passes) {
    around = {.querySet = timer_->queries.get(),
              .beginningOfPassWriteIndex = timer_->used,
              .endOfPassWriteIndex = timer_->used + 1};
    timer_->spans.emplace_back(timer_->used, timer_->used + 1);
    timer_->used += 2;
    descriptor.timestampWrites = &around;
  }
  pass_ = Handle(wgpuCommandEncoderBeginComputePass(encoder_.get(), &descriptor));
  if (is_timed_ && timer_->in_passes) write_timestamp();
}

void Recorder::write_timestamp() {
  wgpuComputePassEncoderWriteTimestamp(pass_.get(), timer_->queries.get(), timer_->used++);
}

// A span from the timestamp before, where the pass has such.
void Recorder::end_span() {
  if (!is_timed_ || !timer_->in_passes || timer_->used == timer_->capacity) return;
  timer_->spans.emplace_back(timer_->used - 1, timer_->used);
  write_timestamp();
}

void Recorder::end_pass() {
  if (!pass_) return;
  if (timer_ != nullptr && timer_->timing == Timing::kPasses) end_span();
  wgpuComputePassEncoderEnd(pass_.get());
  pass_ = {};
}

void Recorder::dispatch(const Pipeline& pipeline, const BindGroup& group,
                        std::span<const std::byte> immediates, uint32_t x, uint32_t y, uint32_t z) {
  CHECK(pipeline.state_ != nullptr && pipeline.state_->pipeline);
  CHECK(immediates.size() == pipeline.state_->immediate_bytes && x > 0 && y > 0 && z > 0);
  begin_pass();
  const WGPUComputePassEncoder pass = pass_.get();
  wgpuComputePassEncoderSetPipeline(pass, pipeline.state_->pipeline.get());
  wgpuComputePassEncoderSetBindGroup(pass, 0, group.handle_.get(), 0, nullptr);
  if (!immediates.empty()) {
    wgpuComputePassEncoderSetImmediates(pass, 0, immediates.data(), immediates.size());
  }
  wgpuComputePassEncoderDispatchWorkgroups(pass, x, y, z);
  if (timer_ == nullptr || timer_->timing == Timing::kPasses) return;
  end_span();
  if (!timer_->in_passes) end_pass();
}

void Recorder::copy(const Buffer& from, uint64_t from_offset, const Buffer& to, uint64_t to_offset,
                    uint64_t size_bytes) {
  end_pass();
  wgpuCommandEncoderCopyBufferToBuffer(encoder_.get(), from.handle(), from_offset, to.handle(),
                                       to_offset, size_bytes);
}

void Recorder::read(const Buffer& from, uint64_t from_offset, Readback& to, uint64_t to_offset,
                    uint64_t size_bytes) {
  using Stage = ReadbackState::Stage;
  ReadbackState& readback = *to.state_;
  CHECK(readback.stage != Stage::kMapping && to_offset <= readback.size_bytes &&
        size_bytes <= readback.size_bytes - to_offset);
  if (readback.stage != Stage::kRecorded) {
    if (readback.stage == Stage::kMapped) wgpuBufferUnmap(readback.buffer.get());
    readback.stage = Stage::kRecorded;
    readbacks_.push_back(&readback);
  }
  end_pass();
  wgpuCommandEncoderCopyBufferToBuffer(encoder_.get(), from.handle(), from_offset,
                                       readback.buffer.get(), to_offset, size_bytes);
}

void Recorder::submit() && {
  end_pass();
  if (timer_ != nullptr && timer_->used > 0) {
    wgpuCommandEncoderResolveQuerySet(encoder_.get(), timer_->queries.get(), 0, timer_->used,
                                      timer_->resolved.handle(), 0);
    read(timer_->resolved, 0, timer_->readback, 0, timer_->used * sizeof(uint64_t));
  }
  const Handle<WGPUCommandBufferImpl> commands(wgpuCommandEncoderFinish(encoder_.get(), nullptr));
  const WGPUCommandBuffer list = commands.get();
  wgpuQueueSubmit(device_->queue.get(), 1, &list);
  device_->unsubmitted_bytes = 0;
  for (ReadbackState* readback : readbacks_) readback->start_map();
}

}  // namespace weft::gpu
