// Times products on a GPU, in shapes of real models, as JSON lines: those of a decode step, and
// with --rows those of more rows, on matrix units where there are any; --no-matrix-units has the
// kernels that other devices take instead.
//
//   bench_kernels [--device TEXT] [--rows N] [--no-matrix-units] [--sweep]
//
// Weights take turns over more memory than a GPU caches. After a pause, in which a GPU lowers its
// clock, dispatches run untimed for a while. A batch of dispatches is timed from the
// end of the batch before it, so that recording costs nothing and the GPU runs at its full clock.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/checked.h"
#include "gpu/device.h"
#include "gpu/recorder.h"
#include "kernels/dot_matvec/dot_matvec.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul_dot/matmul_dot.h"
#include "kernels/matmul_subgroup/matmul_subgroup.h"
#include "kernels/matvec/matvec.h"

namespace weft::bench {
namespace {

using namespace kernels;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kUncachedBytes = uint64_t{300} << 20;
constexpr uint32_t kMaxCopies = 64;
constexpr int kRepetitions = 5;
constexpr double kBatchSeconds = 0.003;
constexpr double kPauseSeconds = 0.02;
constexpr double kWarmUpSeconds = 0.4;

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().message());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Bytes below 16 everywhere: no f16 among them is large.
gpu::Buffer random_buffer(gpu::Device& device, uint64_t size_bytes) {
  gpu::Buffer buffer = must(device.create_buffer(round_up<uint64_t>(size_bytes, 4), "bench"));
  std::mt19937 random(1);
  std::vector<uint32_t> words(std::min<uint64_t>(buffer.size_bytes() / 4, 1 << 20));
  for (uint32_t& word : words) word = static_cast<uint32_t>(random()) & 0x0f0f0f0fU;
  const auto bytes = std::as_bytes(std::span(words));
  for (uint64_t at = 0; at < buffer.size_bytes(); at += bytes.size()) {
    device.write(buffer, at, bytes.first(std::min(bytes.size(), buffer.size_bytes() - at)));
  }
  return buffer;
}

class Stopwatch {
 public:
  explicit Stopwatch(gpu::Device& device)
      : device_(device),
        readbacks_{must(device.create_readback(4, "bench")),
                   must(device.create_readback(4, "bench"))},
        any_(must(device.create_buffer(4, "bench"))) {}

  // Seconds of one of `dispatches`, which run in turn: the median of some batches, of which the
  // first has `batch`.
  double time(const std::vector<std::vector<Dispatch>>& in_turn, const StepCounts& counts,
              size_t batch = 20) {
    must(device_.wait_for_pipelines());
    next_ = 0;
    if (seconds_since(last_) > kPauseSeconds) {
      for (const auto begin = Clock::now(); seconds_since(begin) < kWarmUpSeconds;) {
        submit(in_turn, counts, batch, 0);
        (void)must(readbacks_[0].wait());
      }
    }
    std::vector<double> times;
    submit(in_turn, counts, batch, 0);
    for (int i = 1, settled = 0; times.size() < kRepetitions; ++i) {
      submit(in_turn, counts, batch, i % 2);
      (void)must(readbacks_[(i + 1) % 2].wait());
      const auto now = Clock::now();
      const double seconds = std::chrono::duration<double>(now - last_).count();
      last_ = now;
      if (i > 2 && seconds < kBatchSeconds / 2) {
        batch = std::min<size_t>(2 * batch, 20000);
        settled = 0;
        times.clear();
      } else if (++settled > 3) {
        times.push_back(seconds / static_cast<double>(batch));
      }
    }
    must(device_.wait_idle());
    (void)must(readbacks_[0].wait());
    (void)must(readbacks_[1].wait());
    last_ = Clock::now();
    std::ranges::sort(times);
    return times[times.size() / 2];
  }

 private:
  static double seconds_since(Clock::time_point then) {
    return std::chrono::duration<double>(Clock::now() - then).count();
  }

  void submit(const std::vector<std::vector<Dispatch>>& in_turn, const StepCounts& counts, size_t n,
              int readback) {
    gpu::Recorder recorder = device_.record();
    for (size_t i = 0; i < n; ++i) {
      for (const Dispatch& dispatch : in_turn[next_++ % in_turn.size()]) {
        record(recorder, dispatch, counts);
      }
    }
    recorder.read(any_, 0, readbacks_[readback], 0, 4);
    std::move(recorder).submit();
  }

  gpu::Device& device_;
  gpu::Readback readbacks_[2];
  gpu::Buffer any_;
  size_t next_ = 0;
  Clock::time_point last_;
};

struct Case {
  WeightFormat format;
  uint32_t n, k, rows;
  bool norm = true, swiglu = false;
};

const char* name_of(XPlace x) { return x == XPlace::kWorkgroup ? "workgroup" : "storage"; }

class Bench {
 public:
  explicit Bench(gpu::Device& device)
      : device_(device),
        stopwatch_(device),
        x_(random_buffer(device, kMaxMatmulRows * kMaxK * 4)),
        norm_(random_buffer(device, kMaxK * 4)),
        y_(random_buffer(device, kMaxMatmulRows * kMaxMatmulN * 4)),
        parts_(random_buffer(device, kMaxSplits * kMaxMatmulRows * kMaxSplitN * 4)),
        rows_(random_buffer(device, matmul_dot_scratch_bytes(kMaxK, kMaxMatmulRows).rows)),
        lines_(random_buffer(device, matmul_dot_scratch_bytes(kMaxK, kMaxMatmulRows).lines)) {}

  void use(const Case& c) {
    layout_ = weight_layout(c.format, c.n, c.k);
    weights_.clear();
    const uint64_t copies = kUncachedBytes / layout_.size_bytes;
    for (uint64_t i = 0; i < std::clamp<uint64_t>(copies, 1, kMaxCopies); ++i) {
      weights_.push_back(random_buffer(device_, layout_.size_bytes));
    }
  }

  void run(const Case& c, const std::vector<DotMatvecVariant>& variants) {
    std::vector<std::vector<std::vector<Dispatch>>> in_turn;  // [variant][weight]
    for (const DotMatvecVariant& variant : variants) in_turn.push_back(dispatches(c, variant));
    must(device_.wait_for_pipelines());
    for (size_t i = 0; i < variants.size(); ++i) {
      const double seconds = stopwatch_.time(in_turn[i], {.rows = c.rows, .length = 1});
      print(c, variants[i], seconds);
    }
  }

  // The product of a prompt's rows on matrix units, its variant as chosen.
  void run_on(const SubgroupMatrix& matrix, const Case& c) {
    const auto variant = matmul_subgroup_variant(device_.info(), matrix, layout_, c.rows);
    std::vector<std::vector<Dispatch>> in_turn;
    for (const gpu::Buffer& weight : weights_) {
      in_turn.push_back(
          matmul_subgroup(device_, product_of(weight, c), variant, {.buffer = &parts_}));
    }
    const double seconds = stopwatch_.time(in_turn, {.rows = c.rows, .length = 1});
    fmt::print(
        "{{\"format\": \"{}\", \"n\": {}, \"k\": {}, \"rows\": {}, \"tile\": [{}, {}, {}], "
        "\"splits\": {}, \"us\": {:.2f}, \"TFLOPps\": {:.1f}}}\n",
        wgsl_name(c.format).substr(7), c.n, c.k, c.rows, variant.tile_rows, variant.tile_n,
        variant.tile_k, variant.splits, seconds * 1e6, 2e-12 * c.n * c.k * c.rows / seconds);
    std::fflush(stdout);
  }

  // The same without them: in packed dot products by each of `variants`, and in f32.
  void run_in_tiles(const Case& c, const std::vector<MatmulDotVariant>& variants) {
    const DotScratch scratch{{.buffer = &rows_}, {.buffer = &lines_}};
    for (const MatmulDotVariant& variant : variants) {
      std::vector<std::vector<Dispatch>> in_turn;
      for (const gpu::Buffer& weight : weights_) {
        const Product product = product_of(weight, c);
        std::vector<Dispatch>& dispatches = in_turn.emplace_back();
        dispatches.push_back(quantize_units(device_, product.rows, product.x, c.k, scratch));
        dispatches.push_back(matmul_dot(device_, product, scratch, variant));
      }
      print_tiles("matmul_dot", c, variant.tile_rows, variant.tile_n, in_turn);
    }
    const MatmulVariant floats = matmul_variant(layout_, c.rows);
    std::vector<std::vector<Dispatch>> in_turn;
    for (const gpu::Buffer& weight : weights_) {
      in_turn.emplace_back().push_back(matmul(device_, product_of(weight, c), floats));
    }
    print_tiles("matmul", c, floats.tile_rows, floats.tile_n, in_turn);
  }

  [[nodiscard]] const WeightLayout& layout() const { return layout_; }
  [[nodiscard]] DotMatvecVariant chosen(const Case& c) const {
    return dot_matvec_variant(device_.info(), layout_, c.rows);
  }

 private:
  Product product_of(const gpu::Buffer& weight, const Case& c) {
    return {.weight = {.layout = layout_, .buffer = &weight},
            .x = {.buffer = &x_},
            .y = {.buffer = &y_},
            .y_stride = c.n};
  }

  std::vector<std::vector<Dispatch>> dispatches(const Case& c, const DotMatvecVariant& variant) {
    DotInput input{.x = {.buffer = &x_}, .eps = 1e-5F};
    if (c.norm) input.norm = {.buffer = &norm_, .size_bytes = uint64_t{4} * c.k};
    std::vector<std::vector<Dispatch>> in_turn;
    for (const gpu::Buffer& weight : weights_) {
      DotProduct product{.weight = {.layout = layout_, .buffer = &weight},
                         .finish = StoreFinish{.y = {.buffer = &y_}, .y_stride = c.n}};
      if (c.swiglu) product.finish = SwigluFinish{.y = {.buffer = &y_}};
      dot_matvec(device_, input, product, variant, {{.buffer = &rows_}, {.buffer = &lines_}},
                 in_turn.emplace_back());
    }
    return in_turn;
  }

  void print(const Case& c, const DotMatvecVariant& variant, double seconds) const {
    fmt::print(
        "{{\"format\": \"{}\", \"n\": {}, \"k\": {}, \"rows\": {}, \"pairs\": {}, "
        "\"lanes_k\": {}, \"groups\": {}, \"turns\": {}, \"x\": \"{}\", \"us\": {:.2f}, "
        "\"GBps\": {:.0f}}}\n",
        wgsl_name(c.format).substr(7), c.n, c.k, c.rows, variant.pairs, variant.lanes_k,
        variant.groups, variant.turns, name_of(variant.x), seconds * 1e6,
        static_cast<double>(layout_.size_bytes) / seconds * 1e-9);
    std::fflush(stdout);
  }

  void print_tiles(const char* kernel, const Case& c, uint32_t tile_rows, uint32_t tile_n,
                   const std::vector<std::vector<Dispatch>>& in_turn) {
    const double seconds = stopwatch_.time(in_turn, {.rows = c.rows, .length = 1}, 1);
    fmt::print(
        "{{\"kernel\": \"{}\", \"format\": \"{}\", \"n\": {}, \"k\": {}, \"rows\": {}, "
        "\"tile\": [{}, {}], \"us\": {:.2f}, \"TFLOPps\": {:.2f}}}\n",
        kernel, wgsl_name(c.format).substr(7), c.n, c.k, c.rows, tile_rows, tile_n, seconds * 1e6,
        2e-12 * c.n * c.k * c.rows / seconds);
    std::fflush(stdout);
  }

  static constexpr uint64_t kMaxK = 14336, kMaxMatmulRows = 512, kMaxMatmulN = 28672;
  static constexpr uint64_t kMaxSplits = 8, kMaxSplitN = 8192;

  gpu::Device& device_;
  Stopwatch stopwatch_;
  gpu::Buffer x_, norm_, y_, parts_, rows_, lines_;
  WeightLayout layout_;
  std::vector<gpu::Buffer> weights_;
};

// Around what is chosen: other numbers of pairs, lanes and turns.
std::vector<DotMatvecVariant> neighbours(const gpu::AdapterInfo& info,
                                         const DotMatvecVariant& chosen, const Case& c,
                                         uint32_t units) {
  std::vector<DotMatvecVariant> all{chosen};
  for (uint32_t lanes_k = info.subgroup_max; lanes_k <= std::min(units, 512U); lanes_k *= 2) {
    for (const uint32_t pairs : {1U, 2U, 4U}) {
      for (const uint32_t lanes : {128U, 256U, 512U}) {
        for (const uint32_t turns : {1U, 2U, 4U, 8U}) {
          DotMatvecVariant variant = chosen;
          variant.pairs = pairs;
          variant.lanes_k = lanes_k;
          variant.groups = lanes / lanes_k;
          variant.turns = turns;
          const uint32_t of_workgroup = 2 * row_group(c.format) * pairs * variant.groups * turns;
          const uint32_t workgroups = of_workgroup > 0 ? c.n / of_workgroup : 0;
          if (pairs * c.rows <= 16 && workgroups >= 64 && workgroups <= 3000)
            all.push_back(variant);
        }
      }
    }
  }
  return all;
}

constexpr Case kCases[] = {
    {WeightFormat::kQ4_0, 32, 32, 1, false},  // what a dispatch costs
    {WeightFormat::kQ4_K, 28672, 4096, 1, true, true},
    {WeightFormat::kQ4_K, 4096, 14336, 1, false},
    {WeightFormat::kQ4_K, 4096, 4096, 1, false},
    {WeightFormat::kQ4_K, 6144, 4096, 1},
    {WeightFormat::kQ4_K, 11264, 2048, 1, true, true},
    {WeightFormat::kQ4_K, 2048, 5632, 1, false},
    {WeightFormat::kQ4_K, 2048, 2048, 1, false},
    {WeightFormat::kQ6_K, 4096, 14336, 1, false},
    {WeightFormat::kQ8_0, 28672, 4096, 1, true, true},
    {WeightFormat::kQ8_0, 4096, 14336, 1, false},
    {WeightFormat::kQ4_0, 28672, 4096, 1, true, true},
    {WeightFormat::kQ5_K, 28672, 4096, 1, true, true},
    {WeightFormat::kQ6_K, 28672, 4096, 1, true, true},
    {WeightFormat::kIQ4_NL, 28672, 4096, 1, true, true},
    {WeightFormat::kIQ4_XS, 28672, 4096, 1, true, true},
    {WeightFormat::kMXFP4, 28672, 4096, 1, true, true},
    {WeightFormat::kF16, 11264, 2048, 1, true, true},
    {WeightFormat::kF16, 2048, 5632, 1, false},
    {WeightFormat::kF16, 2048, 2048, 1, false},
    {WeightFormat::kQ6_K, 128256, 4096, 1},
    {WeightFormat::kQ4_K, 28672, 4096, 8, true, true},
    {WeightFormat::kQ4_K, 4096, 14336, 8, false},
    {WeightFormat::kQ4_K, 28672, 4096, 4, true, true},
    {WeightFormat::kQ4_K, 28672, 4096, 2, true, true},
    {WeightFormat::kQ4_K, 2048, 2048, 8, false},
    {WeightFormat::kQ4_K, 11264, 2048, 8, true, true},
    {WeightFormat::kQ4_K, 11264, 2048, 2, true, true},
    {WeightFormat::kQ6_K, 1024, 4096, 1},
    {WeightFormat::kQ8_0, 28672, 4096, 8, true, true},
};

struct Shape {
  WeightFormat format;
  uint32_t n, k;
};
constexpr Shape kMatmulShapes[] = {
    {WeightFormat::kQ4_K, 28672, 4096}, {WeightFormat::kQ4_K, 4096, 14336},
    {WeightFormat::kQ4_K, 4096, 4096},  {WeightFormat::kQ4_K, 6144, 4096},
    {WeightFormat::kQ6_K, 4096, 14336}, {WeightFormat::kQ6_K, 1024, 4096},
    {WeightFormat::kQ8_0, 28672, 4096}, {WeightFormat::kQ8_0, 4096, 14336},
    {WeightFormat::kQ8_0, 4096, 4096},  {WeightFormat::kQ4_K, 11264, 2048},
    {WeightFormat::kQ4_K, 2048, 5632},  {WeightFormat::kQ4_K, 2048, 2048},
    {WeightFormat::kQ8_0, 11264, 2048}, {WeightFormat::kF16, 11264, 2048},
};

void run_on_matrix_units(gpu::Device& device, Bench& bench, uint32_t rows) {
  const auto matrix = subgroup_matrix(device.info());
  if (!matrix) return;
  for (const Shape& shape : kMatmulShapes) {
    const Case c{.format = shape.format, .n = shape.n, .k = shape.k, .rows = rows};
    bench.use(c);
    bench.run_on(*matrix, c);
  }
}

constexpr Shape kTileShapes[] = {
    {WeightFormat::kQ4_K, 28672, 4096}, {WeightFormat::kQ4_K, 4096, 14336},
    {WeightFormat::kQ6_K, 4096, 14336}, {WeightFormat::kQ8_0, 4096, 4096},
    {WeightFormat::kQ4_K, 2048, 2048},  {WeightFormat::kQ4_1, 576, 576},
};

void run_in_tiles(gpu::Device& device, Bench& bench, uint32_t rows, bool sweep) {
  for (const Shape& shape : kTileShapes) {
    const Case c{.format = shape.format, .n = shape.n, .k = shape.k, .rows = rows};
    bench.use(c);
    std::vector variants{matmul_dot_variant(device.info(), bench.layout(), rows)};
    for (const uint32_t tile_rows : {16U, 32U, 64U, 128U}) {
      for (const uint32_t tile_n : {32U, 64U, 128U}) {
        if (sweep && tile_rows + tile_n <= kMaxDotTile) {
          variants.push_back({tile_rows, tile_n, variants[0].loops});
        }
      }
    }
    bench.run_in_tiles(c, variants);
  }
}

struct Wanted {
  uint32_t rows = 0;
  bool sweep = false;
  bool no_matrix_units = false;
};

void run_all(const std::string& device_text, const Wanted& wanted) {
  const gpu::AdapterInfo adapter = must(gpu::choose_adapter(device_text));
  fmt::print("{{\"device\": \"{}\", \"storage buffers\": {}, \"workgroup bytes\": {}}}\n",
             adapter.name, adapter.limits.max_storage_buffers, adapter.limits.max_workgroup_bytes);
  gpu::Device device = must(gpu::Device::create(adapter, {}));
  Bench bench(device);
  for (const Case& c : kCases) {
    if (wanted.rows != 0 && c.rows != wanted.rows) continue;
    bench.use(c);
    const DotMatvecVariant chosen = bench.chosen(c);
    bench.run(c, wanted.sweep
                     ? neighbours(adapter, chosen, c, bench.layout().units * row_group(c.format))
                     : std::vector{chosen});
  }
  if (wanted.rows <= 4) return;
  if (wanted.no_matrix_units) return run_in_tiles(device, bench, wanted.rows, wanted.sweep);
  run_on_matrix_units(device, bench, wanted.rows);
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  CLI::App app("Times the kernels of a decode step, or of a prompt's.");
  std::string device = "gpu";
  weft::bench::Wanted wanted;
  app.add_option("--device", device, "As weft's");
  app.add_option("--rows", wanted.rows,
                 "Only the cases of so many rows, up to 512; 0: all of a decode step");
  app.add_flag("--no-matrix-units", wanted.no_matrix_units,
               "Rows of a prompt by packed dot products and in f32");
  app.add_flag("--sweep", wanted.sweep, "Variants around the chosen ones too");
  CLI11_PARSE(app, argc, argv);
  weft::bench::run_all(device, wanted);
}
