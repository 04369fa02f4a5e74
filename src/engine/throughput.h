// Times a backend in prefill and decode: what `weft bench` prints.
#pragma once

#include <cstdint>
#include <functional>
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

struct RunTime {
  double wall_s;    // from the first submit to the last result
  double thread_s;  // CPU time of the calling thread meanwhile
};

// Prompts are arbitrary tokens; decode is greedy, each token fed back, and stops at nothing.
// Sequence i uses slot i. `before` is called when the depth is filled and the clock about to start.
[[nodiscard]] Result<RunTime> time_once(backend::Backend& backend, const ThroughputCase& test,
                                        const std::function<Result<void>()>& before = {});

}  // namespace weft::engine
