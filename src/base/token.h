#pragma once

#include <cstdint>

namespace weft {
using Token = int32_t;  // an index into the model's vocabulary
}
