// A GGUF file that is still to be written: keys, and tensors whose data is read or made when their
// turn comes. Its matrices may be quantised on the way.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/gguf_file_writer.h"
#include "model/importance.h"
#include "model/quantize_recipe.h"

namespace weft::model {

struct ImageTensor {
  formats::GgufTensorInfo info;  // as it is stored now
  // Its data: a view of the file that it lies in, or of `made`, which the call may fill.
  std::function<Result<std::span<const std::byte>>(std::vector<std::byte>& made)> data;
};

struct GgufImage {
  formats::GgufMetadata metadata;
  std::vector<ImageTensor> tensors;
  MixtureModel mixture;
  // Asked about the file when it is whole, before it gets its name; may be empty.
  std::function<Result<void>(const formats::GgufFile&)> check;
};

// All of a file, which must outlive the result, but for what is true of that file alone: its
// alignment and its part in a split.
[[nodiscard]] Result<GgufImage> image_of(const formats::GgufFile& file);

// How far the values that were written are from those that were there.
struct TensorChange {
  std::string name;
  formats::TensorType from, to;
  uint64_t elements, bytes_before, bytes_after;
  double squared_error = 0;  // sums over the elements
  double squares = 0;
  double largest_error = 0;  // of an element, as magnitude

  // The root of the mean squared error, and the same in units of the values' root mean square.
  [[nodiscard]] double rms_error() const;
  [[nodiscard]] double relative_error() const;
};

struct WriteOptions {
  std::optional<QuantizeType> type;        // none: tensors stay as they are
  bool pure = false;                       // no mixture
  const Importance* importance = nullptr;  // may be null
  unsigned threads = 0;                    // 0: one a processor
};

struct WriteListener {
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> on_progress;  // of those read
  std::function<void(const TensorChange& tensor)> on_tensor;
};

// Writes the image to `path`; a file that is there is replaced when all is written. An error for a
// number that is not finite, or that the type cannot hold.
[[nodiscard]] Result<void> write_image(GgufImage image, const WriteOptions& options,
                                       const std::filesystem::path& path,
                                       const WriteListener& listener);

}  // namespace weft::model
