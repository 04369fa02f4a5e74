// `weft tokenize`: text to tokens as a model sees them, and back.
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_choice.h"
#include "engine/folder_text.h"
#include "engine/vocabulary.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;

struct TokenizeOptions {
  ModelChoice model;
  std::optional<std::string> positional, file;
  std::optional<std::vector<Token>> decode;
  bool no_special = false;
  bool ids = false;
  bool json = false;
};

// Tokens can be parts of characters.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<text::Tokenizer> read_tokenizer(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return engine::tokenizer_from_folder(path);
  WEFT_ASSIGN(const formats::GgufFile file, formats::GgufFile::open(path));
  WEFT_ASSIGN(const text::Vocabulary vocabulary, engine::vocabulary_from_gguf(file));
  return text::Tokenizer::from_vocabulary(vocabulary);
}

Result<text::Tokenizer> open_tokenizer(const ModelChoice& choice) {
  WEFT_ASSIGN(const std::filesystem::path path, model_path(choice));
  auto tokenizer = read_tokenizer(path);
  if (tokenizer) return tokenizer;
  return std::unexpected(
      std::move(tokenizer).error().within(fmt::format("While loading '{}'.", path.string())));
}

Result<std::string> read_text(const TokenizeOptions& options) {
  if (options.positional) return *options.positional;
  if (options.file && *options.file != "-") return read_text_file(*options.file);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

void print_tokens(const text::Tokenizer& tokenizer, const std::vector<Token>& tokens,
                  const TokenizeOptions& options) {
  if (options.ids) {
    fmt::print("{}\n", fmt::join(tokens, ","));
    return;
  }
  Json pieces = Json::array();
  for (const Token token : tokens) pieces.push_back(tokenizer.token_bytes(token));
  if (options.json) {
    const Json object = {{"tokens", tokens}, {"pieces", pieces}, {"count", tokens.size()}};
    fmt::print("{}\n", dump(object));
    return;
  }
  for (size_t i = 0; i < tokens.size(); ++i) fmt::print("{:>7}  {}\n", tokens[i], dump(pieces[i]));
}

Result<ExitCode> decode(const text::Tokenizer& tokenizer, const TokenizeOptions& options) {
  WEFT_ASSIGN(const std::string text, tokenizer.decode(*options.decode));
  if (options.json) {
    fmt::print("{}\n", dump({{"text", text}}));
  } else {
    fmt::print("{}\n", text);
  }
  return kOk;
}

Result<ExitCode> run(const TokenizeOptions& options) {
  const bool has_text = options.positional || options.file;
  if (!has_text && !options.decode && is_terminal(stdin)) {
    return usage_error("What is the text? Give it as argument, with -f, or on the standard input.");
  }
  WEFT_ASSIGN(const text::Tokenizer tokenizer, open_tokenizer(options.model));
  if (options.decode) return decode(tokenizer, options);
  WEFT_ASSIGN(const std::string text, read_text(options));
  const auto special = options.no_special ? text::Special::as_text : text::Special::parse;
  const auto bounds = options.no_special ? text::Bounds::none : text::Bounds::of_model;
  WEFT_ASSIGN(const std::vector<Token> tokens, tokenizer.encode(text, special, bounds));
  print_tokens(tokenizer, tokens, options);
  return kOk;
}

Action add(CLI::App& app) {
  const auto options = std::make_shared<TokenizeOptions>();
  add_model_choice(app, options->model);
  CLI::Option* positional = app.add_option("TEXT", options->positional, "The text");
  CLI::Option* file =
      app.add_option("-f,--file", options->file, "Read the text from a file; -: standard input");
  CLI::Option* no_special =
      app.add_flag("--no-special", options->no_special,
                   "Special tokens in the text are plain text, and none is added to it");
  CLI::Option* ids = app.add_flag("--ids", options->ids, "Print ids only: 504,3575,282");
  CLI::Option* json = app.add_flag("--json", options->json, "Print one JSON object");
  CLI::Option* decoding =
      app.add_option("--decode", options->decode, "Print the text of these ids: 504,3575,282")
          ->delimiter(',');
  positional->excludes(file);
  ids->excludes(json);
  for (CLI::Option* other : {positional, file, no_special, ids}) decoding->excludes(other);
  return [options] { return run(*options); };
}

}  // namespace

const Command kTokenize = {
    .name = "tokenize",
    .summary = "Show how a model cuts a text into tokens",
    .examples =
        "  weft tokenize \"The capital of France is\"\n"
        "  weft tokenize -m model.gguf -f text.txt --ids\n"
        "  weft tokenize --decode 504,3575,282\n",
    .add = add,
};

}  // namespace weft::cli
