// The part of Dawn's C interface that the declarations of the pinned library leave out: written
// from the library, and held to it by gpu_test. A system's Dawn may differ, so that nothing is
// cached there.
#pragma once

#include <webgpu/webgpu.h>

#include <cstddef>
#include <cstdint>

#include "gpu/pipeline_cache.h"

extern "C" void wgpuDeviceForceLoss(WGPUDevice device, WGPUDeviceLostReason reason,
                                    WGPUStringView message);

namespace weft::gpu {

#ifdef WEFT_PINNED_DAWN
inline constexpr bool kHasCacheDescriptor = true;
#else
inline constexpr bool kHasCacheDescriptor = false;
#endif

// Chained to a WGPUDeviceDescriptor. Dawn asks first for the size (value == nullptr; 0 where there
// is none), then for the bytes, on the same thread.
struct CacheDescriptor {
  static constexpr auto kType = static_cast<WGPUSType>(0x00050007);

  WGPUChainedStruct chain{.next = nullptr, .sType = kType};
  WGPUStringView isolation_key{};  // kept apart from others: not needed
  struct {
    WGPUChainedStruct* next = nullptr;
    size_t (*callback)(size_t key_size, const uint8_t* key, size_t value_size, uint8_t* value,
                       void* cache, void*) = nullptr;
    void* cache = nullptr;
    void* unused = nullptr;
  } load;
  struct {
    WGPUChainedStruct* next = nullptr;
    void (*callback)(size_t key_size, const uint8_t* key, size_t value_size, const uint8_t* value,
                     void* cache, void*) = nullptr;
    void* cache = nullptr;
    void* unused = nullptr;
  } store;
};

// `cache` outlives the device.
[[nodiscard]] CacheDescriptor cache_descriptor(const PipelineCache& cache);

}  // namespace weft::gpu
