// One step in the form the kernels read: rows, block table, outputs, tiles and draws in small
// buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "gpu/device.h"
#include "kernels/draw/draw.h"
#include "kernels/step.h"

namespace weft::backend {

// From what the GPU draws a token by these parameters.
[[nodiscard]] kernels::DrawnFrom drawn_from(const sample::Params& params);

class StepData {
 public:
  [[nodiscard]] static Result<StepData> create(gpu::Device& device, const Options& options);

  // Describes `step` on the host. Nothing is uploaded yet.
  void build(std::span<const SequenceStep> step);

  // Uploads what differs from what the device has. Of the outputs those from `first_output` on, at
  // most max_outputs() of them.
  void write(gpu::Device& device, uint32_t first_output);

  // Of the outputs that were written last.
  [[nodiscard]] const kernels::StepCounts& counts() const { return counts_; }
  [[nodiscard]] uint32_t all_outputs() const { return static_cast<uint32_t>(outputs_.size()); }
  [[nodiscard]] uint32_t max_blocks() const { return max_blocks_; }

  [[nodiscard]] gpu::Binding rows() const { return rows_.binding(); }
  [[nodiscard]] gpu::Binding block_table() const { return table_.binding(); }
  [[nodiscard]] gpu::Binding outputs() const { return written_outputs_.binding(); }
  [[nodiscard]] gpu::Binding tiles() const { return tiles_.binding(); }
  [[nodiscard]] gpu::Binding sequences() const { return sequences_.binding(); }
  [[nodiscard]] gpu::Binding rules() const { return rules_.binding(); }
  [[nodiscard]] gpu::Binding edits() const { return edits_.binding(); }
  [[nodiscard]] uint64_t size_bytes() const;

 private:
  // A buffer and the words that it holds.
  class Region {
   public:
    [[nodiscard]] static Result<Region> create(gpu::Device& device, size_t words,
                                               std::string_view label);
    void write(gpu::Device& device, std::span<const uint32_t> words);
    [[nodiscard]] gpu::Binding binding() const { return {.buffer = buffer_.get()}; }
    [[nodiscard]] uint64_t size_bytes() const { return buffer_->size_bytes(); }

   private:
    std::unique_ptr<gpu::Buffer> buffer_;  // stays where it is when the region moves
    std::vector<uint32_t> held_;
  };

  void add_sequence(const SequenceStep& sequence, uint32_t first_row);
  void add_rows(const SequenceStep& sequence, uint32_t seq);
  void add_tiles(uint32_t first_row, uint32_t n_rows, uint32_t seq);
  void add_outputs(const SequenceStep& sequence, uint32_t first_row);
  [[nodiscard]] kernels::DrawRule add_draw(const sample::Draw& draw);
  [[nodiscard]] uint32_t add_biases(std::span<const sample::LogitBias> biases);
  [[nodiscard]] uint32_t add_seen(std::span<const Token> seen);

  uint32_t max_blocks_ = 0;
  uint32_t max_sequences_ = 0;
  uint32_t max_outputs_ = 0;
  Region rows_, table_, written_outputs_, tiles_, sequences_, rules_, edits_;
  std::vector<uint32_t> row_words_, table_words_, outputs_, tile_words_, sequence_words_;
  std::vector<uint32_t> rule_words_, edit_words_;
  std::vector<Token> sorted_;  // of add_seen
  kernels::StepCounts counts_;
};

}  // namespace weft::backend
