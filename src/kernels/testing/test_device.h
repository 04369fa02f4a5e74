// The devices of a test program, opened when they are first asked for and shared by all its tests:
// NVIDIA's driver finds no adapter any more once a process has opened some eight of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "gpu/device.h"

namespace weft::kernels {

// What a device may use of its adapter.
enum class Features : uint8_t {
  kAll,
  kNone,  // what every adapter has: so the choices for such adapters are tested on better ones too
};

struct TestDevice {
  std::shared_ptr<gpu::Device> device;  // with checks on; null where there is none
  std::string missing;                  // then the reason
};

// Of the first adapter.
[[nodiscard]] const TestDevice& test_device(Features features);

// When all tests are over, before the driver's own exit handlers run.
void close_test_devices();

}  // namespace weft::kernels
