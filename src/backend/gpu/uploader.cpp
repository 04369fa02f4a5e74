#include "backend/gpu/uploader.h"

#include <algorithm>
#include <array>
#include <thread>

#include "base/checked.h"
#include "formats/dequantize.h"
#include "kernels/rope_kv/rope_kv.h"

namespace weft::backend {
namespace {

using formats::TensorType;
using kernels::WeightFormat;

constexpr uint64_t kStagingBytes = uint64_t{32} << 20;  // repacked at a time
constexpr uint64_t kThreadBytes = uint64_t{256} << 10;  // less is not worth a thread

std::optional<WeightFormat> format_of(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return WeightFormat::kF32;
    case TensorType::kF16:
      return WeightFormat::kF16;
    case TensorType::kBF16:
      return WeightFormat::kBF16;
    case TensorType::kQ8_0:
      return WeightFormat::kQ8_0;
    case TensorType::kQ4_0:
      return WeightFormat::kQ4_0;
    case TensorType::kQ4_1:
      return WeightFormat::kQ4_1;
    case TensorType::kQ5_0:
      return WeightFormat::kQ5_0;
    case TensorType::kQ5_1:
      return WeightFormat::kQ5_1;
    case TensorType::kQ4_K:
      return WeightFormat::kQ4_K;
    case TensorType::kQ5_K:
      return WeightFormat::kQ5_K;
    case TensorType::kQ6_K:
      return WeightFormat::kQ6_K;
    case TensorType::kIQ4_NL:
      return WeightFormat::kIQ4_NL;
    case TensorType::kIQ4_XS:
      return WeightFormat::kIQ4_XS;
    case TensorType::kMXFP4:
      return WeightFormat::kMXFP4;
    case TensorType::kQ2_K:
      return WeightFormat::kQ2_K;
    case TensorType::kQ3_K:
      return WeightFormat::kQ3_K;
    case TensorType::kNVFP4:
      return WeightFormat::kNVFP4;
    case TensorType::kTQ1_0:
    case TensorType::kTQ2_0:
    case TensorType::kIQ1_S:
    case TensorType::kIQ1_M:
    case TensorType::kIQ2_XXS:
    case TensorType::kIQ2_XS:
    case TensorType::kIQ2_S:
      return WeightFormat::kLevels;
    case TensorType::kIQ3_XXS:
    case TensorType::kIQ3_S:
      return WeightFormat::kSixBitLevels;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<gpu::Buffer> Uploader::vectors(std::span<const std::optional<model::Weight>> weights,
                                      float scale) {
  std::vector<float> values;
  for (const auto& weight : weights) {
    if (!weight) continue;
    WEFT_ASSIGN(const std::vector<float> more, values_of(weight->tensor));
    values.insert(values.end(), more.begin(), more.end());
    uploaded(weight->tensor.data.size());
  }
  if (values.empty()) return gpu::Buffer();
  for (float& value : values) value *= scale;
  return buffer_of(std::as_bytes(std::span(values)), "norm");
}

Result<gpu::Buffer> Uploader::norm(const std::optional<model::Weight>& weight,
                                   const std::optional<model::Weight>& bias, float scale) {
  return vectors(std::array{weight, bias}, scale);
}

Result<gpu::Buffer> Uploader::constants(std::span<const float> values) {
  return buffer_of(std::as_bytes(values), "constants");
}

Result<size_t> Uploader::rope(const model::Rope& rope, std::vector<gpu::Buffer>& tables) {
  const auto known = std::ranges::find(ropes_, rope.inv_freq);
  if (known != ropes_.end()) return static_cast<size_t>(known - ropes_.begin());
  std::vector<uint32_t> turns = kernels::rope_turns(rope.inv_freq);
  if (turns.empty()) turns.resize(2);  // no buffer is empty
  WEFT_ASSIGN(gpu::Buffer buffer, buffer_of(std::as_bytes(std::span(turns)), "rope turns"));
  ropes_.push_back(rope.inv_freq);
  tables.push_back(std::move(buffer));
  return tables.size() - 1;
}

Result<DeviceMatrix> Uploader::matrix(const model::Weight& weight,
                                      const std::optional<model::Weight>& bias) {
  const formats::TensorView& tensor = weight.tensor;
  WEFT_ASSIGN(const WeightFormat format, known_format(tensor));
  const auto ranges = kernels::split_rows(format, weight.rows, weight.cols, device_.info().limits);
  if (ranges.empty()) {
    return fail("Tensor '{}' has rows of {} elements, too long for a binding of {} bytes on '{}'.",
                tensor.name, weight.cols, device_.info().limits.max_binding_bytes,
                device_.info().name);
  }
  DeviceMatrix matrix{.rows = weight.rows, .cols = weight.cols};
  for (const kernels::RowRange range : ranges) {
    WEFT_ASSIGN(MatrixPart part, upload_part(tensor, format, weight.cols, range));
    matrix.parts.push_back(std::move(part));
  }
  if (bias) {
    WEFT_ASSIGN(const std::vector<float> values, values_of(bias->tensor));
    for (MatrixPart& part : matrix.parts) {
      const auto share = std::span(values).subspan(part.first_row, part.layout.rows);
      WEFT_ASSIGN(part.bias, buffer_of(std::as_bytes(share), bias->tensor.name));
    }
    uploaded(bias->tensor.data.size());
  }
  return matrix;
}

Result<MatrixStack> Uploader::stack(std::span<const Source> sources) {
  MatrixStack stack;
  uint32_t first_row = 0;
  for (size_t i = 0; i < sources.size();) {
    size_t end = i + 1;
    while (end < sources.size() &&
           sources[end].weight.tensor.type == sources[i].weight.tensor.type) {
      ++end;
    }
    while (!can_share(sources.subspan(i, end - i))) --end;
    WEFT_TRY(add_run(sources.subspan(i, end - i), first_row, stack));
    i = end;
  }
  const bool is_whole = std::ranges::all_of(stack.matrices, [](const DeviceMatrix& matrix) {
    return matrix.parts.size() == 1 && matrix.parts[0].bias.size_bytes() == 0;
  });
  if (!is_whole) stack.runs.clear();
  return stack;
}

Result<ExpertMatrices> Uploader::experts(
    std::span<const std::vector<const model::Weight*>> matrices,
    std::span<const std::vector<const model::Weight*>> biases) {
  const model::Weight& first = *matrices[0][0];
  WEFT_ASSIGN(const WeightFormat format, known_format(first.tensor));
  ExpertMatrices out{};
  for (const model::Weight* matrix : matrices[0]) out.rows += matrix->rows;
  const auto n = narrow<uint32_t>(matrices.size());
  const auto ranges = kernels::split_rows(format, n * out.rows, first.cols, device_.info().limits);
  const uint32_t most = ranges.empty() ? 0 : ranges[0].count / out.rows;
  if (most == 0) {
    return fail(
        "An expert of tensor '{}' has {} rows of {} elements, which fit no binding of {} "
        "bytes on '{}'.",
        first.tensor.name, out.rows, first.cols, device_.info().limits.max_binding_bytes,
        device_.info().name);
  }
  for (uint32_t expert = 0; expert < n; expert += most) {
    WEFT_ASSIGN(ExpertMatrices::Part part,
                expert_part(matrices.subspan(expert, std::min(most, n - expert)), out.rows));
    part.first_expert = expert;
    out.parts.push_back(std::move(part));
  }
  std::vector<float> values;
  for (const auto& of_expert : biases) {
    for (const model::Weight* bias : of_expert) {
      WEFT_ASSIGN(const std::vector<float> more, values_of(bias->tensor));
      values.insert(values.end(), more.begin(), more.end());
      uploaded(bias->tensor.data.size());
    }
  }
  if (!values.empty()) {
    WEFT_ASSIGN(out.bias, buffer_of(std::as_bytes(std::span(values)), "biases of experts"));
  }
  return out;
}

Result<std::vector<float>> Uploader::values_of(const formats::TensorView& tensor) {
  std::vector<float> values(tensor.elements());
  WEFT_TRY(formats::dequantize(tensor.type, tensor.data, values));
  return values;
}

Result<gpu::Buffer> Uploader::buffer_of(std::span<const std::byte> bytes, std::string_view label) {
  WEFT_ASSIGN(gpu::Buffer buffer, device_.create_buffer(bytes.size(), label));
  device_.write(buffer, 0, bytes);
  allocated_bytes_ += buffer.size_bytes();
  return buffer;
}

Result<WeightFormat> Uploader::known_format(const formats::TensorView& tensor) {
  const std::optional<WeightFormat> format = format_of(tensor.type);
  if (format) return *format;
  return fail("Tensor '{}' has type {}, for which there is no GPU kernel.", tensor.name,
              formats::info(tensor.type).name);
}

Uploader::FileRows Uploader::file_rows(const formats::TensorView& tensor, uint32_t cols) {
  const formats::TensorTypeInfo& of = formats::info(tensor.type);
  return {tensor.type, tensor.data, uint64_t{cols / of.block_elements} * of.block_bytes};
}

bool Uploader::can_share(std::span<const Source> sources) const {
  if (sources.size() == 1) return true;
  const auto format = format_of(sources[0].weight.tensor.type);
  const uint32_t cols = sources[0].weight.cols;
  uint32_t rows = 0;
  for (const Source& source : sources) rows += source.weight.rows;
  if (!format || kernels::split_rows(*format, rows, cols, device_.info().limits).size() != 1) {
    return false;
  }
  const kernels::WeightLayout layout = kernels::weight_layout(*format, rows, cols);
  uint32_t first = 0;
  return std::ranges::all_of(sources, [&](const Source& source) {
    const kernels::RowRange range{.first = first, .count = source.weight.rows};
    first += source.weight.rows;
    return !source.bias && kernels::rows_of(layout, range).has_value();
  });
}

Result<void> Uploader::add_run(std::span<const Source> sources, uint32_t& first_row,
                               MatrixStack& stack) {
  const uint32_t first_of_run = first_row;
  for (const Source& source : sources) first_row += source.weight.rows;
  if (sources.size() == 1) {
    WEFT_ASSIGN(DeviceMatrix alone, matrix(sources[0].weight, sources[0].bias));
    stack.runs.push_back({.first_row = first_of_run, .weight = alone.parts[0].weight()});
    stack.matrices.push_back(std::move(alone));
    return {};
  }
  const formats::TensorView& first_tensor = sources[0].weight.tensor;
  const uint32_t cols = sources[0].weight.cols;
  WEFT_ASSIGN(const WeightFormat format, known_format(first_tensor));
  const auto layout = kernels::weight_layout(format, first_row - first_of_run, cols);
  WEFT_ASSIGN(const auto buffer, new_weight_buffer(layout, first_tensor.name));
  uint32_t first = 0;
  for (const Source& source : sources) {
    const kernels::RowRange range{.first = first, .count = source.weight.rows};
    first += range.count;
    upload_rows_of(*buffer, layout, range, file_rows(source.weight.tensor, cols));
    DeviceMatrix matrix{.rows = range.count, .cols = cols};
    matrix.parts.push_back(
        {.first_row = 0, .layout = *kernels::rows_of(layout, range), .buffer = buffer});
    stack.matrices.push_back(std::move(matrix));
  }
  stack.runs.push_back(
      {.first_row = first_of_run, .weight = {.layout = layout, .buffer = buffer.get()}});
  return {};
}

Result<std::shared_ptr<const gpu::Buffer>> Uploader::new_weight_buffer(
    const kernels::WeightLayout& layout, std::string_view label) {
  WEFT_ASSIGN(gpu::Buffer buffer, device_.create_buffer(layout.size_bytes, label));
  allocated_bytes_ += layout.size_bytes;
  return std::make_shared<const gpu::Buffer>(std::move(buffer));
}

Result<MatrixPart> Uploader::upload_part(const formats::TensorView& tensor, WeightFormat format,
                                         uint32_t cols, kernels::RowRange range) {
  const kernels::WeightLayout layout = kernels::weight_layout(format, range.count, cols);
  WEFT_ASSIGN(auto buffer, new_weight_buffer(layout, tensor.name));
  upload_rows_of(*buffer, layout, {.first = 0, .count = range.count},
                 file_rows(tensor, cols).part(range.first, range.count));
  return MatrixPart{.first_row = range.first, .layout = layout, .buffer = std::move(buffer)};
}

Result<ExpertMatrices::Part> Uploader::expert_part(
    std::span<const std::vector<const model::Weight*>> matrices, uint32_t rows) {
  const model::Weight& first = *matrices[0][0];
  WEFT_ASSIGN(const WeightFormat format, known_format(first.tensor));
  const auto layout =
      kernels::weight_layout(format, narrow<uint32_t>(matrices.size()) * rows, first.cols);
  WEFT_ASSIGN(gpu::Buffer buffer, device_.create_buffer(layout.size_bytes, first.tensor.name));
  allocated_bytes_ += layout.size_bytes;
  uint32_t first_row = 0;
  for (const auto& of_expert : matrices) {
    for (const model::Weight* matrix : of_expert) {
      if (matrix->tensor.type != first.tensor.type) {
        return fail("Tensor '{}' has type {}, and that of the first expert has type {}.",
                    matrix->tensor.name, formats::info(matrix->tensor.type).name,
                    formats::info(first.tensor.type).name);
      }
      upload_rows_of(buffer, layout, {.first = first_row, .count = matrix->rows},
                     file_rows(matrix->tensor, first.cols));
      first_row += matrix->rows;
    }
  }
  return ExpertMatrices::Part{.layout = layout,
                              .buffer = std::make_unique<const gpu::Buffer>(std::move(buffer))};
}

void Uploader::upload_rows_of(const gpu::Buffer& buffer, const kernels::WeightLayout& layout,
                              kernels::RowRange range, const FileRows& rows) {
  const uint64_t row_bytes = kernels::file_row_bytes(layout.format, layout.cols);
  const uint64_t fitting = kStagingBytes / std::max<uint64_t>(1, row_bytes);
  const auto step = narrow<uint32_t>(
      round_up<uint64_t>(std::clamp<uint64_t>(fitting, 1, range.count), kernels::kRowAlignment));
  for (uint32_t first = 0; first < range.count; first += step) {
    const uint32_t count = std::min(step, range.count - first);
    const FileRows piece = rows.part(first, count);
    upload_piece(buffer, layout, {.first = range.first + first, .count = count}, piece);
    uploaded(piece.bytes.size());
  }
}

void Uploader::upload_piece(const gpu::Buffer& buffer, const kernels::WeightLayout& layout,
                            kernels::RowRange range, const FileRows& rows) {
  const uint64_t useful = rows.bytes.size() / kThreadBytes;
  const auto n_threads = narrow<uint32_t>(
      std::clamp<uint64_t>(useful, 1, std::max(1U, std::thread::hardware_concurrency())));
  const uint32_t share =
      round_up(ceil_div(range.count, n_threads), uint32_t{kernels::kRowAlignment});

  work_.resize(ceil_div(range.count, share));
  const auto repack_share = [&](uint32_t i) {
    const uint32_t first = i * share;
    const kernels::RowRange part{.first = range.first + first,
                                 .count = std::min(share, range.count - first)};
    repack(layout, part, rows.part(first, part.count), work_[i]);
  };
  {
    std::vector<std::jthread> threads;
    for (uint32_t i = 1; i < work_.size(); ++i) threads.emplace_back(repack_share, i);
    repack_share(0);
  }
  for (const Work& done : work_) {
    for (const kernels::PlanePiece& piece : done.pieces) {
      device_.write(buffer, piece.offset, piece.bytes);
    }
  }
}

void Uploader::repack(const kernels::WeightLayout& layout, kernels::RowRange range,
                      const FileRows& rows, Work& work) {
  work.staging.resize(kernels::repacked_bytes(layout, range.count));
  std::span<const std::byte> bytes = rows.bytes;
  if (formats::has_levels(rows.type)) {
    work.blocks.resize(bytes.size() / formats::info(rows.type).block_bytes);
    formats::take_levels(rows.type, bytes, work.blocks);
    bytes = std::as_bytes(std::span(work.blocks));
  }
  work.pieces = kernels::repack(layout, range, bytes, work.staging);
}

void Uploader::uploaded(uint64_t bytes) {
  done_bytes_ += bytes;
  if (progress_) progress_(done_bytes_, total_bytes_);
}

}  // namespace weft::backend
