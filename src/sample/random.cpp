#include "sample/random.h"

#include <random>

namespace weft::sample {

PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t left = uint64_t{0xD2511F53U} * counter[0];
    const uint64_t right = uint64_t{0xCD9E8D57U} * counter[2];
    counter = {
        static_cast<uint32_t>(right >> 32U) ^ counter[1] ^ key[0], static_cast<uint32_t>(right),
        static_cast<uint32_t>(left >> 32U) ^ counter[3] ^ key[1], static_cast<uint32_t>(left)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

double uniform(uint64_t seed, uint64_t position) {
  const PhiloxCounter words =
      philox({static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32U), 0, 0},
             {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32U)});
  const uint64_t bits = (uint64_t{words[1]} << 32U | words[0]) >> 11U;
  return static_cast<double>(bits) * 0x1p-53;
}

uint64_t random_seed() {
  std::random_device entropy;
  return uint64_t{entropy()} << 32U | entropy();
}

}  // namespace weft::sample
