#include "kernels/matmul_subgroup/matmul_subgroup.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/choose_weight.h"
#include "kernels/elements.h"
#include "kernels/gen/matmul_join.wgsl.h"
#include "kernels/gen/matmul_subgroup.wgsl.h"
#include "kernels/product/product_parts.h"

namespace weft::kernels {
namespace {

bool has_signed_levels(WeightFormat format) {
  return format == WeightFormat::kQ8_0 || format == WeightFormat::kIQ4_NL ||
         format == WeightFormat::kIQ4_XS || format == WeightFormat::kMXFP4 ||
         format == WeightFormat::kNVFP4 || format == WeightFormat::kLevels;
}

constexpr uint32_t kJoinLanes = 128;

// How a weight's units become halves.
void choose_halves(WeightFormat format, Variant& variant) {
  switch (format) {
    case WeightFormat::kF32:
    case WeightFormat::kBF16:
      return;
    case WeightFormat::kF16:
      variant.imports.emplace_back("unit_halves", "unit_halves_f16");
      return;
    default:
      variant.imports.emplace_back("unit_halves", "unit_halves_levels");
      variant.constants.emplace_back("kSigned", has_signed_levels(format) ? 1 : 0);
  }
}

uint32_t parts_of_tile(const MatmulSubgroupVariant& variant) {
  return variant.tile_rows / variant.part_rows * (variant.tile_n / variant.part_n);
}

// Eights of a unit that a lane unpacks together: as many as are its share of a tile of W.
uint32_t run_of(const MatmulSubgroupVariant& variant, WeightFormat format, uint32_t lanes) {
  const uint32_t share = variant.tile_n * variant.tile_k / 8 / lanes;
  return std::min(unit_of(format) / 8, std::bit_floor(std::max(share, 1U)));
}

// All that the shader's text depends on.
Variant shader_of(const MatmulSubgroupVariant& variant, WeightFormat format, uint32_t cols) {
  const SubgroupMatrix& matrix = variant.matrix;
  const uint32_t lanes = parts_of_tile(variant) * matrix.lanes;
  const uint32_t run = run_of(variant, format, lanes);
  Variant shader{
      .kernel = "matmul_subgroup",
      .constants = {{"kTileRows", variant.tile_rows},
                    {"kTileN", variant.tile_n},
                    {"kTileK", variant.tile_k},
                    {"kPartRows", variant.part_rows},
                    {"kPartN", variant.part_n},
                    {"kCols", cols},
                    {"kSteps", cols / variant.tile_k / variant.splits},
                    {"kRowMatrices", variant.part_rows / matrix.m},
                    {"kColumnMatrices", variant.part_n / matrix.n},
                    {"kDepthMatrices", variant.tile_k / matrix.k},
                    {"kRun", run},
                    {"kXLoads", ceil_div(variant.tile_rows * variant.tile_k / 8, lanes)},
                    {"kWLoads", ceil_div(variant.tile_n * variant.tile_k / 8, run * lanes)},
                    {"kLanes", lanes}}};
  choose_weight(format, shader);
  choose_matrix(matrix, shader);
  choose_halves(format, shader);
  return shader;
}

// Of x and of W, a row padded with 16 bytes.
uint32_t tile_bytes(const MatmulSubgroupVariant& variant) {
  return (variant.tile_rows + variant.tile_n) * (2 * variant.tile_k + 16);
}

void check(const gpu::AdapterInfo& info, const Product& product,
           const MatmulSubgroupVariant& variant) {
  const WeightLayout w = matrix_of(product);
  CHECK(!product.experts || variant.splits == 1);
  CHECK(variant.tile_rows % variant.part_rows == 0 && variant.tile_n % variant.part_n == 0);
  CHECK(variant.part_rows % variant.matrix.m == 0 && variant.part_n % variant.matrix.n == 0);
  CHECK(variant.tile_k % 32 == 0 && w.cols % (variant.tile_k * variant.splits) == 0);
  // The lanes stage whole rows of a tile at a time.
  CHECK(parts_of_tile(variant) * variant.matrix.lanes % (variant.tile_k / 8) == 0);
  CHECK(w.rows % 4 == 0 && product.y_stride % 4 == 0 && product.y_first % 4 == 0);
  CHECK(tile_bytes(variant) <= info.limits.max_workgroup_bytes);
  CHECK(parts_of_tile(variant) * variant.matrix.lanes <= info.limits.max_workgroup_lanes);
}

// The table of variants: what was measured fastest on a GPU of 132 multiprocessors
// (docs/performance.md), as no interface says how many a device has. Of a shallow tile, 32 deep,
// two workgroups fit a multiprocessor, of a deep one, 64, one; deep ones load W and x in longer
// pieces.
class VariantChooser {
 public:
  VariantChooser(const gpu::AdapterInfo& info, const SubgroupMatrix& matrix,
                 const WeightLayout& weight, uint32_t rows)
      : info_(info), matrix_(matrix), weight_(weight), rows_(rows) {}

  [[nodiscard]] MatmulSubgroupVariant for_few_rows() const {
    MatmulSubgroupVariant variant = low_tile(std::clamp(std::bit_ceil(rows_), 16U, 64U));
    const uint32_t wanted = variant.tile_rows == 16 ? 512 : 256;
    variant.splits = splits(tiles(variant.tile_rows, 64), variant.tile_k, wanted, 8);
    return variant;
  }

  // Tiles of rows that chose one expert are many: nothing is split. Not measured.
  [[nodiscard]] MatmulSubgroupVariant for_experts(uint32_t tile_rows) const {
    return tile_rows < 128 ? low_tile(tile_rows) : tile(128, 32, 1);
  }

  [[nodiscard]] MatmulSubgroupVariant for_many_rows() const {
    const uint32_t large = tiles(128, 128);
    // Weights of four bits are loaded in few bytes: they gain less from deep tiles.
    const bool is_shallow = !has_deep(128) || weight_.cols % 64 != 0 || has_nibbles();
    if (large > kSlots) {
      if (has_narrow() && tiles(128, 176) <= kSlots) return narrow(176);
      return is_shallow ? tile(128, 32, 1) : tile(128, 64, 1);
    }
    if (large > 96) {
      if (!is_shallow) return tile(128, 64, large > kSlots / 2 ? 2 : 1);
      if (large <= kSlots / 2) return tile(128, 32, 2);
      return tiles(128, 160) <= kSlots / 2 ? tile(160, 32, 2) : tile(128, 32, 1);
    }
    if (weight_.cols % 64 != 0 || !has_deep(64)) {
      return {matrix_, 64, 64, 32, 32, 32, splits(tiles(64, 64), 32, kSlots, 4)};
    }
    if (weight_.cols < 4096 && tiles(128, 64) <= kSlots / 2) return small();
    if (large <= 32) return small();
    if (is_shallow) return tile(128, 32, weight_.cols < 4096 ? 2 : 4);
    if (weight_.cols < 4096 && tiles(128, 96) <= kSlots / 2) return tile(96, 64, 1);
    return tile(128, 64, 2);
  }

 private:
  [[nodiscard]] MatmulSubgroupVariant low_tile(uint32_t tile_rows) const {
    return {.matrix = matrix_,
            .tile_rows = tile_rows,
            .tile_n = 64,
            .tile_k = weight_.cols % 64 == 0 ? 64U : 32U,
            .part_rows = tile_rows == 64 ? 32U : 16U,
            .part_n = tile_rows == 16 ? 16U : 32U,
            .splits = 1};
  }

  static constexpr uint32_t kSlots = 264;  // for workgroups with shallow tiles

  [[nodiscard]] uint32_t tiles(uint32_t tile_rows, uint32_t tile_n) const {
    return ceil_div(rows_, tile_rows) * ceil_div(weight_.rows, tile_n);
  }

  // As many as give `wanted` workgroups with as many steps along K each.
  [[nodiscard]] uint32_t splits(uint32_t tiles_of_y, uint32_t tile_k, uint32_t wanted,
                                uint32_t most) const {
    uint32_t count = std::clamp(wanted / tiles_of_y, 1U, most);
    while (weight_.cols / tile_k % count != 0) --count;
    return count;
  }

  // 128 rows high, of four parts.
  [[nodiscard]] MatmulSubgroupVariant tile(uint32_t tile_n, uint32_t tile_k,
                                           uint32_t most_splits) const {
    uint32_t count = most_splits;
    while (weight_.cols / tile_k % count != 0) --count;
    return {matrix_, 128, tile_n, tile_k, 64, tile_n / 2, count};
  }
  [[nodiscard]] MatmulSubgroupVariant narrow(uint32_t tile_n) const {
    MatmulSubgroupVariant variant = tile(tile_n, 32, 1);
    variant.matrix.n = 8;
    return variant;
  }
  [[nodiscard]] MatmulSubgroupVariant small() const {
    return tile(64, 64, splits(tiles(128, 64), 64, kSlots / 2, 4));
  }

  [[nodiscard]] bool has_deep(uint32_t tile_n) const {
    return tile_bytes(tile(tile_n, 64, 1)) <= info_.limits.max_workgroup_bytes;
  }
  // Matrices of 8 columns, of which tiles can have an odd number of eights.
  [[nodiscard]] bool has_narrow() const {
    return std::ranges::any_of(info_.matrix_configs, [&](const gpu::MatrixConfig& config) {
      return config.input == gpu::MatrixType::kF16 && config.result == gpu::MatrixType::kF32 &&
             config.m == matrix_.m && config.n == 8 && config.k == matrix_.k;
    });
  }
  [[nodiscard]] bool has_nibbles() const {
    using enum WeightFormat;
    return weight_.format == kQ4_0 || weight_.format == kQ4_1 || weight_.format == kQ4_K;
  }

  const gpu::AdapterInfo& info_;
  const SubgroupMatrix& matrix_;
  const WeightLayout& weight_;
  uint32_t rows_;
};

Dispatch join(gpu::Device& device, const Product& product, uint32_t splits,
              const gpu::Binding& parts) {
  const uint32_t n = product.weight.layout.rows;
  const bool has_bias = product.bias.buffer != nullptr;
  const gpu::Pipeline pipeline =
      device.pipeline(compose({.kernel = "matmul_join",
                               .overrides = {{"WG", kJoinLanes},
                                             {"SPLITS", static_cast<double>(splits)},
                                             {"HAS_BIAS", has_bias ? 1.0 : 0.0},
                                             {"ADD", product.store == Store::kAdd ? 1.0 : 0.0}}}));
  const std::array bindings{parts, product.y, has_bias ? product.bias : parts};
  return {.label = "matmul_join",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "matmul_join"),
          .immediates = Immediates(MatmulJoinParams{
              .rows = 0, .n = n, .y_stride = product.y_stride, .y_first = product.y_first}),
          .count = product.rows,
          .x = {.fixed = ceil_div(n / 4, kJoinLanes)},
          .y = {.count = product.rows},
          .bytes_per_count = uint64_t{4} * n * (splits + 1)};
}

}  // namespace

MatmulSubgroupVariant matmul_subgroup_variant(const gpu::AdapterInfo& info,
                                              const SubgroupMatrix& matrix,
                                              const WeightLayout& weight, uint32_t rows) {
  const VariantChooser choose(info, matrix, weight, rows);
  return rows <= 64 ? choose.for_few_rows() : choose.for_many_rows();
}

MatmulSubgroupVariant matmul_experts_variant(const gpu::AdapterInfo& info,
                                             const SubgroupMatrix& matrix,
                                             const WeightLayout& weight, uint32_t tile_rows) {
  return VariantChooser(info, matrix, weight, tile_rows).for_experts(tile_rows);
}

bool can_matmul_subgroup(const WeightLayout& weight) {
  return weight.cols % 32 == 0 && weight.rows % 4 == 0;
}

uint64_t matmul_parts_bytes(const MatmulSubgroupVariant& variant, const WeightLayout& weight,
                            uint32_t rows) {
  if (variant.splits == 1) return 0;
  return uint64_t{variant.splits} * rows * weight.rows * sizeof(float);
}

namespace {

// `y_stride` and `y_first` are of y or of the parts; bindings 1 and on up to the weight's are
// `finish`.
Dispatch multiply(gpu::Device& device, const Product& product, const MatmulSubgroupVariant& variant,
                  Variant shader, std::span<const gpu::Binding> finish, uint32_t y_stride,
                  uint32_t y_first) {
  const WeightLayout w = matrix_of(product);
  choose_tile_rows(product, shader);
  const gpu::Pipeline pipeline = device.pipeline(compose(shader));
  std::vector<gpu::Binding> bindings{product.x};
  bindings.insert(bindings.end(), finish.begin(), finish.end());
  product.weight.bind(bindings);
  if (product.experts) bindings.push_back(product.experts->tiles);
  return {.label = product.experts ? "matmul_experts" : "matmul_subgroup",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "matmul_subgroup"),
          .immediates = Immediates(MatmulSubgroupParams{
              .rows = 0, .n = w.rows, .units = w.units, .y_stride = y_stride, .y_first = y_first}),
          .count = product.rows,
          .x = tiles_of_rows(product, variant.tile_rows),
          .y = {.fixed = ceil_div(w.rows, variant.tile_n)},
          .z = {.fixed = variant.splits},
          .bytes = w.size_bytes,
          .bytes_per_count = (uint64_t{2} * w.cols + uint64_t{4} * w.rows) * y_rows_each(product),
          .flops_per_count = uint64_t{2} * w.cols * w.rows * y_rows_each(product)};
}

}  // namespace

std::vector<Dispatch> matmul_subgroup(gpu::Device& device, const Product& product,
                                      const MatmulSubgroupVariant& variant,
                                      const gpu::Binding& parts) {
  check(device.info(), product, variant);
  const WeightLayout w = matrix_of(product);
  const bool is_split = variant.splits > 1;
  const bool has_bias = product.bias.buffer != nullptr && !is_split;
  Variant shader = shader_of(variant, w.format, w.cols);
  shader.imports.emplace_back("finish", "matmul_store");
  shader.overrides = {{"HAS_BIAS", has_bias ? 1.0 : 0.0},
                      {"ADD", product.store == Store::kAdd && !is_split ? 1.0 : 0.0}};
  const std::array finish{is_split ? parts : product.y, has_bias ? product.bias : product.x};
  std::vector<Dispatch> dispatches;
  dispatches.push_back(multiply(device, product, variant, shader, finish,
                                is_split ? w.rows : product.y_stride,
                                is_split ? 0 : product.y_first));
  if (is_split) dispatches.push_back(join(device, product, variant.splits, parts));
  return dispatches;
}

bool can_gate(const MatmulSubgroupVariant& variant, const WeightLayout& weight) {
  // A part has its gates and what they gate at once where its sums leave as whole rows.
  const uint32_t sums = parts_of_tile(variant) * variant.matrix.m * (variant.part_n / 4 + 1);
  return variant.splits == 1 && weight.rows % 64 == 0 && variant.part_n % 8 == 0 &&
         16 * sums <= tile_bytes(variant);
}

Dispatch matmul_subgroup_gated(gpu::Device& device, const Product& product, Activation activation,
                               const MatmulSubgroupVariant& variant) {
  check(device.info(), product, variant);
  CHECK(can_gate(variant, matrix_of(product)));
  const bool has_bias = product.bias.buffer != nullptr;
  Variant shader = shader_of(variant, product.weight.layout.format, product.weight.layout.cols);
  shader.imports.emplace_back("finish", "matmul_gate");
  shader.imports.emplace_back("activation", wgsl_name(activation));
  choose_elements(Elements::kF16Chunks, shader);
  shader.overrides = {{"HAS_BIAS", has_bias ? 1.0 : 0.0}};
  return multiply(device, product, variant, shader,
                  std::array{product.y, has_bias ? product.bias : product.x}, 0, 0);
}

}  // namespace weft::kernels
