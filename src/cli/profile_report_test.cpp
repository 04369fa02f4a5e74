#include "cli/profile_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using ::testing::HasSubstr;

// 4 steps in 8 ms, 6 ms of them on the device, where kernels account for 5 ms.
engine::Profile some_profile() {
  return {.steps = 4,
          .time = {.wall_s = 8e-3, .thread_s = 2e-3},
          .computing_s = 6e-3,
          .measured_s = 9e-3,
          .kernels = {{.name = "matvec", .count = 8, .seconds = 4e-3, .bytes = 2'000'000'000},
                      {.name = "norm", .count = 4, .seconds = 1e-3, .flops = 50'000'000'000}}};
}

constexpr engine::ThroughputCase kCase{
    .phase = engine::ThroughputCase::Phase::kDecode, .tokens = 4, .depth = 7};

// The line that begins with `name`, its blanks joined.
std::string line_of(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    std::string joined;
    std::istringstream words(line.substr(name.size()));
    for (std::string word; words >> word;) joined += (joined.empty() ? "" : " ") + word;
    return joined;
  }
  return {};
}

TEST(ProfileReport, RowsAddUpToTheTime) {
  const std::string text = profile_text(kCase, some_profile(), Peak{1000, 100});
  EXPECT_THAT(text, HasSubstr("tg4 at depth 7, 1 sequence(s): 4 steps of 2.000 ms, 75.0% of it "
                              "computing; the thread that submits is busy 25.0%"));
  EXPECT_THAT(text, HasSubstr("1.50 times as long; their times are scaled back to 6.000 ms"));
  EXPECT_EQ(line_of(text, "matvec"), "8 4.000 50.0% 500.0 50.0% 0.00 0.0%");
  EXPECT_EQ(line_of(text, "norm"), "4 1.000 12.5% 0.0 0.0% 50.00 50.0%");
  EXPECT_EQ(line_of(text, "between kernels of a step"), "1.000 12.5%");
  EXPECT_EQ(line_of(text, "between steps"), "2.000 25.0%");
  EXPECT_THAT(text, HasSubstr("Kernels account for 62.5% of the time."));
}

TEST(ProfileReport, NoShareOfAnUnknownPeak) {
  EXPECT_EQ(line_of(profile_text(kCase, some_profile(), {}), "matvec"),
            "8 4.000 50.0% 500.0 - 0.00 -");
  EXPECT_TRUE(profile_json(some_profile(), {})["peak_gb_s"].is_null());
}

TEST(ProfileReport, JsonHasTheNumbers) {
  const auto json = profile_json(some_profile(), Peak{1000, 100});
  EXPECT_EQ(json["steps"], 4);
  EXPECT_DOUBLE_EQ(json["accounted"], 0.625);
  EXPECT_EQ(json["peak_gb_s"], 1000);
  EXPECT_EQ(json["profile"].size(), 2U);
  EXPECT_DOUBLE_EQ(json["profile"][1]["share"], 0.125);
}

}  // namespace
}  // namespace weft::cli
