#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "gpu/device.h"
#include "gpu/internal.h"

namespace weft::gpu {
namespace {

// Equal for descriptors that make the same pipeline.
std::string pipeline_key(const PipelineDesc& desc) {
  std::string key = fmt::format("{};", desc.immediate_bytes);
  for (const Access access : desc.bindings) key.push_back("rwu"[std::to_underlying(access)]);
  for (const Override& entry : desc.overrides) {
    key += fmt::format(";{}={}", entry.name, entry.value);
  }
  return key.append("\n").append(desc.wgsl);
}

std::vector<uint32_t> used_bindings(const PipelineDesc& desc) {
  std::vector<uint32_t> numbers;
  for (uint32_t i = 0; i < desc.bindings.size(); ++i) {
    if (desc.bindings[i] != Access::kUnused) numbers.push_back(i);
  }
  return numbers;
}

Handle<WGPUBindGroupLayoutImpl> make_group_layout(WGPUDevice device, const PipelineDesc& desc) {
  std::vector<WGPUBindGroupLayoutEntry> entries;
  for (const uint32_t number : used_bindings(desc)) {
    const bool is_read = desc.bindings[number] == Access::kRead;
    entries.push_back({.binding = number,
                       .visibility = WGPUShaderStage_Compute,
                       .buffer = {.type = is_read ? WGPUBufferBindingType_ReadOnlyStorage
                                                  : WGPUBufferBindingType_Storage}});
  }
  const WGPUBindGroupLayoutDescriptor descriptor{
      .label = view(desc.label), .entryCount = entries.size(), .entries = entries.data()};
  return Handle(wgpuDeviceCreateBindGroupLayout(device, &descriptor));
}

Handle<WGPUPipelineLayoutImpl> make_layout(WGPUDevice device, const PipelineDesc& desc,
                                           WGPUBindGroupLayout group) {
  const WGPUPipelineLayoutDescriptor descriptor{.label = view(desc.label),
                                                .bindGroupLayoutCount = 1,
                                                .bindGroupLayouts = &group,
                                                .immediateSize = desc.immediate_bytes};
  return Handle(wgpuDeviceCreatePipelineLayout(device, &descriptor));
}

// A shader that does not parse gives an invalid module; what is wrong is said by shader_error().
Handle<WGPUShaderModuleImpl> make_module(WGPUDevice device, const PipelineDesc& desc) {
  const WGPUShaderSourceWGSL source{.chain = {.sType = WGPUSType_ShaderSourceWGSL},
                                    .code = view(desc.wgsl)};
  WGPUShaderModuleDescriptor descriptor{.label = view(desc.label)};
  descriptor.nextInChain = const_cast<WGPUChainedStruct*>(&source.chain);
  const WGPUPopErrorScopeCallbackInfo ignore{
      .mode = WGPUCallbackMode_AllowSpontaneous,
      .callback = [](WGPUPopErrorScopeStatus, WGPUErrorType, WGPUStringView, void*, void*) {}};
  wgpuDevicePushErrorScope(device, WGPUErrorFilter_Validation);
  Handle<WGPUShaderModuleImpl> module(wgpuDeviceCreateShaderModule(device, &descriptor));
  wgpuDevicePopErrorScope(device, ignore);
  return module;
}

std::string_view line_of(std::string_view text, uint64_t number) {
  for (; number > 1; --number) text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  return text.substr(0, text.find('\n'));
}

// A shader's first error, as "line 3, column 7: ... In: '...'".
struct ShaderError {
  std::string_view wgsl;
  std::string sentence;
};

void on_messages(WGPUCompilationInfoRequestStatus, WGPUCompilationInfo const* info, void* result,
                 void*) {
  auto& [wgsl, sentence] = *static_cast<ShaderError*>(result);
  if (info == nullptr) return;
  for (const WGPUCompilationMessage& message : std::span(info->messages, info->messageCount)) {
    if (message.type != WGPUCompilationMessageType_Error) continue;
    sentence = fmt::format("line {}, column {}: {}. In: '{}'", message.lineNum, message.linePos,
                           one_line(text(message.message)), line_of(wgsl, message.lineNum));
    return;
  }
}

// Empty where the shader itself is right, and its pipeline is not.
std::string shader_error(WGPUInstance instance, const PipelineState& pipeline) {
  ShaderError error{.wgsl = pipeline.wgsl};
  const WGPUCompilationInfoCallbackInfo on_done{
      .mode = WGPUCallbackMode_WaitAnyOnly, .callback = on_messages, .userdata1 = &error};
  wait(instance, wgpuShaderModuleGetCompilationInfo(pipeline.module.get(), on_done));
  return error.sentence;
}

void on_compiled(WGPUCreatePipelineAsyncStatus, WGPUComputePipeline pipeline,
                 WGPUStringView message, void* self, void*) {
  auto& state = *static_cast<PipelineState*>(self);
  state.pipeline = Handle(pipeline);
  if (pipeline == nullptr) state.error = one_line(text(message));
}

void start_compiling(WGPUDevice device, const PipelineDesc& desc, PipelineState& state) {
  state.group_layout = make_group_layout(device, desc);
  state.module = make_module(device, desc);
  const Handle<WGPUPipelineLayoutImpl> layout = make_layout(device, desc, state.group_layout.get());
  std::vector<WGPUConstantEntry> constants;
  for (const Override& entry : desc.overrides) {
    constants.push_back({.key = view(entry.name), .value = entry.value});
  }
  const WGPUComputePipelineDescriptor descriptor{.label = view(desc.label),
                                                 .layout = layout.get(),
                                                 .compute = {.module = state.module.get(),
                                                             .entryPoint = view("main"),
                                                             .constantCount = constants.size(),
                                                             .constants = constants.data()}};
  const WGPUCreateComputePipelineAsyncCallbackInfo on_done{
      .mode = WGPUCallbackMode_WaitAnyOnly, .callback = on_compiled, .userdata1 = &state};
  state.stage = PipelineState::Stage::kCompiling;
  state.compiled = wgpuDeviceCreateComputePipelineAsync(device, &descriptor, on_done);
}

}  // namespace

const std::string& Pipeline::label() const { return state_->label; }

Pipeline Device::pipeline(const PipelineDesc& desc) {
  const auto [place, is_new] = state_->pipelines.try_emplace(pipeline_key(desc));
  if (is_new) place->second = std::make_unique<PipelineState>();
  PipelineState& state = *place->second;
  if (is_new || state.stage == PipelineState::Stage::kFailed) {
    state.label = desc.label;
    state.wgsl = std::string_view(place->first).substr(place->first.size() - desc.wgsl.size());
    state.bindings = used_bindings(desc);
    state.immediate_bytes = desc.immediate_bytes;
    start_compiling(state_->device.get(), desc, state);
    state_->compiling.push_back(&state);
  }
  return Pipeline(&state);
}

std::vector<std::string_view> Device::shaders() const {
  std::vector<std::string_view> texts;
  for (const auto& [key, pipeline] : state_->pipelines) texts.push_back(pipeline->wgsl);
  return texts;
}

Result<void> Device::wait_for_pipelines() {
  using Stage = PipelineState::Stage;
  std::string first_error;
  for (PipelineState* pipeline : state_->compiling) {
    wait(state_->instance(), pipeline->compiled);
    pipeline->stage = pipeline->pipeline ? Stage::kReady : Stage::kFailed;
    if (pipeline->stage == Stage::kFailed && first_error.empty()) {
      const std::string in_shader = shader_error(state_->instance(), *pipeline);
      first_error = fmt::format("Shader '{}' does not compile: {}", pipeline->label,
                                in_shader.empty() ? pipeline->error : in_shader);
    }
    pipeline->module = {};
  }
  state_->compiling.clear();
  if (is_lost() || first_error.empty()) return state_->errors.take();
  return std::unexpected(Error(std::move(first_error)));
}

}  // namespace weft::gpu
