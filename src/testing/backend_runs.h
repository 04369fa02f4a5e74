// Runs of a backend, as the tests of each backend need them.
#pragma once

#include <span>
#include <vector>

#include "backend/backend.h"
#include "base/token.h"
#include "model/spec.h"

namespace weft::testing {

inline constexpr uint32_t kTestContext = 256;  // tokens of one sequence
inline constexpr uint32_t kTestSequences = 4;

// For kTestSequences sequences of kTestContext tokens, 128 rows a step.
[[nodiscard]] backend::Options test_options();

// Blocks of a sequence: no two neighbours, not in order, none shared between slots.
[[nodiscard]] std::vector<uint32_t> scattered_blocks(uint32_t slot);

[[nodiscard]] std::vector<Token> some_tokens(uint32_t count, uint32_t seed, uint32_t vocab);

// Submits and collects; an error is thrown, which fails the test.
std::vector<backend::SequenceOutput> run(backend::Backend& backend,
                                         std::span<const backend::SequenceStep> step);

// Logits of all positions, the tokens given in steps of the sizes in `chunks`, over and over.
[[nodiscard]] std::vector<float> all_logits(backend::Backend& backend,
                                            std::span<const Token> tokens,
                                            const std::vector<uint32_t>& chunks, uint32_t slot = 0);

// The largest difference to reference_logits() that keeps keys and values in binary16, relative to
// the range of the reference's logits of the same position.
[[nodiscard]] double largest_error(const model::ModelSpec& spec, std::span<const Token> tokens,
                                   std::span<const float> logits);

// The root mean square of the difference to reference_logits() over that of the reference.
[[nodiscard]] double relative_error(const model::ModelSpec& spec, std::span<const Token> tokens,
                                    std::span<const float> logits);

// Greedy continuation of `prompt` in slot 1; the tokens are fed back by the backend or by the
// caller.
enum class FeedBack { kBackend, kCaller };
[[nodiscard]] std::vector<Token> continue_greedily(backend::Backend& backend,
                                                   std::span<const Token> prompt, uint32_t count,
                                                   FeedBack feed_back);

}  // namespace weft::testing
