// Compiled pipelines on disk, a file each, so that the next start need not compile. Files that are
// cut, damaged or of another key are as if they were not there. Safe to use from any thread, and
// from several processes at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace weft::gpu {

class PipelineCache {
 public:
  static constexpr uint64_t kMaxBytes = uint64_t{256} << 20;

  // An empty folder: nothing is kept. Makes the folder; when its files are more than `max_bytes`,
  // the oldest go until half is left.
  explicit PipelineCache(std::filesystem::path folder, uint64_t max_bytes = kMaxBytes);

  [[nodiscard]] bool is_enabled() const { return !folder_.empty(); }
  [[nodiscard]] std::optional<std::vector<std::byte>> load(std::string_view key) const;
  void store(std::string_view key, std::span<const std::byte> value) const;

 private:
  [[nodiscard]] std::filesystem::path path_of(std::string_view key) const;

  std::filesystem::path folder_;
};

}  // namespace weft::gpu
