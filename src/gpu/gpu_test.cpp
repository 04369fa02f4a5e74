// A device through its whole life, on whichever adapter is there. Each test has a device of its
// own, as some of them break it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "gpu/device.h"
#include "gpu/recorder.h"

namespace weft::gpu {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// y[i] = 2 x[i] + offset
constexpr std::string_view kScale = R"(
struct Params { n: u32, offset: f32 }
var<immediate> p: Params;
override FACTOR: f32 = 2;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < p.n) { y[id.x] = FACTOR * x[id.x] + p.offset; }
}
)";

struct ScaleParams {
  uint32_t n;
  float offset;
};

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

template <class T>
T value_at(std::span<const std::byte> bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

PipelineDesc scale_desc() {
  return {.label = "scale",
          .wgsl = std::string(kScale),
          .bindings = {Access::kRead, Access::kReadWrite},
          .immediate_bytes = sizeof(ScaleParams)};
}

class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    auto adapters = list_adapters();
    ASSERT_TRUE(adapters) << adapters.error().message();
    if (adapters->empty()) GTEST_SKIP() << "no GPU adapter";
    adapter_ = adapters->front();
    open({.checks = Checks::kOn});
  }

  void open(const DeviceOptions& options) {
    device_.reset();
    auto device = Device::create(adapter_, options);
    ASSERT_TRUE(device) << device.error().message();
    device_ = std::move(*device);
  }

  Buffer buffer(uint64_t size_bytes, std::string_view label) {
    auto made = device_->create_buffer(size_bytes, label);
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }

  Readback readback(uint64_t size_bytes) {
    auto made = device_->create_readback(size_bytes, "result");
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }

  AdapterInfo adapter_;
  std::optional<Device> device_;
};

// Everything that the scale shader needs.
struct Scale {
  static constexpr uint32_t kCount = 100;

  Scale(Device& device, Buffer in, Buffer out)
      : x(std::move(in)), y(std::move(out)), pipeline(device.pipeline(scale_desc())) {
    std::vector<float> values(kCount);
    std::iota(values.begin(), values.end(), 0.0F);
    device.write(x, 0, bytes_of(values));
    group = device.bind_group(pipeline, std::array{Binding{&x}, Binding{&y}}, "scale");
  }

  void record(Recorder& recorder, float offset) const {
    const std::vector params{ScaleParams{.n = kCount, .offset = offset}};
    recorder.dispatch(pipeline, group, bytes_of(params), 2, 1, 1);
  }

  Buffer x, y;
  Pipeline pipeline;
  BindGroup group;
};

#define SCALE(name)                                                                           \
  const Scale name(*device_, buffer(4 * Scale::kCount, "x"), buffer(4 * Scale::kCount, "y")); \
  ASSERT_TRUE(device_->wait_for_pipelines())

TEST_F(GpuTest, WritesDispatchesAndReadsBack) {
  SCALE(scale);
  Readback result = readback(4 * Scale::kCount);
  Recorder recorder = device_->record();
  scale.record(recorder, 0.5F);
  recorder.read(scale.y, 0, result, 0, 4 * Scale::kCount);
  std::move(recorder).submit();
  const auto bytes = result.wait();
  ASSERT_TRUE(bytes) << bytes.error().message();
  for (uint32_t i = 0; i < Scale::kCount; ++i) {
    EXPECT_EQ(value_at<float>(*bytes, i), 2 * static_cast<float>(i) + 0.5F);
  }
}

TEST_F(GpuTest, BuffersStartAsZeros) {
  const Buffer zeros = buffer(256, "zeros");
  Readback result = readback(256);
  Recorder recorder = device_->record();
  recorder.read(zeros, 0, result, 0, 256);
  std::move(recorder).submit();
  const auto bytes = result.wait();
  ASSERT_TRUE(bytes);
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(value_at<uint32_t>(*bytes, i), 0U);
}

TEST_F(GpuTest, ReadbacksInFlightKeepTheirOrder) {
  SCALE(scale);
  constexpr size_t kInFlight = 4;
  std::vector<Readback> ring;
  for (size_t i = 0; i < kInFlight; ++i) ring.push_back(readback(4));
  for (size_t round = 0; round < 3; ++round) {
    for (size_t i = 0; i < kInFlight; ++i) {
      Recorder recorder = device_->record();
      scale.record(recorder, static_cast<float>(round * kInFlight + i));
      recorder.read(scale.y, 4, ring[i], 0, 4);
      std::move(recorder).submit();
    }
    for (size_t i = 0; i < kInFlight; ++i) {
      const auto bytes = ring[i].wait();
      ASSERT_TRUE(bytes) << bytes.error().message();
      EXPECT_EQ(value_at<float>(*bytes, 0), 2.0F + static_cast<float>(round * kInFlight + i));
    }
  }
}

TEST_F(GpuTest, EqualDescriptorsAreOnePipeline) {
  PipelineDesc desc = scale_desc();
  const Pipeline first = device_->pipeline(desc);
  EXPECT_EQ(device_->pipeline(desc), first);
  desc.overrides = {{"FACTOR", 3}};
  const Pipeline other = device_->pipeline(desc);
  EXPECT_NE(other, first);
  EXPECT_EQ(device_->pipeline(desc), other);
  EXPECT_TRUE(device_->wait_for_pipelines());
}

TEST_F(GpuTest, CompileErrorNamesLabelAndLine) {
  PipelineDesc desc = scale_desc();
  desc.wgsl += "fn wrong() { let x: f32 = 1u; }\n";
  (void)device_->pipeline(desc);
  const auto compiled = device_->wait_for_pipelines();
  ASSERT_FALSE(compiled);
  EXPECT_THAT(compiled.error().message(),
              AllOf(HasSubstr("'scale'"), HasSubstr("line 12"), HasSubstr("fn wrong() { let x")));
  EXPECT_TRUE(device_->wait_idle());  // said once
  (void)device_->pipeline(desc);
  EXPECT_FALSE(device_->wait_for_pipelines());  // but for who asks again
}

TEST_F(GpuTest, MissingBindingIsAnErrorWithLabel) {
  PipelineDesc desc = scale_desc();
  desc.bindings.pop_back();
  (void)device_->pipeline(desc);
  const auto compiled = device_->wait_for_pipelines();
  ASSERT_FALSE(compiled);
  EXPECT_THAT(compiled.error().message(), AllOf(HasSubstr("'scale'"), HasSubstr("binding")));
}

TEST_F(GpuTest, ValidationErrorComesWithTheNextWait) {
  const Buffer small = buffer(16, "small buffer");
  const Buffer other = buffer(64, "other buffer");
  Recorder recorder = device_->record();
  recorder.copy(small, 0, other, 0, 64);
  std::move(recorder).submit();
  const auto done = device_->wait_idle();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("small buffer"));
  EXPECT_TRUE(device_->wait_idle());
}

TEST_F(GpuTest, TooLargeBufferNamesLabelAndBothNumbers) {
  const uint64_t most = adapter_.limits.max_buffer_bytes;
  const uint64_t size = (most / 4 + 1) * 4;
  const auto made = device_->create_buffer(size, "weights");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(),
              AllOf(HasSubstr("'weights'"), HasSubstr(fmt::format("{} bytes", size)),
                    HasSubstr(fmt::format("{} bytes", most))));
}

TEST_F(GpuTest, LargeWritesArriveWhole) {
  constexpr uint64_t kBytes = (uint64_t{65} << 20) + 4;  // more than goes at once
  const Buffer large = buffer(kBytes, "large");
  std::vector<uint32_t> values(kBytes / 4);
  std::iota(values.begin(), values.end(), 0U);
  device_->write(large, 0, bytes_of(values));
  Readback result = readback(kBytes);
  Recorder recorder = device_->record();
  recorder.read(large, 0, result, 0, kBytes);
  std::move(recorder).submit();
  const auto bytes = result.wait();
  ASSERT_TRUE(bytes);
  EXPECT_EQ(std::memcmp(bytes->data(), values.data(), kBytes), 0);
}

TEST_F(GpuTest, TimesEachDispatch) {
  if (!adapter_.has_timestamps) GTEST_SKIP() << "no timestamps";
  AdapterInfo around_passes = adapter_;
  around_passes.has_timestamps_in_passes = false;
  for (const AdapterInfo& adapter : {adapter_, around_passes}) {
    adapter_ = adapter;
    open({.checks = Checks::kOn});
    SCALE(scale);
    auto timer = device_->create_timer(Timing::kDispatches, 3);
    ASSERT_TRUE(timer) << timer.error().message();
    // In one pass the end of a dispatch is the beginning of the next.
    const size_t most = adapter.has_timestamps_in_passes ? 5 : 3;
    for (const size_t dispatches : {2, 7}) {
      Recorder recorder = device_->record(*timer);
      for (size_t i = 0; i < dispatches; ++i) scale.record(recorder, 0);
      std::move(recorder).submit();
      const auto spans = timer->wait();
      ASSERT_TRUE(spans) << spans.error().message();
      EXPECT_EQ(spans->size(), std::min<size_t>(dispatches, most));
      for (size_t i = 0; i < spans->size(); ++i) {
        EXPECT_LE((*spans)[i].begin_ns, (*spans)[i].end_ns);  // a GPU's clock may tick in us
        if (i > 0) {
          EXPECT_LE((*spans)[i - 1].end_ns, (*spans)[i].begin_ns);
        }
      }
      EXPECT_LT(spans->front().begin_ns, spans->back().end_ns);
    }
  }
}

TEST_F(GpuTest, TimesWhatLiesBetweenCopies) {
  if (!adapter_.has_timestamps) GTEST_SKIP() << "no timestamps";
  SCALE(scale);
  Readback result = readback(4);
  auto timer = device_->create_timer(Timing::kPasses, 4);
  ASSERT_TRUE(timer) << timer.error().message();
  Recorder recorder = device_->record(*timer);
  for (size_t i = 0; i < 3; ++i) scale.record(recorder, 0);
  recorder.read(scale.y, 0, result, 0, 4);
  scale.record(recorder, 0);
  std::move(recorder).submit();
  const auto spans = timer->wait();
  ASSERT_TRUE(spans) << spans.error().message();
  ASSERT_EQ(spans->size(), 2U);
  EXPECT_LT((*spans)[0].begin_ns, (*spans)[0].end_ns);
  EXPECT_LE((*spans)[0].end_ns, (*spans)[1].begin_ns);
}

TEST_F(GpuTest, LossIsAnErrorOfEveryWaitAndAnotherDeviceWorks) {
  SCALE(scale);
  Readback result = readback(4);
  device_->simulate_loss();
  Recorder recorder = device_->record();
  scale.record(recorder, 0);
  recorder.read(scale.y, 0, result, 0, 4);
  std::move(recorder).submit();
  const auto bytes = result.wait();
  ASSERT_FALSE(bytes);
  EXPECT_THAT(bytes.error().message(), AllOf(HasSubstr("lost"), HasSubstr(adapter_.name)));
  EXPECT_FALSE(device_->wait_idle());
  EXPECT_TRUE(device_->is_lost());
  EXPECT_FALSE(device_->create_buffer(16, "after"));

  const auto second = Device::create(adapter_, {.checks = Checks::kOn});
  EXPECT_TRUE(second) << second.error().message();
}

TEST_F(GpuTest, ReadbackMayEndBeforeItsSubmission) {
  const Buffer source = buffer(16, "source");
  {
    Readback result = readback(16);
    Recorder recorder = device_->record();
    recorder.read(source, 0, result, 0, 16);
    std::move(recorder).submit();
  }
  EXPECT_TRUE(device_->wait_idle());
}

TEST_F(GpuTest, ChecksOffComputesTheSame) {
  open({.checks = Checks::kOff});
  SCALE(scale);
  Readback result = readback(8);
  Recorder recorder = device_->record();
  scale.record(recorder, 1);
  recorder.read(scale.y, 0, result, 0, 8);
  std::move(recorder).submit();
  const auto bytes = result.wait();
  ASSERT_TRUE(bytes);
  EXPECT_EQ(value_at<float>(*bytes, 1), 3.0F);
}

class FilesOfPipelines : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    folder_ = std::filesystem::path(testing::TempDir()) / "weft_pipelines_test";
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void compile() {
    open({.checks = Checks::kOn, .pipeline_folder = folder_});
    (void)device_->pipeline(scale_desc());
    const auto compiled = device_->wait_for_pipelines();
    ASSERT_TRUE(compiled) << compiled.error().message();
    device_.reset();
  }

  // Name and time of change of each file.
  std::map<std::string, std::filesystem::file_time_type> files() {
    std::map<std::string, std::filesystem::file_time_type> result;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      result[entry.path().string()] = entry.last_write_time();
    }
    return result;
  }

  std::filesystem::path folder_;
};

TEST_F(FilesOfPipelines, AreUsedAgain) {
  compile();
  const auto first = files();
  if (first.empty()) GTEST_SKIP() << "this Dawn's cache descriptor is not known";
  compile();
  EXPECT_EQ(files(), first);  // a pipeline that was not found would be written again
}

TEST_F(FilesOfPipelines, AreWrittenAgainWhenDamaged) {
  compile();
  const auto first = files();
  if (first.empty()) GTEST_SKIP() << "this Dawn's cache descriptor is not known";
  for (const auto& [name, written] : first) std::filesystem::resize_file(name, 20);
  compile();
  for (const auto& [name, written] : files()) EXPECT_GT(std::filesystem::file_size(name), 20U);
}

TEST(Adapters, AreFoundByNumberAndName) {
  const auto adapters = list_adapters();
  ASSERT_TRUE(adapters);
  EXPECT_FALSE(choose_adapter("gpu:99"));
  EXPECT_FALSE(choose_adapter("gpu:x"));
  EXPECT_FALSE(choose_adapter("no such adapter"));
  if (adapters->empty()) GTEST_SKIP() << "no GPU adapter";
  EXPECT_EQ(choose_adapter("gpu")->name, adapters->front().name);
  EXPECT_EQ(choose_adapter("gpu:0")->index, 0U);
  EXPECT_EQ(choose_adapter(adapters->front().name)->name, adapters->front().name);
}

TEST(Adapters, LackWhatTheEnvironmentTakesAway) {
  const auto with = list_adapters();
  ASSERT_TRUE(with);
  setenv("WEFT_GPU_WITHOUT", "subgroups,packed-dots,f16", 1);
  const auto without = list_adapters();
  setenv("WEFT_GPU_WITHOUT", "matrices", 1);
  const auto wrong = list_adapters();
  unsetenv("WEFT_GPU_WITHOUT");
  if (with->empty()) GTEST_SKIP() << "no GPU adapter";
  ASSERT_TRUE(without);
  for (const AdapterInfo& info : *without) {
    EXPECT_FALSE(info.has_subgroups || info.has_packed_dots || info.has_f16);
    EXPECT_TRUE(info.matrix_configs.empty());
  }
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message(),
            "WEFT_GPU_WITHOUT names 'matrices'; it may name matrix-units, packed-dots, f16 and "
            "subgroups.");
}

TEST(Adapters, SoftwareIsNamedAsWhatItIs) {
  const auto adapters = list_adapters();
  ASSERT_TRUE(adapters);
  for (const AdapterInfo& info : *adapters) {
    const bool is_software = info.name.contains("llvmpipe") || info.name.contains("SwiftShader");
    EXPECT_EQ(info.kind == AdapterKind::kSoftware, is_software) << info.name;
  }
}

}  // namespace
}  // namespace weft::gpu
