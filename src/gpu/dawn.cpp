#include "gpu/dawn.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace weft::gpu {
namespace {

std::string_view chars(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

size_t load(size_t key_size, const uint8_t* key, size_t value_size, uint8_t* value, void* self,
            void*) {
  // Kept from the first question to the second, as the file may change in between.
  thread_local std::vector<std::byte> found;
  if (value == nullptr) {
    const auto& cache = *static_cast<const PipelineCache*>(self);
    found = cache.load(chars(key, key_size)).value_or(std::vector<std::byte>());
    return found.size();
  }
  if (found.size() != value_size) return 0;
  std::ranges::copy(found, reinterpret_cast<std::byte*>(value));
  found = {};
  return value_size;
}

void store(size_t key_size, const uint8_t* key, size_t value_size, const uint8_t* value, void* self,
           void*) {
  const auto& cache = *static_cast<const PipelineCache*>(self);
  cache.store(chars(key, key_size), {reinterpret_cast<const std::byte*>(value), value_size});
}

}  // namespace

CacheDescriptor cache_descriptor(const PipelineCache& cache) {
  void* self = const_cast<PipelineCache*>(&cache);
  CacheDescriptor descriptor;
  descriptor.load.callback = load;
  descriptor.load.cache = self;
  descriptor.store.callback = store;
  descriptor.store.cache = self;
  return descriptor;
}

}  // namespace weft::gpu
