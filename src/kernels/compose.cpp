#include "kernels/compose.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "kernels/unroll.h"
#include "kernels/wgsl_files.h"

namespace weft::kernels {
namespace {

const WgslFile& file_named(std::string_view name) {
  const std::vector<WgslFile>& files = wgsl_files();
  const auto found = std::ranges::lower_bound(files, name, {}, &WgslFile::name);
  CHECK(found != files.end() && found->name == name);
  return *found;
}

std::string_view chosen(const Variant& variant, std::string_view import) {
  const auto choice = std::ranges::find(variant.imports, import, &Variant::Names::first);
  return choice == variant.imports.end() ? import : choice->second;
}

// Adds a file after its imports. A file in the list already is left where it is.
void add_file(const Variant& variant, std::string_view name, std::vector<const WgslFile*>& files) {
  const WgslFile& file = file_named(name);
  if (std::ranges::find(files, &file) != files.end()) return;
  for (const std::string_view import : file.imports) {
    add_file(variant, chosen(variant, import), files);
  }
  files.push_back(&file);
}

using NameList = std::vector<std::string_view>;

NameList sorted_names(NameList names, NameList WgslFile::* member,
                      const std::vector<const WgslFile*>& files) {
  for (const WgslFile* file : files) {
    names.insert(names.end(), (file->*member).begin(), (file->*member).end());
  }
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

std::string text_of(const Variant& variant, const std::vector<const WgslFile*>& files) {
  std::string text;
  for (const auto name : sorted_names(variant.enables, &WgslFile::enables, files)) {
    text += fmt::format("enable {};\n", name);
  }
  for (const auto name : sorted_names({}, &WgslFile::diagnostics_off, files)) {
    text += fmt::format("diagnostic(off, {});\n", name);
  }
  for (const auto& [name, type] : variant.aliases)
    text += fmt::format("alias {} = {};\n", name, type);
  for (const auto& [name, value] : variant.constants) {
    text += fmt::format("const {} = {}u;\n", name, value);
  }
  for (const WgslFile* file : files) {
    if (variant.loops == Loops::kKept) text.append(file->text);
    if (variant.loops == Loops::kUnrolled) text += unroll(file->text, variant.constants);
  }
  for (const auto& [from, to] : variant.renames) replace_all(text, from, to);
  return text;
}

// Numbers count over all files; not each need have a binding.
std::vector<gpu::Access> bindings_of(const std::vector<const WgslFile*>& files) {
  std::vector<WgslBinding> all;
  for (const WgslFile* file : files) {
    all.insert(all.end(), file->bindings.begin(), file->bindings.end());
  }
  std::ranges::sort(all, {}, &WgslBinding::number);
  std::vector<gpu::Access> bindings;
  for (const WgslBinding& binding : all) {
    CHECK(binding.number >= bindings.size());  // no two have the same
    bindings.resize(binding.number, gpu::Access::kUnused);
    bindings.push_back(binding.is_written ? gpu::Access::kReadWrite : gpu::Access::kRead);
  }
  return bindings;
}

}  // namespace

gpu::PipelineDesc compose(const Variant& variant) {
  std::vector<const WgslFile*> files;
  add_file(variant, variant.kernel, files);
  gpu::PipelineDesc desc{.label = std::string(variant.kernel),
                         .wgsl = text_of(variant, files),
                         .bindings = bindings_of(files),
                         .overrides = variant.overrides};
  for (const auto& [import, name] : variant.imports) desc.label.append(" ").append(name);
  for (const WgslFile* file : files) desc.immediate_bytes += file->params_bytes;
  return desc;
}

}  // namespace weft::kernels
