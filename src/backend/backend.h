// A loaded model that runs batches. It knows no request and no string: the engine gives it rows of
// tokens with their places in the KV cache, and gets tokens or logits back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/kv_type.h"
#include "backend/trace.h"
#include "base/error.h"
#include "base/token.h"
#include "model/spec.h"
#include "sample/chain.h"

namespace weft::backend {

inline constexpr uint32_t kBlockTokens = 32;  // tokens of one KV block
// What Output::kDrawn can do.
inline constexpr sample::DrawLimits kDrawLimits{.max_typical = 64, .max_edits = 4096};

struct Options {
  uint32_t max_sequences = 1;   // slots; at most this many sequences in one step
  uint32_t max_rows = 512;      // rows (tokens) of one step, over all its sequences
  uint32_t max_context = 4096;  // tokens of one sequence
  uint32_t kv_blocks = 128;     // of kBlockTokens each, shared by all sequences
  KvTypes kv_types = {};
  uint32_t kept_states = 0;  // beside those of the slots, where the model is recurrent
  uint32_t threads = 0;      // CPU only; 0: one a physical core that the process may use

  // Called while a backend is created, with weights that have been copied: they are not read from
  // the file again, or rarely. May be empty.
  std::function<void(std::span<const std::byte>)> release = {};
};

// What one sequence wants from the step. Rows come back in order.
enum class Output : uint8_t {
  kNone,       // its keys and values only: a chunk of a prompt that goes on
  kGreedy,     // the most likely next token; also kept on the device as the slot's next input
  kDrawn,      // the next token as `draw` chooses it; kept likewise
  kLogits,     // logits of its last row
  kAllLogits,  // logits of all its rows
};

// A model that is recurrent (ModelSpec::is_recurrent) keeps a state in each slot: a step that
// begins at position 0 begins it anew, another goes on from a kept state, or from the row that was
// computed last in the slot; either is behind the row before its own.
struct SequenceStep {
  uint32_t slot;                     // [0, max_sequences): the same for all of a sequence's steps
  std::span<const Token> tokens;     // empty: one row, whose token was chosen last for the slot
  uint32_t pos;                      // of the first row; all earlier positions are in the KV cache
  std::span<const uint32_t> blocks;  // block of positions [32 i, 32 i + 31] for each i that is used
  // Of kept states: the one to go on from, and the one that the state behind the last row goes to.
  std::optional<uint32_t> resume_from = {};
  std::optional<uint32_t> keep_as = {};
  Output output = Output::kNone;
  sample::Draw draw = {};  // of kDrawn: within kDrawLimits, n_ahead less than max_in_flight

  [[nodiscard]] uint32_t rows() const {
    return tokens.empty() ? 1U : static_cast<uint32_t>(tokens.size());
  }
};

struct SequenceOutput {
  Token token = 0;            // kGreedy, kDrawn
  std::vector<float> logits;  // kLogits: [vocab]; kAllLogits: [rows, vocab]
};

// Bytes really allocated for this model.
struct Memory {
  uint64_t weights = 0;  // on the device; on the CPU also what stays in the mapped file
  uint64_t kv = 0;
  uint64_t states = 0;  // of recurrent layers, for every slot and those kept
  uint64_t activations = 0;
};

struct Info {
  std::string backend;         // "cpu" or the graphics API: "vulkan", "metal", "d3d12"
  std::string device;          // the adapter's or processor's name
  bool software = false;       // a GPU adapter that is really a CPU (lavapipe, SwiftShader)
  uint32_t threads = 0;        // CPU backend only
  uint32_t max_in_flight = 1;  // steps that may be submitted before the oldest is collected
  Memory memory;
};

class Backend {
 public:
  virtual ~Backend() = default;

  [[nodiscard]] virtual const Info& info() const = 0;
  [[nodiscard]] virtual const model::ModelSpec& spec() const = 0;
  [[nodiscard]] virtual const Options& options() const = 0;

  // Queues one step. Each sequence appears once; rows add up to at most max_rows; the spans are
  // read before this returns. Cannot fail: what goes wrong comes back from collect().
  virtual void submit(std::span<const SequenceStep> step) = 0;

  // Waits for the oldest step that was submitted: one output a sequence, in the step's order.
  [[nodiscard]] virtual Result<std::vector<SequenceOutput>> collect() = 0;

  // From now on write down what happens when, until taken. A backend that cannot says so. Nothing
  // is under way when either is called.
  [[nodiscard]] virtual Result<void> start_trace(TraceDetail detail) = 0;
  [[nodiscard]] virtual Trace take_trace() = 0;
};

}  // namespace weft::backend
