// A kernel ready to run: made once when a plan is built, recorded in every step. Recording looks
// nothing up, allocates nothing and cannot fail.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "gpu/device.h"
#include "gpu/recorder.h"
#include "kernels/step.h"

namespace weft::kernels {

inline constexpr uint32_t kMaxImmediateBytes = 64;

enum class Count : uint8_t { kOne, kRows, kOutputs, kTiles, kLength, kSequences };

[[nodiscard]] uint32_t count_of(Count count, const StepCounts& step);

// workgroups = fixed * ceil(count / per_group) + more, but at most fixed * count
struct GridAxis {
  Count count = Count::kOne;
  uint32_t fixed = 1;
  uint32_t per_group = 1;
  uint32_t more = 0;
};

[[nodiscard]] uint32_t workgroups(const GridAxis& axis, const StepCounts& step);

class Immediates {
 public:
  Immediates() = default;

  template <class Params>
  explicit Immediates(const Params& params) : size_bytes_(sizeof(Params)) {
    static_assert(std::is_trivially_copyable_v<Params> && sizeof(Params) % 4 == 0 &&
                  sizeof(Params) <= kMaxImmediateBytes);
    std::memcpy(bytes_.data(), &params, sizeof(Params));
  }

  void set_first(uint32_t value) { std::memcpy(bytes_.data(), &value, sizeof value); }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {bytes_.data(), size_bytes_}; }

 private:
  std::array<std::byte, kMaxImmediateBytes> bytes_{};
  uint32_t size_bytes_ = 0;
};

struct Dispatch {
  const char* label = "";  // the kernel's name, in the profile
  gpu::Pipeline pipeline;
  gpu::BindGroup group;
  Immediates immediates;
  Count count = Count::kOne;  // goes into the first word of the immediates, unless kOne
  // x is folded into y past the device's limit where y and z are one workgroup: such a kernel takes
  // its place from x + y * num_workgroups.x and leaves where that is past the end.
  GridAxis x, y, z;
  uint32_t min_length = 0;       // in shorter steps there is nothing to do,
  uint32_t max_length = ~0U;     // and in longer ones another dispatch does it
  uint64_t bytes = 0;            // that every dispatch reads: weights
  uint64_t bytes_per_count = 0;  // read and written besides, for each of `count`
  uint64_t flops_per_count = 0;
};

// An empty grid (a count of 0) records nothing; says whether something was recorded.
bool record(gpu::Recorder& recorder, const Dispatch& dispatch, const StepCounts& step);

}  // namespace weft::kernels
