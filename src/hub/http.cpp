#include "hub/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

namespace weft::hub {
namespace {

// Once for the whole program, before the first handle and after the last.
struct Library {
  Library() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~Library() { curl_global_cleanup(); }
};

struct Body {
  CURL* curl;
  const HttpRequest& request;
  const HttpClient::Take& take;
  uint64_t bytes = 0;
  bool is_too_long = false;

  // What a good answer to the request has.
  [[nodiscard]] bool is_good(long code) const {
    return code == 200 || (request.range && code == 206);
  }
};

size_t receive(char* data, size_t, size_t size, void* user) {
  Body& body = *static_cast<Body*>(user);
  long code = 0;
  curl_easy_getinfo(body.curl, CURLINFO_RESPONSE_CODE, &code);
  if (!body.is_good(code)) return size;  // an error's page
  body.bytes += size;
  body.is_too_long = body.bytes > body.request.most_bytes;
  if (body.is_too_long) return 0;
  return body.take(code, std::as_bytes(std::span(data, size))) ? size : 0;
}

bool is_busy(long code) { return code == 408 || code == 429 || code >= 500; }

std::string_view reason(long code) {
  switch (code) {
    case 401:
      return ": it wants a token (set HF_TOKEN)";
    case 403:
      return ": the token gives no access; some models want their licence accepted on the web";
    case 404:
      return ": there is no such thing";
    default:
      return "";
  }
}

}  // namespace

struct HttpClient::Handle {
  CURL* curl = curl_easy_init();
  ~Handle() { curl_easy_cleanup(curl); }
};

HttpClient::HttpClient() {
  static const Library library;
  handle_ = std::make_unique<Handle>();
}

HttpClient::~HttpClient() = default;

std::expected<long, HttpError> HttpClient::get(const HttpRequest& request, const Take& take) {
  CURL* curl = handle_->curl;
  char problem[CURL_ERROR_SIZE] = "";
  Body body{.curl = curl, .request = request, .take = take};
  curl_easy_reset(curl);  // options; the connection stays
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "weft");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 8L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
  const bool is_secure = request.url.starts_with("https:");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, is_secure ? "https" : "https,http");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  if (!request.token.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request.token.c_str());
  }
  if (request.range) {
    const std::string range =
        fmt::format("{}-{}", request.range->first, request.range->first + request.range->count - 1);
    curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  }
  const CURLcode result = curl_easy_perform(curl);
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  const auto error = [&](std::string_view what, bool may_pass) {
    return std::unexpected(
        HttpError{.sentence = fmt::format("'{}' {}.", request.url, what), .may_pass = may_pass});
  };
  if (body.is_too_long) {
    return error(fmt::format("has more than {} bytes", request.most_bytes), false);
  }
  if (result != CURLE_OK && (code == 0 || body.is_good(code))) {
    const std::string_view why = *problem != '\0' ? problem : curl_easy_strerror(result);
    return error(fmt::format("could not be read: {}", why), true);
  }
  if (!body.is_good(code)) {
    return error(fmt::format("is answered with {}{}", code, reason(code)), is_busy(code));
  }
  return code;
}

}  // namespace weft::hub
