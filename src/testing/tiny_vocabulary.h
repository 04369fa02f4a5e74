// The vocabulary of tiny models.
#pragma once

#include "testing/gguf_writer.h"

namespace weft::testing {

// Sets the `tokenizer.*` keys for a vocabulary of `vocab` tokens (tiny_model.h describes it).
void set_tiny_vocabulary(GgufWriter& writer, uint32_t vocab);

}  // namespace weft::testing
