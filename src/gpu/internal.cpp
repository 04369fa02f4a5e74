#include "gpu/internal.h"

#include <array>

#include "base/check.h"

namespace weft::gpu {
namespace {
constexpr size_t kMaxKeptErrors = 8;  // the first ones name the cause
}

std::string one_line(std::string_view message) {
  std::string line;
  for (const char c : message) {
    const bool space = c == '\n' || c == ' ';
    if (!space) line.push_back(c);
    if (space && !line.empty() && line.back() != ' ') line.push_back(' ');
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

void wait(WGPUInstance instance, WGPUFuture future) {
  WGPUFutureWaitInfo info{.future = future, .completed = 0};
  CHECK(wgpuInstanceWaitAny(instance, 1, &info, UINT64_MAX) == WGPUWaitStatus_Success);
}

Toggles::Toggles(Checks checks)
    : enabled_{"allow_unsafe_apis", "vulkan_enable_f16_on_nvidia"},
      disabled_{"timestamp_quantization"} {  // to 65.5 us
  if (checks == Checks::kOff) {
    enabled_.push_back("skip_validation");
    enabled_.push_back("disable_robustness");
  }
  descriptor_.chain.sType = WGPUSType_DawnTogglesDescriptor;
  descriptor_.enabledToggleCount = enabled_.size();
  descriptor_.enabledToggles = enabled_.data();
  descriptor_.disabledToggleCount = disabled_.size();
  descriptor_.disabledToggles = disabled_.data();
}

WGPUChainedStruct* Toggles::chain(WGPUChainedStruct* next) {
  descriptor_.chain.next = next;
  return &descriptor_.chain;
}

void ErrorSink::add(std::string message) {
  const std::scoped_lock lock(mutex_);
  if (messages_.size() < kMaxKeptErrors) messages_.push_back(std::move(message));
}

void ErrorSink::set_lost(std::string message) {
  const std::scoped_lock lock(mutex_);
  if (lost_.empty()) lost_ = std::move(message);
}

bool ErrorSink::is_lost() const {
  const std::scoped_lock lock(mutex_);
  return !lost_.empty();
}

Result<void> ErrorSink::take() {
  const std::scoped_lock lock(mutex_);
  if (!lost_.empty()) return std::unexpected(Error(lost_));
  if (messages_.empty()) return {};
  std::string sentences;
  for (const std::string& message : messages_) {
    sentences.append(sentences.empty() ? "" : " ").append(message);
  }
  messages_.clear();
  return std::unexpected(Error(std::move(sentences)));
}

}  // namespace weft::gpu
