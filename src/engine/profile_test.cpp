#include "engine/profile.h"

#include <gtest/gtest.h>

#include "testing/fake_backend.h"

namespace weft::engine {
namespace {

using testing::FakeBackend;
using Phase = ThroughputCase::Phase;

FakeBackend make_fake() {
  return FakeBackend(
      {.options = {.max_rows = 48, .max_context = 256, .kv_blocks = 20}, .max_in_flight = 3});
}

TEST(Profile, TimesOfKernelsAreThoseOfUndisturbedSteps) {
  FakeBackend fake = make_fake();
  const auto made = profile(fake, {.phase = Phase::kDecode, .tokens = 10, .depth = 96});
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->steps, 10U);  // without the depth's
  EXPECT_DOUBLE_EQ(made->computing_s, 20);
  EXPECT_DOUBLE_EQ(made->measured_s, 25);
  ASSERT_EQ(made->kernels.size(), 1U);
  EXPECT_EQ(made->kernels[0].name, "a");
  EXPECT_EQ(made->kernels[0].count, 10U);
  EXPECT_DOUBLE_EQ(made->kernels[0].seconds, 16);
  EXPECT_EQ(made->kernels[0].bytes, 70U);
  EXPECT_EQ(made->kernels[0].flops, 50U);
  EXPECT_DOUBLE_EQ(made->accounted(), 16 / made->time.wall_s);
}

TEST(Profile, AnErrorOfTheDeviceComesOut) {
  FakeBackend fake = make_fake();
  fake.fail_with("The device is gone.");
  const auto made = profile(fake, {.phase = Phase::kDecode, .tokens = 8});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(), "The device is gone.");
}

}  // namespace
}  // namespace weft::engine
