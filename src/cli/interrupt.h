// Ctrl-C as something to ask about, for as long as the object lives; before and after, it ends the
// program.
#pragma once

#include <csignal>

namespace weft::cli {

class InterruptWatch {
 public:
  InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  ~InterruptWatch();

  // Since the watch began, or since the last call that said true.
  [[nodiscard]] bool take();

 private:
  struct sigaction before_;
};

}  // namespace weft::cli
