// The bytes of a file, read by the description of the format: numpy.lib.format, version 1.0.
#include "cli/npy.h"

#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "testing/temporary_file.h"

namespace weft::cli {
namespace {

std::string written(std::span<const float> values, uint64_t rows, uint64_t cols) {
  const testing::TemporaryFile file({}, ".npy");
  const Result<void> done = write_npy(file.path(), values, rows, cols);
  EXPECT_TRUE(done) << done.error().message();
  return read_text_file(file.path()).value();
}

TEST(Npy, IsAHeaderAndTheValues) {
  const std::vector<float> values = {1.5F, -2.0F, 0.0F, 1e-30F, 3.0F, 1.0F / 3};
  const std::string bytes = written(values, 2, 3);
  ASSERT_GT(bytes.size(), 10U);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t header_bytes =
      static_cast<uint8_t>(bytes[8]) + 256U * static_cast<uint8_t>(bytes[9]);
  ASSERT_EQ(bytes.size(), 10 + header_bytes + values.size() * sizeof(float));
  EXPECT_EQ((10 + header_bytes) % 64, 0U);  // so that the data can be mapped

  const std::string header = bytes.substr(10, header_bytes);
  EXPECT_EQ(header.back(), '\n');
  EXPECT_EQ(header.substr(0, header.find('}') + 1),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  EXPECT_EQ(header.find_first_not_of(" \n", header.find('}') + 1), std::string::npos);

  std::vector<float> read(values.size());
  std::memcpy(read.data(), bytes.data() + 10 + header_bytes, bytes.size() - 10 - header_bytes);
  EXPECT_EQ(read, values);
  // 1.5 is 0x3FC00000: its lowest byte comes first.
  EXPECT_EQ(bytes.substr(10 + header_bytes, 4), std::string("\x00\x00\xC0\x3F", 4));
}

TEST(Npy, TheHeaderIsAlignedWhateverItsLength) {
  for (uint64_t cols = 1; cols < 10'000'000; cols *= 10) {
    const std::string bytes = written(std::vector<float>(cols == 1 ? 1 : 0), cols == 1, cols);
    const size_t header_bytes =
        static_cast<uint8_t>(bytes[8]) + 256U * static_cast<uint8_t>(bytes[9]);
    EXPECT_EQ((10 + header_bytes) % 64, 0U) << cols;
    EXPECT_EQ(bytes[10 + header_bytes - 1], '\n') << cols;
  }
}

TEST(Npy, SaysWhereItCouldNotWrite) {
  const Result<void> done = write_npy("/no/such/folder/x.npy", {}, 0, 3);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), ::testing::HasSubstr("/no/such/folder/x.npy"));
}

}  // namespace
}  // namespace weft::cli
