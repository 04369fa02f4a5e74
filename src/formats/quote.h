// Names from files, fit to be shown: what a terminal might obey is escaped, what is long is cut.
#pragma once

#include <string>
#include <string_view>

namespace weft::formats {

// 'blk.0.attn_q.weight'; bytes outside printable ASCII as \x1b, at most 100 bytes of the text.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace weft::formats
