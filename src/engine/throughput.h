// Times a backend in prefill and decode: what `weft bench` prints.
#pragma once

#include <cstdint>
#include <string>

#include "backend/backend.h"
#include "base/error.h"

namespace weft::engine {

struct ThroughputCase {
  enum class Phase : uint8_t { kPrefill, kDecode };

  Phase phase;
  uint32_t tokens;     // a sequence: of the prompt, or generated
  uint32_t depth = 0;  // tokens a sequence has in the KV cache before the clock starts
  uint32_t batch = 1;  // sequences

  [[nodiscard]] std::string name() const;  // "pp512", "tg128"
  [[nodiscard]] uint32_t context() const { return depth + tokens; }
};

// Wall time of one run in seconds, from the first submit to the last result. Prompts are arbitrary
// tokens; decode is greedy, each token fed back, and stops at nothing. Sequence i uses slot i.
[[nodiscard]] Result<double> time_once(backend::Backend& backend, const ThroughputCase& test);

}  // namespace weft::engine
