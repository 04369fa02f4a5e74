#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace weft {

void check_failed(const char* condition, std::source_location where) {
  std::fprintf(stderr, "weft: internal error: CHECK(%s) failed in %s, %s:%u. Please report it.\n",
               condition, where.function_name(), where.file_name(), where.line());
  std::abort();
}

}  // namespace weft
