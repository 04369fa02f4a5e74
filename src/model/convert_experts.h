// The experts of a mixture on their way to a GGUF file, which has one tensor for each of their
// matrices and biases.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/gguf_image.h"
#include "model/spec.h"

namespace weft::model {

// Whether a tensor, by its name in GGUF files, is of one of a layer's experts or of all of them.
[[nodiscard]] bool is_of_experts(std::string_view name);

// Adds those of layer `index`, which has none or all. Their data must outlive the tensors.
[[nodiscard]] Result<void> add_experts(const std::vector<Expert>& experts, size_t index,
                                       std::vector<ImageTensor>& tensors);

}  // namespace weft::model
