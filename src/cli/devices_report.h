// What `weft devices` prints.
#pragma once

#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "gpu/adapter.h"

namespace weft::cli {

// The processor as this program uses it: --device cpu.
struct Processor {
  std::string name;
  uint32_t cores;
};

[[nodiscard]] std::string devices_text(std::span<const gpu::AdapterInfo> adapters,
                                       const Processor& processor);
// An array of objects, one a device, in the same order.
[[nodiscard]] nlohmann::ordered_json devices_json(std::span<const gpu::AdapterInfo> adapters,
                                                  const Processor& processor);

}  // namespace weft::cli
