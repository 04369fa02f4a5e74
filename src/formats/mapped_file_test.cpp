#include "formats/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/temporary_file.h"

namespace weft::formats {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TemporaryFile;

std::string error_of(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return file ? "no error" : file.error().message();
}

TEST(MappedFile, ShowsTheBytesAndFollowsMoves) {
  const std::vector<std::byte> content(10000, std::byte{7});
  const TemporaryFile stored(content);
  auto opened = MappedFile::open(stored.path());
  ASSERT_TRUE(opened.has_value());
  MappedFile moved = std::move(*opened);
  EXPECT_TRUE(opened->bytes().empty());
  moved.advise(moved.bytes(), Access::kSequential);
  moved.advise(moved.bytes().subspan(100, 5000), Access::kDontNeed);
  EXPECT_TRUE(std::ranges::equal(moved.bytes(), content));
}

TEST(MappedFile, ErrorsNameTheFile) {
  EXPECT_THAT(error_of("/no/such/file"), AllOf(HasSubstr("'/no/such/file'"), HasSubstr("No such")));
  EXPECT_THAT(error_of("/tmp"), HasSubstr("'/tmp' is a folder"));
  EXPECT_THAT(error_of("/dev/null"), HasSubstr("not a regular file"));
  const TemporaryFile empty({});
  EXPECT_THAT(error_of(empty.path()), HasSubstr("is empty"));
  const std::filesystem::path fifo = empty.path().string() + ".fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(error_of(fifo), HasSubstr("not a regular file"));
  std::filesystem::remove(fifo);
}

TEST(MappedFile, ForbiddenFilesAreErrors) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TemporaryFile stored(std::vector<std::byte>(1));
  std::filesystem::permissions(stored.path(), std::filesystem::perms::none);
  EXPECT_THAT(error_of(stored.path()), HasSubstr("ermission"));
}

}  // namespace
}  // namespace weft::formats
