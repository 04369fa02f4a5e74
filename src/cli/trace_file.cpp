#include "cli/trace_file.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weft::cli {
namespace {

using backend::Span;
using backend::Trace;

std::string json_of(std::string_view text) { return nlohmann::json(text).dump(); }

// A row of the picture.
void add_row(std::string& events, int row, std::string_view name) {
  events +=
      fmt::format(R"({{"ph":"M","pid":1,"tid":{0},"name":"thread_name","args":{{"name":{1}}}}},
{{"ph":"M","pid":1,"tid":{0},"name":"thread_sort_index","args":{{"sort_index":{0}}}}},
)",
                  row, json_of(name));
}

void add_spans(std::string& events, int row, const std::vector<Span>& spans,
               const std::vector<std::string>& json_names) {
  for (const Span& span : spans) {
    events += fmt::format(R"({{"ph":"X","pid":1,"tid":{},"name":{},"ts":{:.3f},"dur":{:.3f})", row,
                          json_names[span.name], span.begin * 1e6, span.seconds() * 1e6);
    if (span.bytes > 0 || span.flops > 0) {
      events += fmt::format(R"(,"args":{{"bytes":{},"flops":{}}})", span.bytes, span.flops);
    }
    events += "},\n";
  }
}

}  // namespace

Result<std::optional<TraceFile>> TraceFile::create(const std::filesystem::path& path) {
  if (path.empty()) return std::nullopt;
  WEFT_ASSIGN(FileWriter writer, FileWriter::create(path));
  return TraceFile(std::move(writer));
}

Result<void> TraceFile::write(const Trace& trace, std::string_view device) && {
  std::vector<std::string> names;
  for (const std::string& name : trace.names) names.push_back(json_of(name));
  std::string text = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  add_row(text, 1, "host: the thread that submits");
  add_row(text, 2, fmt::format("{}: steps", device));
  add_row(text, 3, fmt::format("{}: kernels", device));
  add_spans(text, 1, trace.host, names);
  add_spans(text, 2, trace.steps, names);
  add_spans(text, 3, trace.kernels, names);
  text += R"({"ph":"M","pid":1,"name":"process_name","args":{"name":"weft"}}]})";
  text += '\n';
  WEFT_TRY(writer_.write(std::as_bytes(std::span(text))));
  return writer_.commit();
}

}  // namespace weft::cli
