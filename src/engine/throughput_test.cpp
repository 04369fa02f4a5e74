// What a timed run computes: its rows, steps and sequences, on the fake backend, which checks that
// they fit together.
#include "engine/throughput.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/fake_backend.h"

namespace weft::engine {
namespace {

using testing::FakeBackend;
using ::testing::HasSubstr;
using Phase = ThroughputCase::Phase;

FakeBackend make_fake() {
  return FakeBackend(
      {.options = {.max_sequences = 4, .max_rows = 48, .max_context = 256, .kv_blocks = 20},
       .max_in_flight = 3});
}

struct Work {
  uint64_t rows, steps;
  size_t sequences, in_flight;  // the most at a time
  bool operator==(const Work&) const = default;
};

Work work_of(const ThroughputCase& test) {
  FakeBackend fake = make_fake();
  const auto time = time_once(fake, test);
  EXPECT_TRUE(time) << time.error().message();
  EXPECT_GT(time->wall_s, 0);
  EXPECT_GT(time->thread_s, 0);
  return {fake.rows_computed(), fake.steps(), fake.most_sequences(), fake.most_in_flight()};
}

TEST(Throughput, APromptFillsTheRowsOfAStep) {
  EXPECT_EQ(work_of({.phase = Phase::kPrefill, .tokens = 100}), (Work{100, 3, 1, 3}));
  EXPECT_EQ(work_of({.phase = Phase::kPrefill, .tokens = 48}), (Work{48, 1, 1, 1}));
}

TEST(Throughput, SequencesShareTheRowsOfAStep) {
  EXPECT_EQ(work_of({.phase = Phase::kPrefill, .tokens = 40, .batch = 3}), (Work{120, 3, 3, 3}));
}

TEST(Throughput, ATokenAStepIsGenerated) {
  EXPECT_EQ(work_of({.phase = Phase::kDecode, .tokens = 70}), (Work{70, 70, 1, 3}));
  EXPECT_EQ(work_of({.phase = Phase::kDecode, .tokens = 40, .batch = 4}), (Work{160, 40, 4, 3}));
}

TEST(Throughput, DepthIsFilledBefore) {
  EXPECT_EQ(work_of({.phase = Phase::kDecode, .tokens = 10, .depth = 96}), (Work{106, 12, 1, 3}));
  EXPECT_EQ(work_of({.phase = Phase::kPrefill, .tokens = 10, .depth = 90, .batch = 2}),
            (Work{200, 5, 2, 3}));
}

TEST(Throughput, TheClockStartsWhenTheDepthIsFilled) {
  FakeBackend fake = make_fake();
  uint64_t steps = 0;
  const auto before = [&]() -> Result<void> {
    steps = fake.steps();
    return {};
  };
  ASSERT_TRUE(time_once(fake, {.phase = Phase::kDecode, .tokens = 10, .depth = 96}, before));
  EXPECT_EQ(steps, 2U);
}

TEST(Throughput, NamesAreLlamaBenchs) {
  EXPECT_EQ((ThroughputCase{.phase = Phase::kPrefill, .tokens = 512}.name()), "pp512");
  EXPECT_EQ((ThroughputCase{.phase = Phase::kDecode, .tokens = 128}.name()), "tg128");
}

TEST(Throughput, SaysWhatDoesNotFit) {
  const auto error = [](const ThroughputCase& test) {
    FakeBackend fake = make_fake();
    const auto seconds = time_once(fake, test);
    return seconds ? std::string() : seconds.error().message();
  };
  EXPECT_THAT(error({.phase = Phase::kDecode, .tokens = 8, .batch = 5}),
              HasSubstr("5 sequences of 8 tokens, and the backend holds 4 of 256"));
  EXPECT_THAT(error({.phase = Phase::kDecode, .tokens = 8, .depth = 250}),
              HasSubstr("1 sequences of 258 tokens"));
  EXPECT_THAT(error({.phase = Phase::kPrefill, .tokens = 200, .batch = 3}),  // 7 blocks each
              HasSubstr("needs 21 KV blocks, and the backend has 20"));
}

TEST(Throughput, AnErrorOfTheDeviceComesOut) {
  FakeBackend fake = make_fake();
  fake.fail_with("The device is gone.");
  const auto seconds = time_once(fake, {.phase = Phase::kDecode, .tokens = 8});
  ASSERT_FALSE(seconds);
  EXPECT_EQ(seconds.error().message(), "The device is gone.");
}

}  // namespace
}  // namespace weft::engine
