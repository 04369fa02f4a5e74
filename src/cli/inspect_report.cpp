#include "cli/inspect_report.h"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <functional>
#include <map>
#include <numeric>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/size_text.h"
#include "formats/quote.h"
#include "model/load.h"

namespace weft::cli {
namespace {

using formats::GgufFile;
using formats::GgufType;
using formats::GgufValue;
using formats::TensorView;
using nlohmann::ordered_json;

constexpr uint64_t kShownElements = 6;

// Shown text of a file is JSON in ASCII: no byte of it reaches a terminal as it is.
std::string dump(const ordered_json& json) {
  return json.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
}

// A float becomes the double with the same shortest text: 1e-05, not 9.999999747378752e-06.
double widened(float number) {
  const std::string text = fmt::format("{}", number);
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

ordered_json number_json(GgufType type, const std::byte* at) {
  return formats::visit_number(type, at, [](auto number) {
    if constexpr (std::same_as<decltype(number), float>) return ordered_json(widened(number));
    return ordered_json(number);
  });
}

ordered_json first_elements(const GgufFile& file, const formats::GgufEntry& entry) {
  const GgufValue& value = entry.value;
  const uint64_t n = std::min(value.count, kShownElements);
  ordered_json out = ordered_json::array();
  if (value.element_type == GgufType::kString) {
    const auto strings = file.get_strings(entry.key);
    for (uint64_t i = 0; i < n; ++i) out.push_back((*strings)[i]);
    return out;
  }
  const size_t element_bytes = formats::gguf_type_bytes(value.element_type);
  for (uint64_t i = 0; i < n; ++i) {
    out.push_back(number_json(value.element_type, value.bytes.data() + i * element_bytes));
  }
  return out;
}

ordered_json value_json(const GgufFile& file, const formats::GgufEntry& entry) {
  switch (entry.value.type) {
    case GgufType::kString:
      return entry.value.text();
    case GgufType::kArray:
      return {{"type", entry.value.type_name()},
              {"count", entry.value.count},
              {"first", first_elements(file, entry)}};
    default:
      return number_json(entry.value.type, entry.value.bytes.data());
  }
}

ordered_json tensor_json(const TensorView& tensor) {
  return {{"name", tensor.name},
          {"type", formats::info(tensor.type).name},
          {"shape", std::vector(tensor.dims.begin(), tensor.dims.begin() + tensor.n_dims)},
          {"offset", tensor.offset},
          {"size_bytes", tensor.data.size()}};
}

std::string cut(const std::string& text) {
  constexpr size_t kMaxBytes = 80;
  return text.size() <= kMaxBytes ? text : text.substr(0, kMaxBytes) + "...";
}

// A value on one line.
std::string value_text(const GgufFile& file, const formats::GgufEntry& entry) {
  if (entry.value.type == GgufType::kArray) {
    const bool cut = entry.value.count > kShownElements;
    std::string list = dump(first_elements(file, entry));
    if (cut) list.replace(list.size() - 1, 1, ",...]");
    return fmt::format("{} x {}", entry.value.count, list);
  }
  return cut(dump(value_json(file, entry)));
}

void append_model(std::string& out, const ordered_json& report) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "\n{} parameters\n", report["parameters"].get<uint64_t>());
  if (report.contains("unsupported")) {
    fmt::format_to(to, "This model cannot be run: {}\n", report["unsupported"].get<std::string>());
    return;
  }
  fmt::format_to(to, "Quantisation {}; memory of the weights by role:\n",
                 report["quantization"].get<std::string>());
  for (const auto& [role, bytes] : report["memory"].items()) {
    fmt::format_to(to, "  {:<16} {:>9}\n", role, size_text(bytes.get<uint64_t>()));
  }
}

ordered_json tensor_json(const formats::SafeTensor& tensor) {
  return {{"name", tensor.name},
          {"type", tensor.dtype},
          {"shape", tensor.shape},
          {"offset", tensor.offset},
          {"size_bytes", tensor.data.size()}};
}

// What the program makes of it, or why nothing.
void add_model(ordered_json& report, const Result<model::ModelSpec>& spec, uint64_t elements) {
  report["parameters"] = spec ? spec->parameters() : elements;
  if (!spec) {
    report["unsupported"] = spec.error().message();
    return;
  }
  report["quantization"] = spec->quantization();
  std::map<model::WeightRole, uint64_t> by_role;
  spec->for_each_weight([&](model::WeightRole role, const model::Weight& weight) {
    by_role[role] += weight.tensor.data.size();
  });
  for (const auto& [role, bytes] : by_role) {
    report["memory"][std::string(model::name(role))] = bytes;
  }
  report["memory"]["total"] = spec->weight_bytes();
}

}  // namespace

ordered_json inspect_json(const GgufFile& file) {
  ordered_json report = {{"file", file.name()},
                         {"size_bytes", file.size_bytes()},
                         {"format", "gguf"},
                         {"version", file.version()}};
  report["metadata"] = ordered_json::object();
  for (const formats::GgufEntry& entry : file.metadata()) {
    report["metadata"][std::string(entry.key)] = value_json(file, entry);
  }
  report["tensors"] = ordered_json::array();
  uint64_t elements = 0;
  for (const TensorView& tensor : file.tensors()) {
    report["tensors"].push_back(tensor_json(tensor));
    elements += tensor.elements();
  }
  add_model(report, model::spec_from_gguf(file), elements);
  return report;
}

ordered_json inspect_json(const model::HfFolder& folder) {
  ordered_json report = {{"file", folder.path().string()},
                         {"size_bytes", 0},
                         {"format", "safetensors"},
                         {"metadata", folder.config()},
                         {"tensors", ordered_json::array()}};
  uint64_t elements = 0;
  uint64_t bytes = 0;
  for (const formats::SafetensorsFile& file : folder.weights().files()) {
    for (const formats::SafeTensor& tensor : file.tensors()) {
      report["tensors"].push_back(tensor_json(tensor));
      bytes += tensor.data.size();
      elements += std::accumulate(tensor.shape.begin(), tensor.shape.end(), uint64_t{1},
                                  std::multiplies<>());
    }
  }
  report["size_bytes"] = bytes;
  add_model(report, model::spec_from_folder(folder), elements);
  return report;
}

std::string inspect_text(const GgufFile& file) {
  std::string out = fmt::format("{}: GGUF version {}, {}\n", file.name(), file.version(),
                                size_text(file.size_bytes()));
  auto to = std::back_inserter(out);
  fmt::format_to(to, "\n{} keys\n", file.metadata().size());
  for (const formats::GgufEntry& entry : file.metadata()) {
    fmt::format_to(to, "  {:<44} {}\n", formats::quote(entry.key), value_text(file, entry));
  }
  fmt::format_to(to, "\n{} tensors\n", file.tensors().size());
  for (const TensorView& tensor : file.tensors()) {
    const std::span dims(tensor.dims.data(), tensor.n_dims);
    fmt::format_to(to, "  {:<32} {:<8} {:<18} {:>9}\n", formats::quote(tensor.name),
                   formats::info(tensor.type).name, fmt::format("[{}]", fmt::join(dims, ", ")),
                   size_text(tensor.data.size()));
  }
  append_model(out, inspect_json(file));
  return out;
}

std::string inspect_text(const model::HfFolder& folder) {
  const ordered_json report = inspect_json(folder);
  std::string out = fmt::format("{}: safetensors, {}\n", formats::quote(folder.path().string()),
                                size_text(report["size_bytes"].get<uint64_t>()));
  auto to = std::back_inserter(out);
  fmt::format_to(to, "\n{} fields of config.json\n", report["metadata"].size());
  for (const auto& [name, value] : report["metadata"].items()) {
    fmt::format_to(to, "  {:<44} {}\n", formats::quote(name), cut(dump(value)));
  }
  fmt::format_to(to, "\n{} tensors\n", report["tensors"].size());
  for (const ordered_json& tensor : report["tensors"]) {
    fmt::format_to(to, "  {:<48} {:<8} {:<18} {:>9}\n",
                   formats::quote(tensor["name"].get<std::string>()),
                   tensor["type"].get<std::string>(), tensor["shape"].dump(),
                   size_text(tensor["size_bytes"].get<uint64_t>()));
  }
  append_model(out, report);
  return out;
}

}  // namespace weft::cli
