#include "engine/choose_backend.h"

#include <algorithm>

#include "backend/cpu/cpu_backend.h"
#include "backend/gpu/gpu_backend.h"
#include "formats/mapped_file.h"
#include "gpu/adapter.h"
#include "gpu/device.h"

namespace weft::engine {
namespace {

using BackendPtr = std::unique_ptr<backend::Backend>;

// Pages of the file whose weights the backend has copied go back to the system.
Result<BackendPtr> create_on_cpu(const model::ModelSpec& spec, backend::Options options) {
  options.release = [](std::span<const std::byte> weights) {
    formats::MappedFile::advise(weights, formats::Access::kDontNeed);
  };
  return backend::create_cpu_backend(spec, options);
}

Result<BackendPtr> create_on_gpu(const model::ModelSpec& spec, const backend::Options& options,
                                 const gpu::AdapterInfo& adapter, const LoadListener& listener) {
  WEFT_ASSIGN(gpu::Device device,
              gpu::Device::create(adapter, {.pipeline_folder = gpu::default_pipeline_folder()}));
  return backend::create_gpu_backend(
      spec, options, std::make_shared<gpu::Device>(std::move(device)), listener.on_progress);
}

// The first real GPU, if there is one and it works.
Result<BackendPtr> create_auto(const model::ModelSpec& spec, const backend::Options& options,
                               const LoadListener& listener) {
  const Result<std::vector<gpu::AdapterInfo>> adapters = gpu::list_adapters();
  const auto tell = [&listener](std::string_view what, const Error& error) {
    if (listener.on_notice) {
      listener.on_notice(fmt::format("{} The CPU is used instead. {}", what, error.message()));
    }
  };
  if (!adapters) {
    tell("The GPUs could not be listed.", adapters.error());
  } else if (const auto real = std::ranges::find_if(
                 *adapters, [](const auto& a) { return a.kind != gpu::AdapterKind::kSoftware; });
             real != adapters->end()) {
    Result<BackendPtr> on_gpu = create_on_gpu(spec, options, *real, listener);
    if (on_gpu) return on_gpu;
    tell(fmt::format("The model does not run on '{}'.", real->name), on_gpu.error());
  }
  return create_on_cpu(spec, options);
}

}  // namespace

Result<BackendPtr> create_backend(const model::ModelSpec& spec, const backend::Options& options,
                                  std::string_view device, const LoadListener& listener) {
  if (device == "cpu") return create_on_cpu(spec, options);
  if (device == "auto") return create_auto(spec, options, listener);
  WEFT_ASSIGN(const gpu::AdapterInfo adapter, gpu::choose_adapter(device));
  return create_on_gpu(spec, options, adapter, listener);
}

}  // namespace weft::engine
