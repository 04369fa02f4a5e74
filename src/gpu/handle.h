// Owns one reference to an object of the WebGPU library, whose types stay opaque outside this
// layer.
#pragma once

#include <utility>

struct WGPUAdapterImpl;
struct WGPUBindGroupImpl;
struct WGPUBindGroupLayoutImpl;
struct WGPUBufferImpl;
struct WGPUCommandBufferImpl;
struct WGPUCommandEncoderImpl;
struct WGPUComputePassEncoderImpl;
struct WGPUComputePipelineImpl;
struct WGPUDeviceImpl;
struct WGPUInstanceImpl;
struct WGPUPipelineLayoutImpl;
struct WGPUQuerySetImpl;
struct WGPUQueueImpl;
struct WGPUShaderModuleImpl;

namespace weft::gpu {

void release(WGPUAdapterImpl*);
void release(WGPUBindGroupImpl*);
void release(WGPUBindGroupLayoutImpl*);
void release(WGPUBufferImpl*);
void release(WGPUCommandBufferImpl*);
void release(WGPUCommandEncoderImpl*);
void release(WGPUComputePassEncoderImpl*);
void release(WGPUComputePipelineImpl*);
void release(WGPUDeviceImpl*);
void release(WGPUInstanceImpl*);
void release(WGPUPipelineLayoutImpl*);
void release(WGPUQuerySetImpl*);
void release(WGPUQueueImpl*);
void release(WGPUShaderModuleImpl*);

template <class T>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T* owned) : object_(owned) {}
  Handle(Handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Handle() {
    if (object_ != nullptr) release(object_);
  }

  [[nodiscard]] T* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace weft::gpu
