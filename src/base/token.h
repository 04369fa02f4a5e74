#pragma once

#include <cstdint>

namespace weft {
using Token = uint32_t;  // an index into the model's vocabulary
}
