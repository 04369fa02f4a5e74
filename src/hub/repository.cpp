#include "hub/repository.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "formats/gguf_parts.h"
#include "formats/json.h"
#include "formats/quote.h"

namespace weft::hub {
namespace {

using formats::quote;
using nlohmann::json;

constexpr uint64_t kMostListBytes = 64 << 20;
constexpr size_t kMostFiles = 20'000;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool is_hex(std::string_view text, size_t length) {
  return text.size() == length &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// As a size: numbers below zero and fractions are none.
Result<uint64_t> size_in(const json& object, const std::string& path) {
  const json& size = object.at("size");
  if (size.is_number_unsigned()) return size.get<uint64_t>();
  return fail("File {} has the size {}, which is none.", quote(path), quote(size.dump()));
}

// A file of the tree that the hub's interface gives; a folder has no entry here.
Result<RepositoryFile> read_file(const json& entry) {
  RepositoryFile file{.path = entry.at("path").get<std::string>(),
                      .size_bytes = 0,
                      .digest = {DigestKind::kGitBlob, entry.at("oid").get<std::string>()}};
  WEFT_TRY(safe_path(file.path));
  WEFT_ASSIGN(file.size_bytes, size_in(entry, file.path));
  size_t digits = 40;
  if (const auto large = entry.find("lfs"); large != entry.end() && large->is_object()) {
    file.digest = {DigestKind::kSha256, large->at("oid").get<std::string>()};
    WEFT_ASSIGN(file.size_bytes, size_in(*large, file.path));
    digits = 64;
  }
  if (is_hex(file.digest.hex, digits)) return file;
  return fail("File {} has the checksum {}, which is none.", quote(file.path),
              quote(file.digest.hex));
}

bool is_hidden(std::string_view path) {
  const std::string inside = fmt::format("/{}", path);
  return inside.contains("/.") && !inside.contains("/..");
}

bool contains_any_case(std::string_view text, std::string_view part) {
  const auto same = [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  };
  return part.empty() || !std::ranges::search(text, part, same).empty();
}

bool is_gguf(const RepositoryFile& file) { return file.path.ends_with(".gguf"); }

// The name of a model, by a file of it that is whole or its first part.
bool begins_a_model(const RepositoryFile& file, const std::string& wanted) {
  if (!is_gguf(file) || !contains_any_case(file.path, wanted)) return false;
  for (const std::string_view other : {"mmproj", "imatrix"}) {
    if (contains_any_case(file.path, other) && !contains_any_case(wanted, other)) return false;
  }
  const auto part = formats::gguf_part(file.path);
  return !part || part->number == 1;
}

// The file, or all parts of which it is one.
Result<std::vector<RepositoryFile>> with_other_parts(std::span<const RepositoryFile> files,
                                                     const RepositoryFile& chosen) {
  std::vector<RepositoryFile> out;
  for (const std::filesystem::path& path : formats::gguf_files(chosen.path)) {
    const auto found = std::ranges::find(files, path.string(), &RepositoryFile::path);
    if (found == files.end()) {
      return fail("There is {}, but no {}.", quote(chosen.path), quote(path.string()));
    }
    out.push_back(*found);
  }
  return out;
}

// What a folder is read from.
bool is_of_folder(const RepositoryFile& file) {
  constexpr std::string_view kNames[] = {
      "config.json",         "generation_config.json", "model.safetensors.index.json",
      "tokenizer.json",      "tokenizer_config.json",  "special_tokens_map.json",
      "chat_template.jinja", "tokenizer.model",        "added_tokens.json"};
  const bool is_weight = file.path.ends_with(".safetensors") && !file.path.contains('/') &&
                         file.path.starts_with("model");
  return is_weight || std::ranges::find(kNames, file.path) != std::end(kNames);
}

std::unexpected<Error> cannot_choose(std::span<const RepositoryFile> files, const HubName& name,
                                     std::string_view why) {
  std::vector<std::string> names;
  for (const RepositoryFile& file : files) {
    if (is_gguf(file)) names.push_back(quote(file.path));
  }
  if (names.empty()) return fail("{} {}.", name.id(), why);
  return fail("{} {}; it has: {}.", name.id(), why, fmt::join(names, ", "));
}

}  // namespace

Result<std::vector<RepositoryFile>> read_list(const std::string& text) {
  WEFT_ASSIGN(const json list, formats::parse_json(text, "The list of files"));
  if (!list.is_array() || list.size() > kMostFiles) {
    return fail("The list of files is no array of at most {}.", kMostFiles);
  }
  std::vector<RepositoryFile> files;
  try {
    for (const json& entry : list) {
      if (entry.at("type") != "file") continue;
      // Hidden files are nothing that a model needs.
      const auto path = entry.at("path").get<std::string>();
      if (is_hidden(path)) continue;
      WEFT_ASSIGN(RepositoryFile file, read_file(entry));
      files.push_back(std::move(file));
    }
  } catch (const json::exception& error) {
    return fail("The list of files is not as it should be: {}.", error.what());
  }
  return files;
}

Result<Hub> Hub::from_environment() {
  Hub hub{.endpoint = environment("HF_ENDPOINT"), .token = environment("HF_TOKEN")};
  if (hub.endpoint.empty()) hub.endpoint = "https://huggingface.co";
  while (hub.endpoint.ends_with('/')) hub.endpoint.pop_back();
  if (hub.endpoint.starts_with("https://")) return hub;
  if (!hub.endpoint.starts_with("http://")) {
    return fail("HF_ENDPOINT is {}, and a URL like https://huggingface.co was wanted.",
                quote(hub.endpoint));
  }
  const bool is_here = hub.endpoint.starts_with("http://127.0.0.1:") ||
                       hub.endpoint.starts_with("http://localhost:");
  if (hub.token.empty() || is_here) return hub;
  return fail("HF_TOKEN would go to {} unencrypted.", quote(hub.endpoint));
}

Result<std::vector<RepositoryFile>> list_files(const Hub& hub, const HubName& name) {
  HttpClient client;
  std::string text;
  const HttpRequest request{
      .url = fmt::format("{}/api/models/{}/tree/main?recursive=true", hub.endpoint, name.id()),
      .token = hub.token,
      .most_bytes = kMostListBytes};
  const auto answered = client.get(request, [&](long, std::span<const std::byte> piece) {
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return true;
  });
  if (!answered) return fail("{}", answered.error().sentence);
  auto files = read_list(text);
  if (files) return files;
  return std::unexpected(
      std::move(files).error().within(fmt::format("While reading '{}'.", request.url)));
}

std::string url_of(const Hub& hub, const HubName& name, const RepositoryFile& file) {
  std::string path;
  for (const char c : file.path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = std::isalnum(byte) != 0 || std::string_view("-_.~/").contains(c);
    path += is_plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return fmt::format("{}/{}/resolve/main/{}", hub.endpoint, name.id(), path);
}

Result<std::vector<RepositoryFile>> choose_files(std::span<const RepositoryFile> files,
                                                 const HubName& name) {
  std::vector<RepositoryFile> ggufs;
  for (const RepositoryFile& file : files) {
    if (file.path == name.file) return with_other_parts(files, file);
    if (begins_a_model(file, name.file)) ggufs.push_back(file);
  }
  if (ggufs.size() == 1) return with_other_parts(files, ggufs.front());
  if (!name.file.empty()) {
    return cannot_choose(
        files, name,
        fmt::format("has {} files for {}", ggufs.empty() ? "no" : "several", quote(name.file)));
  }
  if (!ggufs.empty()) {
    HubName usual = name;
    usual.file = "Q4_K_M";
    const auto chosen = choose_files(files, usual);
    return chosen
               ? chosen
               : cannot_choose(files, name, "has several GGUF files: name one, hf:ORG/REPO:FILE");
  }
  std::vector<RepositoryFile> folder;
  std::ranges::copy_if(files, std::back_inserter(folder), is_of_folder);
  const bool has_weights = std::ranges::any_of(
      folder, [](const RepositoryFile& file) { return file.path.ends_with(".safetensors"); });
  const bool has_config =
      std::ranges::find(folder, "config.json", &RepositoryFile::path) != folder.end();
  if (has_weights && has_config) return folder;
  return cannot_choose(files, name, "has neither GGUF files nor config.json with safetensors");
}

}  // namespace weft::hub
