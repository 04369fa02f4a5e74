// The WGSL files of this layer, as tools/wgsl_embed.py puts them into the program.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace weft::kernels {

struct WgslBinding {
  uint32_t number;
  bool is_written;
};

// What a file says about itself; tools/wgsl_embed.py has the directives.
struct WgslFile {
  std::string_view name;  // without folder and ".wgsl"
  std::string_view text;
  std::vector<std::string_view> imports;
  std::vector<std::string_view> enables;
  std::vector<std::string_view> diagnostics_off;
  std::vector<WgslBinding> bindings;  // by number
  uint32_t params_bytes;              // 0 where it has no Params
};

// By name.
[[nodiscard]] const std::vector<WgslFile>& wgsl_files();

}  // namespace weft::kernels
