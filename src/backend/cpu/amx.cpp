#include "backend/cpu/amx.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace weft::backend::amx {
namespace {

#if defined(__x86_64__) && defined(__linux__)
bool processor_has_it() {
  constexpr uint32_t kTiles = 1U << 24;
  constexpr uint32_t kBytes = 1U << 25;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kTiles) != 0 && (d & kBytes) != 0;
}

// The kernel makes room for the registers in threads of a process that has asked (Linux 5.16).
bool system_grants_it() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#else
bool processor_has_it() { return false; }
bool system_grants_it() { return false; }
#endif

}  // namespace

bool available() {
  static const bool answer = processor_has_it() && system_grants_it();
  return answer;
}

}  // namespace weft::backend::amx
