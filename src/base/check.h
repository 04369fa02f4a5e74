// CHECK(condition): a promise between our own functions. Stays on in release; what comes from the
// world (files, requests, devices) is an Error instead.
#pragma once

#include <source_location>

namespace weft {
[[noreturn]] void check_failed(const char* condition, std::source_location where);
}  // namespace weft

#define CHECK(condition) \
  ((condition) ? void() : ::weft::check_failed(#condition, std::source_location::current()))
