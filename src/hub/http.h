// HTTP requests by libcurl, one after the other on a connection that is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace weft::hub {

struct ByteRange {
  uint64_t first, count;
};

struct HttpRequest {
  std::string url;
  std::string token = {};               // of the bearer; goes to the first host only
  std::optional<ByteRange> range = {};  // else all
  uint64_t most_bytes = UINT64_MAX;     // of the answer: more is an error
};

// What may come right when it is tried again: connections that fail or end early, and answers of a
// server that is busy.
struct HttpError {
  std::string sentence;
  bool may_pass = false;
};

class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Gives the body of a good answer (200, or 206 where a range was asked for) to `take`, piece by
  // piece; what `take` refuses with false ends the request. Without a range, or where the server
  // does not know ranges, the code is 200.
  using Take = std::function<bool(long code, std::span<const std::byte> piece)>;
  [[nodiscard]] std::expected<long, HttpError> get(const HttpRequest& request, const Take& take);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace weft::hub
