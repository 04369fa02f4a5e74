#include "backend/cpu/profile.h"

namespace weft::backend {

void Profile::start(TraceDetail detail) {
  detail_ = detail;
  names_ = {};
  trace_ = {};
  start_ = Clock::now();
}

Trace Profile::take() {
  detail_.reset();
  trace_.names = std::move(names_).take();
  return std::move(trace_);
}

Span Profile::begin(std::string_view name) {
  return {.name = names_.number_of(name), .begin = now()};
}

void Profile::end(Span span, std::vector<Span>& list) const {
  span.end = now();
  list.push_back(span);
}

}  // namespace weft::backend
