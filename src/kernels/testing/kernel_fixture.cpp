#include "kernels/testing/kernel_fixture.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <random>

#include "base/check.h"
#include "base/checked.h"
#include "base/half.h"
#include "kernels/elements.h"
#include "kernels/wgsl_files.h"

namespace weft::kernels {
namespace {

// EveryFileIsCompiled: a WGSL file that no test compiles is an error of a run of all tests, unless
// it is for matrix units that the adapter lacks. A file is known by the comment that it opens with,
// as its loops may be written out.
void expect_every_file_is_compiled() {
  const gpu::Device& device = *test_device(Features::kAll).device;
  std::vector<std::string_view> shaders = device.shaders();
  std::ranges::copy(test_device(Features::kNone).device->shaders(), std::back_inserter(shaders));
  for (const WgslFile& file : wgsl_files()) {
    const bool needs_matrices =
        std::ranges::find(file.enables, "chromium_experimental_subgroup_matrix") !=
        file.enables.end();
    if (needs_matrices && device.info().matrix_configs.empty()) continue;
    const std::string_view opening = std::string_view(file.text).substr(0, file.text.find("\n\n"));
    EXPECT_TRUE(std::ranges::any_of(
        shaders, [&](std::string_view shader) { return shader.contains(opening); }))
        << file.name << ".wgsl is compiled by no test";
  }
}

class EndOfProgram : public testing::Environment {
 public:
  void TearDown() override {
    const bool all_ran = GTEST_FLAG_GET(filter) == "*";
    if (all_ran && test_device(Features::kAll).device != nullptr) expect_every_file_is_compiled();
    close_test_devices();
  }
};

const auto* const environment = testing::AddGlobalTestEnvironment(new EndOfProgram);

bool is_near(double got, double want, const Tolerance& tolerance) {
  return std::abs(got - want) <= tolerance.absolute + tolerance.relative * std::abs(want);
}

}  // namespace

std::vector<float> random_floats(size_t count, uint32_t seed, float low, float high) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    value = low + (high - low) * static_cast<float>(random() >> 8) * 0x1p-24F;
  }
  return values;
}

std::vector<uint32_t> random_words(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint32_t> words(count);
  std::ranges::generate(words, random);
  return words;
}

std::vector<float> floats_of_halves(std::span<const uint16_t> halves) {
  std::vector<float> floats(halves.size());
  std::ranges::transform(halves, floats.begin(), half_to_float);
  return floats;
}

std::vector<uint16_t> chunks_of_rows(std::span<const uint16_t> rows, size_t columns) {
  const size_t count = rows.size() / columns;
  std::vector<uint16_t> chunks(chunks_size(count, columns), kNan & 0xffffU);
  for (size_t i = 0; i < rows.size(); ++i) {
    chunks[chunk_place(i / columns, i % columns, columns)] = rows[i];
  }
  return chunks;
}

std::vector<float> rows_of_chunks(std::span<const uint16_t> chunks, size_t rows, size_t columns) {
  const std::vector<float> values = floats_of_halves(chunks);
  std::vector<float> in_rows;
  for (size_t i = 0; i < rows * columns; ++i) {
    in_rows.push_back(values[chunk_place(i / columns, i % columns, columns)]);
  }
  return in_rows;
}

void expect_near(std::span<const float> got, std::span<const double> want,
                 const Tolerance& tolerance) {
  ASSERT_EQ(got.size(), want.size());
  size_t n_wrong = 0, first = 0, worst = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (is_near(got[i], want[i], tolerance)) continue;
    if (n_wrong++ == 0) first = worst = i;
    if (std::abs(got[i] - want[i]) > std::abs(got[worst] - want[worst])) worst = i;
  }
  EXPECT_EQ(n_wrong, 0U) << "of " << got.size() << "; first at " << first << ": " << got[first]
                         << " for " << want[first] << "; worst at " << worst << ": " << got[worst]
                         << " for " << want[worst];
}

void KernelTest::SetUp() {
  const TestDevice& opened = test_device(features_);
  if (opened.device == nullptr) GTEST_SKIP() << opened.missing;
}

gpu::Device& KernelTest::device() { return *test_device(features_).device; }

TestBuffer KernelTest::upload(std::span<const std::byte> bytes, uint32_t margin_word) {
  const uint64_t inside = round_up<uint64_t>(bytes.size(), 4);
  std::vector<uint32_t> words((inside + 2 * TestBuffer::kMargin) / 4, margin_word);
  std::memcpy(words.data() + TestBuffer::kMargin / 4, bytes.data(), bytes.size());
  auto buffer = device().create_buffer(4 * words.size(), "test");
  CHECK(buffer.has_value());
  device().write(*buffer, 0, std::as_bytes(std::span(words)));
  return {std::move(*buffer), bytes.size(), margin_word};
}

void KernelTest::run(std::span<const Dispatch> dispatches, const StepCounts& step) {
  const auto compiled = device().wait_for_pipelines();
  ASSERT_TRUE(compiled) << compiled.error().message();
  gpu::Recorder recorder = device().record();
  for (const Dispatch& dispatch : dispatches) record(recorder, dispatch, step);
  std::move(recorder).submit();
  const auto done = device().wait_idle();
  ASSERT_TRUE(done) << done.error().message();
}

std::vector<std::byte> KernelTest::download(const TestBuffer& buffer) {
  const uint64_t size = buffer.buffer().size_bytes();
  auto readback = device().create_readback(size, "test");
  CHECK(readback.has_value());
  gpu::Recorder recorder = device().record();
  recorder.read(buffer.buffer(), 0, *readback, 0, size);
  std::move(recorder).submit();
  const auto bytes = readback->wait();
  if (!bytes) {
    ADD_FAILURE() << bytes.error().message();
    return {};
  }
  const auto is_untouched = [&](uint64_t offset) {
    const uint32_t word = buffer.margin_word();
    return std::memcmp(bytes->data() + offset, &word, sizeof word) == 0;
  };
  for (uint64_t i = 0; i < TestBuffer::kMargin; i += 4) {
    EXPECT_TRUE(is_untouched(i)) << "written " << TestBuffer::kMargin - i << " bytes before";
    EXPECT_TRUE(is_untouched(size - 4 - i)) << "written past the end";
  }
  const auto inside = bytes->subspan(TestBuffer::kMargin, buffer.size_bytes());
  return {inside.begin(), inside.end()};
}

}  // namespace weft::kernels
