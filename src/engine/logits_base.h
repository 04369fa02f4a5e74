// Log-probabilities of a model over a text, kept in a file so that other models can be compared
// with them: the format of llama.cpp's perplexity tool (--kl-divergence-base), so that each reads
// what the other wrote. Little endian:
//   "_logits_", i32 context, i32 vocab, i32 chunks, i32 token [chunks, context]
//   a row for each scored token: f32 scale, f32 lowest, u16 level [vocab, filled up to an even
//   number]
// A log-probability is lowest + scale * level; those more than 16 below the highest become lowest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/token.h"
#include "formats/mapped_file.h"

namespace weft::engine {

struct LogitsBaseShape {
  uint32_t context;
  uint32_t vocab;
  uint32_t chunks;

  // Of a chunk: the predictions of the tokens behind its middle.
  [[nodiscard]] uint32_t scored() const { return context - 1 - context / 2; }
};

class LogitsBaseWriter {
 public:
  // `tokens`: [chunks, context]
  [[nodiscard]] static Result<LogitsBaseWriter> create(const std::filesystem::path& path,
                                                       const LogitsBaseShape& shape,
                                                       std::span<const Token> tokens);

  // The next scored row: [vocab]
  [[nodiscard]] Result<void> add(std::span<const float> logits);
  // After the last row.
  [[nodiscard]] Result<void> commit();

 private:
  LogitsBaseWriter(FileWriter file, const LogitsBaseShape& shape);

  FileWriter file_;
  uint64_t rows_left_;
  std::vector<uint16_t> row_;
};

class LogitsBase {
 public:
  [[nodiscard]] static Result<LogitsBase> open(const std::filesystem::path& path);

  [[nodiscard]] const LogitsBaseShape& shape() const { return shape_; }
  [[nodiscard]] std::span<const Token> tokens() const { return tokens_; }
  // Writes row [0, chunks * scored()) to `out`: [vocab]
  void log_probabilities(uint64_t row, std::span<float> out) const;

 private:
  LogitsBase(formats::MappedFile file, const LogitsBaseShape& shape);

  formats::MappedFile file_;
  LogitsBaseShape shape_;
  std::vector<Token> tokens_;
};

}  // namespace weft::engine
