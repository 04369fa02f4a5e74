#include "kernels/subgroup_matrix.h"

namespace weft::kernels {
namespace {

// The size that all subgroups have, or 0.
uint32_t subgroup_lanes(const gpu::AdapterInfo& info) {
  return info.has_subgroups && info.subgroup_min == info.subgroup_max ? info.subgroup_max : 0;
}

bool is_usable(const gpu::MatrixConfig& config) {
  const auto divides_16 = [](uint32_t side) { return 16 % side == 0 && side >= 8; };
  return config.input == gpu::MatrixType::kF16 && config.result == gpu::MatrixType::kF32 &&
         divides_16(config.m) && divides_16(config.n) && divides_16(config.k);
}

}  // namespace

std::optional<SubgroupMatrix> subgroup_matrix(const gpu::AdapterInfo& info) {
  const uint32_t lanes = subgroup_lanes(info);
  if (lanes == 0 || !info.has_f16) return std::nullopt;
  std::optional<SubgroupMatrix> best;
  for (const gpu::MatrixConfig& config : info.matrix_configs) {
    if (!is_usable(config)) continue;
    if (best && best->m * best->n * best->k >= config.m * config.n * config.k) continue;
    best = {.m = config.m, .n = config.n, .k = config.k, .lanes = lanes};
  }
  return best;
}

std::optional<SubgroupMatrix> stand_in_matrix(const gpu::AdapterInfo& info) {
  const uint32_t lanes = subgroup_lanes(info);
  if (lanes < 8) return std::nullopt;
  return SubgroupMatrix{.m = 8, .n = 8, .k = 8, .lanes = lanes, .stands_in = true};
}

void choose_matrix(const SubgroupMatrix& matrix, Variant& variant) {
  if (matrix.stands_in) {
    variant.imports.emplace_back("subgroup_matrix", "subgroup_matrix_rows");
    variant.renames = {
        {"subgroupMatrixLoad<Left, row_major>(&tile,", "load_left(lane,"},
        {"subgroupMatrixLoad<Right, row_major>(&tile,", "load_right(lane,"},
        {"subgroupMatrixLoad<Right, col_major>(&tile,", "load_right_transposed(lane,"},
        {"subgroupMatrixLoad<Sums, row_major>(&tile,", "load_sums(lane,"},
        {"subgroupMatrixStore<row_major>(&tile,", "store_sums(lane,"},
        {"subgroupMatrixMultiplyAccumulate(", "multiply_add("},
    };
    variant.loops =
        Loops::kKept;  // long ones by then, which a CPU's driver takes seconds to compile
  }
  variant.constants.emplace_back("kM", matrix.m);
  variant.constants.emplace_back("kN", matrix.n);
  variant.constants.emplace_back("kK", matrix.k);
}

}  // namespace weft::kernels
