#include "cli/devices_report.h"

#include <fmt/format.h>

namespace weft::cli {
namespace {

using gpu::AdapterInfo;
using gpu::MatrixConfig;
using nlohmann::ordered_json;

std::string readable_bytes(uint64_t bytes) {
  constexpr double kStep = 1024;
  constexpr std::string_view kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto number = static_cast<double>(bytes);
  size_t unit = 0;
  for (; number >= kStep && unit + 1 < std::size(kUnits); ++unit) number /= kStep;
  return fmt::format("{:.{}f} {}", number, unit < 3 ? 0 : 1, kUnits[unit]);
}

// "f16 to f32 16x16x16"
std::string matrix_text(const MatrixConfig& config) {
  return fmt::format("{} to {} {}x{}x{}", name_of(config.input), name_of(config.result), config.m,
                     config.n, config.k);
}

std::string subgroup_text(const AdapterInfo& info) {
  if (!info.has_subgroups) return "none";
  if (info.subgroup_min == info.subgroup_max) return fmt::format("{} lanes", info.subgroup_min);
  return fmt::format("{} to {} lanes", info.subgroup_min, info.subgroup_max);
}

std::string feature_text(const AdapterInfo& info) {
  std::string text;
  const auto add = [&](bool has, std::string_view name) {
    if (has) text.append(text.empty() ? "" : ", ").append(name);
  };
  add(info.has_f16, "f16");
  add(info.has_timestamps, "timestamps");
  return text.empty() ? "none" : text;
}

std::string adapter_text(const AdapterInfo& info) {
  const gpu::Limits& limits = info.limits;
  std::string text =
      fmt::format("gpu:{}  {} ({}, {})\n", info.index, info.name, name_of(info.kind), info.api);
  const auto line = [&](std::string_view name, std::string_view value) {
    text += fmt::format("  {:<11}{}\n", name, value);
  };
  line("driver", info.driver);
  line("memory", info.memory_bytes ? readable_bytes(*info.memory_bytes) : "not known");
  line("buffers", fmt::format("at most {}, bindings {}", readable_bytes(limits.max_buffer_bytes),
                              readable_bytes(limits.max_binding_bytes)));
  line("workgroups", fmt::format("at most {} lanes, {}", limits.max_workgroup_lanes,
                                 readable_bytes(limits.max_workgroup_bytes)));
  line("subgroups", subgroup_text(info));
  line("features", feature_text(info));
  if (info.matrix_configs.empty()) line("matrices", "none");
  std::string_view name = "matrices";
  for (const MatrixConfig& config : info.matrix_configs) {
    line(name, matrix_text(config));
    name = "";
  }
  return text;
}

ordered_json adapter_json(const AdapterInfo& info) {
  ordered_json matrices = ordered_json::array();
  for (const MatrixConfig& config : info.matrix_configs) {
    matrices.push_back({{"input", name_of(config.input)},
                        {"result", name_of(config.result)},
                        {"m", config.m},
                        {"n", config.n},
                        {"k", config.k}});
  }
  const gpu::Limits& limits = info.limits;
  return {{"device", fmt::format("gpu:{}", info.index)},
          {"name", info.name},
          {"kind", name_of(info.kind)},
          {"api", info.api},
          {"vendor", info.vendor},
          {"driver", info.driver},
          {"memory_bytes", info.memory_bytes ? ordered_json(*info.memory_bytes) : ordered_json()},
          {"limits",
           {{"max_buffer_bytes", limits.max_buffer_bytes},
            {"max_binding_bytes", limits.max_binding_bytes},
            {"max_storage_buffers", limits.max_storage_buffers},
            {"max_workgroup_bytes", limits.max_workgroup_bytes},
            {"max_workgroup_lanes", limits.max_workgroup_lanes},
            {"max_workgroups", limits.max_workgroups},
            {"max_immediate_bytes", limits.max_immediate_bytes}}},
          {"subgroup_min", info.subgroup_min},
          {"subgroup_max", info.subgroup_max},
          {"f16", info.has_f16},
          {"timestamps", info.has_timestamps},
          {"matrix_configs", std::move(matrices)}};
}

}  // namespace

std::string devices_text(std::span<const AdapterInfo> adapters, const Processor& processor) {
  std::string text;
  for (const AdapterInfo& info : adapters) text += adapter_text(info) + "\n";
  return text + fmt::format("cpu  {}\n  {:<11}{}\n", processor.name, "cores", processor.cores);
}

ordered_json devices_json(std::span<const AdapterInfo> adapters, const Processor& processor) {
  ordered_json devices = ordered_json::array();
  for (const AdapterInfo& info : adapters) devices.push_back(adapter_json(info));
  devices.push_back({{"device", "cpu"},
                     {"name", processor.name},
                     {"kind", "processor"},
                     {"cores", processor.cores}});
  return devices;
}

}  // namespace weft::cli
