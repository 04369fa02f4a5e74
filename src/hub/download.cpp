#include "hub/download.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "hub/http.h"

namespace weft::hub {
namespace {

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  return path += suffix;
}

// The file in the making, locked against other processes.
class PartFile {
 public:
  static Result<PartFile> open(const std::filesystem::path& path, uint64_t size) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return fail("Could not create '{}': {}.", path.string(), std::strerror(errno));
    PartFile file(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      return fail("'{}' is being downloaded by another process.", path.string());
    }
    if (::ftruncate(fd, static_cast<off_t>(size)) != 0) {
      return fail("Could not make '{}' {} bytes long: {}.", path.string(), size,
                  std::strerror(errno));
    }
    return file;
  }
  PartFile(PartFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  PartFile& operator=(PartFile&&) = delete;
  ~PartFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool write(uint64_t offset, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      bytes = bytes.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return true;
  }

 private:
  explicit PartFile(int fd) : fd_(fd) {}
  int fd_;
};

// Which pieces are there, in a file beside the part: a line that says of what, then '1' or '0' for
// each piece.
class Pieces {
 public:
  explicit Pieces(const Download& what)
      : path_(with_suffix(what.to, ".pieces")),
        head_(fmt::format("{} {} {}\n", what.digest.hex, what.size_bytes, what.piece_bytes)),
        done_(ceil_div(what.size_bytes, what.piece_bytes), '0') {
    const Result<std::string> before = read_text_file(path_);
    const bool is_same =
        before && before->starts_with(head_) && before->size() == head_.size() + done_.size();
    if (is_same) done_ = before->substr(head_.size());
  }

  [[nodiscard]] size_t size() const { return done_.size(); }
  [[nodiscard]] bool is_done(size_t piece) const { return done_[piece] == '1'; }
  [[nodiscard]] Result<void> set_done(size_t piece) {
    done_[piece] = '1';
    const std::string text = head_ + done_;
    return write_file(path_, std::as_bytes(std::span(text)));
  }

 private:
  std::filesystem::path path_;
  std::string head_;
  std::string done_;
};

class Downloader {
 public:
  Downloader(const Download& what, const PartFile& part) : what_(what), part_(part), pieces_(what) {
    for (size_t i = 0; i < pieces_.size(); ++i) {
      if (pieces_.is_done(i)) bytes_ += range_of(i).count;
    }
  }

  // Runs the connections, and reports from this thread until they are done.
  Result<void> run(const OnDownloaded& on_progress) {
    {
      std::vector<std::jthread> workers;
      for (size_t i = 0; i < std::min<size_t>(what_.connections, pieces_.size()); ++i) {
        ++working_;
        workers.emplace_back([this] { work(); });
      }
      std::unique_lock lock(mutex_);
      while (working_ > 0) {
        ended_.wait_for(lock, std::chrono::milliseconds(100));
        lock.unlock();
        if (on_progress) on_progress(bytes_);
        lock.lock();
      }
    }
    if (error_) return std::unexpected(*error_);
    return {};
  }

  // It failed because the server gives no pieces.
  [[nodiscard]] bool needs_whole() const { return needs_whole_; }

 private:
  [[nodiscard]] ByteRange range_of(size_t piece) const {
    const uint64_t first = piece * what_.piece_bytes;
    return {first, std::min(what_.piece_bytes, what_.size_bytes - first)};
  }

  void work() {
    HttpClient client;
    for (size_t piece = next_++; piece < pieces_.size() && !stop_; piece = next_++) {
      if (pieces_.is_done(piece)) continue;
      Result<void> fetched = fetch(client, piece);
      const std::scoped_lock lock(mutex_);
      if (fetched) fetched = pieces_.set_done(piece);
      if (!fetched && !error_) error_ = fetched.error();
      if (!fetched) stop_ = true;
    }
    const std::scoped_lock lock(mutex_);
    --working_;
    ended_.notify_one();
  }

  Result<void> fetch(HttpClient& client, size_t piece) {
    int wait_ms = what_.wait_ms;
    for (int tries = 1;; ++tries, wait_ms *= 2) {
      const auto failed = try_once(client, range_of(piece));
      if (!failed) return {};
      if (!failed->may_pass || tries == what_.tries || stop_) return fail("{}", failed->sentence);
      std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    }
  }

  // Nothing where all went well.
  std::optional<HttpError> try_once(HttpClient& client, const ByteRange& range) {
    uint64_t got = 0;
    bool could_write = true;
    const bool is_all = range.count == what_.size_bytes;
    const HttpRequest request{.url = what_.url,
                              .token = what_.token,
                              .range = is_all ? std::nullopt : std::optional(range),
                              .most_bytes = range.count};
    bool has_ranges = true;
    const auto answered = client.get(request, [&](long code, std::span<const std::byte> bytes) {
      has_ranges = is_all || code == 206;
      if (!has_ranges || stop_) return false;
      could_write = part_.write(range.first + got, bytes);
      got += bytes.size();
      bytes_ += bytes.size();
      return could_write;
    });
    if (answered && got == range.count) return std::nullopt;
    bytes_ -= got;
    if (!could_write) {
      return HttpError{
          fmt::format("Could not write '{}.part': {}.", what_.to.string(), std::strerror(errno))};
    }
    if (!has_ranges) {
      needs_whole_ = true;
      return HttpError{fmt::format("'{}' is only given as a whole, not in pieces.", what_.url)};
    }
    if (!answered) return answered.error();
    return HttpError{fmt::format("'{}' ended after {} of {} bytes at {}.", what_.url, got,
                                 range.count, range.first),
                     true};
  }

  const Download& what_;
  const PartFile& part_;
  Pieces pieces_;  // written under mutex_; a worker reads what it writes itself
  std::atomic<size_t> next_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> needs_whole_{false};
  std::mutex mutex_;
  std::condition_variable ended_;
  size_t working_ = 0;
  std::optional<Error> error_;
};

Result<bool> is_right(const std::filesystem::path& path, const Download& what) {
  std::error_code error;
  const bool has_size = std::filesystem::is_regular_file(path, error) &&
                        std::filesystem::file_size(path, error) == what.size_bytes;
  if (!has_size) return false;
  WEFT_ASSIGN(const std::string hex, digest_of(path, what.digest.kind, {}));
  return hex == what.digest.hex;
}

Result<void> expect_space(const Download& what) {
  std::error_code error;
  const auto space = std::filesystem::space(what.to.parent_path(), error);
  if (error || space.available >= what.size_bytes) return {};
  return fail("'{}' takes {} bytes, and {} are free in its folder.", what.to.string(),
              what.size_bytes, space.available);
}

Result<void> fetch_pieces(const Download& what, const PartFile& part,
                          const OnDownloaded& on_progress) {
  Downloader in_pieces(what, part);
  Result<void> done = in_pieces.run(on_progress);
  if (done || !in_pieces.needs_whole()) return done;
  Download whole = what;
  whole.piece_bytes = what.size_bytes;
  return Downloader(whole, part).run(on_progress);
}

}  // namespace

Result<void> download(const Download& what, const OnDownloaded& on_progress) {
  std::error_code error;
  std::filesystem::create_directories(what.to.parent_path(), error);
  WEFT_ASSIGN(const bool is_there, is_right(what.to, what));
  if (is_there) return {};
  WEFT_TRY(expect_space(what));
  const std::filesystem::path part_path = with_suffix(what.to, ".part");
  const std::filesystem::path pieces_path = with_suffix(what.to, ".pieces");
  if (!std::filesystem::exists(part_path, error)) std::filesystem::remove(pieces_path, error);
  WEFT_ASSIGN(const PartFile part, PartFile::open(part_path, what.size_bytes));
  WEFT_TRY(fetch_pieces(what, part, on_progress));

  WEFT_ASSIGN(const std::string hex, digest_of(part_path, what.digest.kind, {}));
  std::filesystem::remove(pieces_path, error);
  if (hex != what.digest.hex) {
    std::filesystem::remove(part_path, error);
    return fail("What came from '{}' has the checksum {}, and {} was announced; it was deleted.",
                what.url, hex, what.digest.hex);
  }
  std::filesystem::rename(part_path, what.to, error);
  if (!error) return {};
  return fail("Could not rename '{}' to '{}': {}.", part_path.string(), what.to.string(),
              error.message());
}

}  // namespace weft::hub
