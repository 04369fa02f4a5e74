// A family's GGUF file with changes: what its loader says of it.
#pragma once

#include <string>

#include "base/check.h"
#include "model/gguf_image.h"
#include "model/load.h"
#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::testing {

// Calls `look(spec)` of the family's GGUF file after `change(image)` of its keys and tensors.
template <class Change, class Look>
void look_at_changed(const std::string& family, Change change, Look look,
                     const model::WriteOptions& options = {}) {
  const auto path = source_path("testing/models/" + family + "/model.gguf");
  const auto file = formats::GgufFile::open(path);
  CHECK(file.has_value());
  model::GgufImage image = *model::image_of(*file);
  change(image);
  const TemporaryFolder folder;
  const auto changed_path = folder.path() / "changed.gguf";
  CHECK(model::write_image(std::move(image), options, changed_path, {}).has_value());
  const auto changed = formats::GgufFile::open(changed_path);
  CHECK(changed.has_value());
  look(model::spec_from_gguf(*changed));
}

template <class Change>
std::string error_of_changed(const std::string& family, Change change) {
  std::string message;
  look_at_changed(family, change, [&](const Result<model::ModelSpec>& spec) {
    message = spec ? "no error" : spec.error().message();
  });
  return message;
}

}  // namespace weft::testing
