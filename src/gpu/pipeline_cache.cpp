#include "gpu/pipeline_cache.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/file.h"
#include "gpu/device.h"

namespace weft::gpu {
namespace {
namespace fs = std::filesystem;

// A file: this header, the key, the value.
struct FileHeader {
  std::array<char, 8> magic{'w', 'e', 'f', 't', 'p', 'i', 'p', '1'};
  uint64_t key_bytes = 0;
  uint64_t value_bytes = 0;
  uint64_t checksum = 0;  // of key and value
};

// FNV-1a, 64 bits.
uint64_t hash(std::string_view bytes, uint64_t seed = 0xcbf29ce484222325U) {
  for (const char byte : bytes) seed = (seed ^ static_cast<uint8_t>(byte)) * 0x100000001b3U;
  return seed;
}

std::string_view chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct CachedFile {
  fs::path path;
  fs::file_time_type written;
  uint64_t size_bytes;
};

void drop_oldest(const fs::path& folder, uint64_t max_bytes) {
  std::error_code error;
  std::vector<CachedFile> files;
  uint64_t total = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    std::error_code gone;  // another process may drop files too
    const uint64_t size = entry.file_size(gone);
    const auto written = entry.last_write_time(gone);
    if (gone) continue;
    files.push_back({entry.path(), written, size});
    total += size;
  }
  if (total <= max_bytes) return;
  std::ranges::sort(files, {}, &CachedFile::written);
  for (const CachedFile& file : files) {
    if (total <= max_bytes / 2) return;
    fs::remove(file.path, error);
    total -= file.size_bytes;
  }
}
}  // namespace

fs::path default_pipeline_folder() {
  const Result<fs::path> cache = cache_dir();
  return cache ? *cache / "pipelines" : fs::path();
}

PipelineCache::PipelineCache(fs::path folder, uint64_t max_bytes) : folder_(std::move(folder)) {
  if (folder_.empty()) return;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    folder_.clear();
    return;
  }
  drop_oldest(folder_, max_bytes);
}

fs::path PipelineCache::path_of(std::string_view key) const {
  return folder_ / fmt::format("{:016x}", hash(key));
}

std::optional<std::vector<std::byte>> PipelineCache::load(std::string_view key) const {
  if (!is_enabled()) return std::nullopt;
  const Result<std::string> file = read_text_file(path_of(key));
  FileHeader header;
  if (!file || file->size() < sizeof header) return std::nullopt;
  std::memcpy(&header, file->data(), sizeof header);
  const std::string_view body = std::string_view(*file).substr(sizeof header);
  if (header.magic != FileHeader{}.magic || header.key_bytes != key.size() ||
      header.value_bytes != body.size() - std::min(body.size(), key.size()) ||
      header.checksum != hash(body) || !body.starts_with(key)) {
    return std::nullopt;
  }
  const auto value = std::as_bytes(std::span(body.substr(key.size())));
  return std::vector(value.begin(), value.end());
}

void PipelineCache::store(std::string_view key, std::span<const std::byte> value) const {
  if (!is_enabled()) return;
  const FileHeader header{.key_bytes = key.size(),
                          .value_bytes = value.size(),
                          .checksum = hash(chars(value), hash(key))};
  std::string file(sizeof header, '\0');
  std::memcpy(file.data(), &header, sizeof header);
  file.append(key).append(chars(value));
  if (const auto written = write_file(path_of(key), std::as_bytes(std::span(file))); !written) {
    spdlog::debug("A compiled pipeline is not kept. {}", written.error().message());
  }
}

}  // namespace weft::gpu
