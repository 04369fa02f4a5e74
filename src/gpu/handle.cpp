#include "gpu/handle.h"

#include <webgpu/webgpu.h>

namespace weft::gpu {

void release(WGPUAdapterImpl* object) { wgpuAdapterRelease(object); }
void release(WGPUBindGroupImpl* object) { wgpuBindGroupRelease(object); }
void release(WGPUBindGroupLayoutImpl* object) { wgpuBindGroupLayoutRelease(object); }
void release(WGPUBufferImpl* object) { wgpuBufferRelease(object); }
void release(WGPUCommandBufferImpl* object) { wgpuCommandBufferRelease(object); }
void release(WGPUCommandEncoderImpl* object) { wgpuCommandEncoderRelease(object); }
void release(WGPUComputePassEncoderImpl* object) { wgpuComputePassEncoderRelease(object); }
void release(WGPUComputePipelineImpl* object) { wgpuComputePipelineRelease(object); }
void release(WGPUDeviceImpl* object) { wgpuDeviceRelease(object); }
void release(WGPUInstanceImpl* object) { wgpuInstanceRelease(object); }
void release(WGPUPipelineLayoutImpl* object) { wgpuPipelineLayoutRelease(object); }
void release(WGPUQuerySetImpl* object) { wgpuQuerySetRelease(object); }
void release(WGPUQueueImpl* object) { wgpuQueueRelease(object); }
void release(WGPUShaderModuleImpl* object) { wgpuShaderModuleRelease(object); }

}  // namespace weft::gpu
