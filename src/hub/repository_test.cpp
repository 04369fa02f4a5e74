#include "hub/repository.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::hub {
namespace {

using ::testing::HasSubstr;

std::string error_with_size(const char* size) {
  const auto files = read_list(fmt::format(
      R"([{{"type": "file", "path": "a", "size": {}, "oid": "{}"}}])", size, std::string(40, '0')));
  return files ? "no error" : files.error().message();
}

TEST(FileList, SizesAreWholeNumbers) {
  EXPECT_EQ(error_with_size("12"), "no error");
  for (const char* size : {"-1", "1e300", "1.5", "\"12\"", "null"}) {
    EXPECT_THAT(error_with_size(size), HasSubstr("File 'a' has the size")) << size;
  }
}

}  // namespace
}  // namespace weft::hub
