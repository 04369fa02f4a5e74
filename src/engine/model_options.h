// What is asked for when a model is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "backend/kv_type.h"

namespace weft::engine {

struct ModelOptions {
  std::filesystem::path path;         // a GGUF file or a Hugging Face folder
  std::string device = "auto";        // auto, cpu, gpu, gpu:N, or a part of an adapter's name
  std::optional<uint32_t> context;    // tokens of one sequence; 0: the model's own; unset: the
                                      // model's own, at most kDefaultContext
  uint32_t batch = 512;               // tokens of one step
  uint32_t max_sequences = 1;         // that run at the same time
  std::optional<uint32_t> kv_tokens;  // that the KV cache holds; unset: context * max_sequences
  backend::KvTypes kv_types = {};     // of the KV cache
  uint32_t threads = 0;               // CPU only; 0: one a physical core that the process may use
};

inline constexpr uint32_t kDefaultContext = 4096;

// What loading has to tell while it runs. Both may be empty; they are called on the loading thread.
struct LoadListener {
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> on_progress;
  std::function<void(std::string_view sentence)> on_notice;  // such as: why it is not the GPU
};

}  // namespace weft::engine
