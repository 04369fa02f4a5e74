// A trace as a file that chrome://tracing and ui.perfetto.dev show: JSON in Chrome's trace event
// format, with a row for the host's thread, one for steps and one for kernels.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "backend/trace.h"
#include "base/error.h"
#include "base/file.h"

namespace weft::cli {

class TraceFile {
 public:
  // Made before what is traced, so that a file that cannot be written costs nobody a run. Nothing
  // where `path` is empty.
  [[nodiscard]] static Result<std::optional<TraceFile>> create(const std::filesystem::path& path);

  [[nodiscard]] Result<void> write(const backend::Trace& trace, std::string_view device) &&;

 private:
  explicit TraceFile(FileWriter writer) : writer_(std::move(writer)) {}

  FileWriter writer_;
};

}  // namespace weft::cli
