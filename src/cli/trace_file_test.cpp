// Read back by the description of the format: "Trace Event Format", Google.
#include "cli/trace_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/temporary_file.h"

namespace weft::cli {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Json written(const backend::Trace& trace) {
  const testing::TemporaryFile file({}, ".json");
  auto made = TraceFile::create(file.path());
  EXPECT_TRUE(made) << made.error().message();
  const Result<void> done = std::move(**made).write(trace, "GPU \"X\"");
  EXPECT_TRUE(done) << done.error().message();
  return Json::parse(read_text_file(file.path()).value());
}

TEST(TraceFile, HasEachSpanInItsRow) {
  const backend::Trace trace{
      .names = {"submit", "step", "matvec \"q\""},
      .host = {{.name = 0, .begin = 1e-3, .end = 1.5e-3}},
      .steps = {{.name = 1, .begin = 2e-3, .end = 4e-3}},
      .kernels = {{.name = 2, .begin = 2e-3, .end = 3e-3, .bytes = 12, .flops = 34}}};
  const Json all = written(trace)["traceEvents"];
  std::map<int, std::string> rows;
  std::vector<Json> spans;
  for (const Json& event : all) {
    if (event["name"] == "thread_name") rows[event["tid"]] = event["args"]["name"];
    if (event["ph"] == "X") spans.push_back(event);
  }
  ASSERT_EQ(spans.size(), 3U);
  const auto expect = [&](size_t i, const char* row, const char* name, double ts, double dur) {
    EXPECT_THAT(rows[spans[i]["tid"]], HasSubstr(row));
    EXPECT_EQ(spans[i]["name"], name);
    EXPECT_DOUBLE_EQ(spans[i]["ts"], ts);
    EXPECT_DOUBLE_EQ(spans[i]["dur"], dur);
  };
  expect(0, "host", "submit", 1000, 500);
  expect(1, "GPU \"X\": steps", "step", 2000, 2000);
  expect(2, "GPU \"X\": kernels", "matvec \"q\"", 2000, 1000);
  EXPECT_EQ(spans[2]["args"], (Json{{"bytes", 12}, {"flops", 34}}));
  EXPECT_FALSE(spans[0].contains("args"));
}

TEST(TraceFile, AnEmptyTraceIsValid) { EXPECT_GE(written({})["traceEvents"].size(), 1U); }

TEST(TraceFile, NoPathIsNoFile) { EXPECT_FALSE(TraceFile::create("")->has_value()); }

TEST(TraceFile, SaysWhereItCannotWrite) {
  const auto made = TraceFile::create("/no/such/folder/trace.json");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("/no/such/folder/trace.json"));
}

}  // namespace
}  // namespace weft::cli
