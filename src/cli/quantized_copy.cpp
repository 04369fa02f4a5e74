#include "cli/quantized_copy.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/file.h"
#include "cli/gguf_source.h"
#include "cli/version.h"
#include "formats/gguf_parts.h"

namespace weft::cli {
namespace {

namespace fs = std::filesystem;

constexpr auto kUnusedFor = std::chrono::days(30);

// FNV-1a of 64 bits.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

// Everything that another copy would come of: the files of the model, and who makes it.
Result<std::string> identity_of(const fs::path& model, const std::string& type) {
  std::error_code error;
  const fs::path place = fs::canonical(model, error);
  if (error) return fail("'{}': {}.", model.string(), error.message());
  std::vector<fs::path> files = formats::gguf_files(model);
  if (fs::is_directory(place, error)) {
    files.clear();
    for (const auto& entry : fs::directory_iterator(place, error)) {
      if (entry.is_regular_file(error)) files.push_back(entry.path());
    }
    std::ranges::sort(files);
  }
  std::string identity = fmt::format("{}\n{}\n{}\n", type, commit(), place.string());
  for (const fs::path& file : files) {
    const auto time = fs::last_write_time(file, error).time_since_epoch().count();
    identity += fmt::format("{} {} {}\n", file.string(), fs::file_size(file, error), time);
  }
  return identity;
}

void remove_unused(const fs::path& folder) {
  std::error_code ignored;
  const auto oldest = fs::file_time_type::clock::now() - kUnusedFor;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (fs::last_write_time(entry, ignored) < oldest) fs::remove(entry, ignored);
  }
}

}  // namespace

Result<fs::path> quantized_copy(const fs::path& model, const std::string& type, unsigned threads,
                                Progress& progress) {
  WEFT_ASSIGN(const model::QuantizeType wanted, model::find_quantize_type(type));
  WEFT_ASSIGN(const std::string identity, identity_of(model, std::string(wanted.name)));
  WEFT_ASSIGN(const fs::path cache, cache_dir());
  const fs::path folder = cache / "quantized";
  const fs::path path = folder / fmt::format("{}-{}-{:016x}.gguf", model.stem().string(),
                                             wanted.name, hash_of(identity));
  std::error_code error;
  if (fs::exists(path, error)) {
    fs::last_write_time(path, fs::file_time_type::clock::now(), error);  // it is in use
    return path;
  }
  fs::create_directories(folder, error);
  remove_unused(folder);
  WEFT_ASSIGN(GgufSource source, open_gguf_source(model));
  const auto on_progress = [&](uint64_t done, uint64_t all) {
    progress.update("quantising", done, all);
  };
  WEFT_TRY(model::write_image(std::move(source.image), {.type = wanted, .threads = threads}, path,
                              {.on_progress = on_progress}));
  return path;
}

}  // namespace weft::cli
