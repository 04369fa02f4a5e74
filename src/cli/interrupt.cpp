#include "cli/interrupt.h"

#include <atomic>

namespace weft::cli {
namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler may write it

}  // namespace

InterruptWatch::InterruptWatch() {
  interrupted = false;
  struct sigaction action{};  // without SA_RESTART: a read that waits for a line returns
  action.sa_handler = [](int) { interrupted = true; };
  ::sigaction(SIGINT, &action, &before_);
}

InterruptWatch::~InterruptWatch() { ::sigaction(SIGINT, &before_, nullptr); }

bool InterruptWatch::take() { return interrupted.exchange(false); }

}  // namespace weft::cli
