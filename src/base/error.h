// Errors are values: a whole sentence that names the thing and both numbers, and a line for each
// level it passed on its way up ("While loading 'model.gguf'.").
#pragma once

#include <expected>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace weft {

class Error {
 public:
  explicit Error(std::string sentence) : message_(std::move(sentence)) {}

  // Adds what was being done when the error came by, as a sentence of its own.
  [[nodiscard]] Error within(std::string_view sentence) && {
    message_.append(" ").append(sentence);
    return std::move(*this);
  }

  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  std::string message_;
};

template <class T>
using Result = std::expected<T, Error>;

// return fail("Tensor '{}' has {} rows, and {} were expected.", name, rows, expected);
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace weft

#define WEFT_CONCAT_(a, b) a##b
#define WEFT_CONCAT(a, b) WEFT_CONCAT_(a, b)

// Returns the error of `expr` from the function around it, if there is one.
#define WEFT_TRY(expr)                                        \
  do {                                                        \
    if (auto weft_result = (expr); !weft_result) {            \
      return std::unexpected(std::move(weft_result).error()); \
    }                                                         \
  } while (false)

// WEFT_ASSIGN(auto file, MappedFile::open(path)): the value, or the function returns the error.
#define WEFT_ASSIGN(declaration, expr) \
  WEFT_ASSIGN_(WEFT_CONCAT(weft_result_, __LINE__), declaration, expr)
#define WEFT_ASSIGN_(result, declaration, expr)                   \
  auto result = (expr);                                           \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = std::move(*result)
