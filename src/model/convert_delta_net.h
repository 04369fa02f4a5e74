// What llama.cpp's converter does to the Gated DeltaNet layers of Qwen 3.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/gguf_file_writer.h"
#include "formats/tensor_view.h"
#include "model/spec.h"

namespace weft::model {

// Heads of v, which come in groups that share a head of k, are dealt out: the first of each group,
// the second of each, ...
struct HeadMove {
  uint32_t k_heads, v_heads;
  uint32_t head_dim;
  uint32_t first = 0;       // rows or columns before them, which stay
  bool of_columns = false;  // else of rows
};

// That of the tensor which GGUF calls `name`; nothing where it stays as it is.
[[nodiscard]] std::optional<HeadMove> head_move(std::string_view name, const DeltaNet& net);

// That which undoes a move.
[[nodiscard]] HeadMove opposite(HeadMove move);

// Where the row or column that a move brings to `index` was before.
[[nodiscard]] uint64_t place_before(const HeadMove& move, uint64_t index);

// The tensor's data in the new order; an error where a block holds parts of several heads.
[[nodiscard]] Result<std::vector<std::byte>> with_moved_heads(const formats::TensorView& tensor,
                                                              HeadMove move);

// The first layer's that has one, as all are of the same sizes; null where none has.
[[nodiscard]] const DeltaNet* first_delta_net(const ModelSpec& spec);

// Its sizes, and an interval that says which layers have one: there is a layer that has none.
void set_delta_net_keys(const ModelSpec& spec, std::string_view architecture,
                        formats::GgufMetadata& metadata);

}  // namespace weft::model
