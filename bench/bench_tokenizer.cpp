// bench_tokenizer MODEL TEXT: megabytes a second that one thread turns into tokens, as a JSON line.
#include <chrono>
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/file.h"
#include "engine/folder_text.h"
#include "engine/vocabulary.h"

namespace weft::bench {
namespace {

Result<text::Tokenizer> read_tokenizer(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return engine::tokenizer_from_folder(path);
  WEFT_ASSIGN(const formats::GgufFile file, formats::GgufFile::open(path));
  WEFT_ASSIGN(const text::Vocabulary vocabulary, engine::vocabulary_from_gguf(file));
  return text::Tokenizer::from_vocabulary(vocabulary);
}

// The best of `runs` over the whole text: other programs can only take away.
Result<void> measure(const std::string& model, const std::string& path, int runs) {
  WEFT_ASSIGN(const text::Tokenizer tokenizer, read_tokenizer(model));
  WEFT_ASSIGN(const std::string text, read_text_file(path));
  double best = 0;
  size_t tokens = 0;
  for (int run = 0; run < runs; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    WEFT_ASSIGN(const auto ids, tokenizer.encode(text, text::Special::parse, text::Bounds::none));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(text.size()) / 1e6 / took.count());
    tokens = ids.size();
  }
  fmt::print("{{\"case\":\"tokenize\",\"bytes\":{},\"tokens\":{},\"mb_per_s\":{:.2f}}}\n",
             text.size(), tokens, best);
  return {};
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  CLI::App app("How fast one thread tokenizes a text; the best of several runs.");
  std::string model;
  std::string text;
  int runs = 5;
  app.add_option("model", model, "A GGUF file or a Hugging Face folder")->required();
  app.add_option("text", text, "A file of text")->required();
  app.add_option("--runs", runs, "How often the whole text is tokenized")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto done = weft::bench::measure(model, text, runs);
  if (!done) fmt::print(stderr, "{}\n", done.error().message());
  return done ? 0 : 1;
}
