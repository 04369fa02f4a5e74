// `weft template`: the prompt that a chat template makes of messages.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/model_choice.h"
#include "engine/folder_text.h"
#include "engine/vocabulary.h"
#include "text/chat_template.h"

namespace weft::cli {
namespace {

using engine::TemplateUse;

struct TemplateOptions {
  ModelChoice model;
  std::filesystem::path template_file, messages, tools;
  std::string variables;
  bool no_generation_prompt = false;
};

// The template, and with it the texts of the model's bos and eos.
struct Source {
  std::string text;
  std::string bos, eos;
};

Result<Source> read_folder(const std::filesystem::path& path, TemplateUse use) {
  WEFT_ASSIGN(std::string source, engine::chat_template_from_folder(path, use));
  WEFT_ASSIGN(const text::Tokenizer tokenizer, engine::tokenizer_from_folder(path));
  const auto token_text = [&tokenizer](std::optional<Token> id) {
    return std::string(id ? tokenizer.token_bytes(*id) : "");
  };
  return Source{.text = std::move(source),
                .bos = token_text(tokenizer.bos()),
                .eos = token_text(tokenizer.eos())};
}

Result<Source> read_file(const std::filesystem::path& path, TemplateUse use) {
  WEFT_ASSIGN(const formats::GgufFile file, formats::GgufFile::open(path));
  WEFT_ASSIGN(const std::string_view source, engine::chat_template_from_gguf(file, use));
  WEFT_ASSIGN(const text::Vocabulary vocabulary, engine::vocabulary_from_gguf(file));
  const auto token_text = [&vocabulary](std::optional<Token> id) {
    return std::string(id && *id < vocabulary.tokens.size() ? vocabulary.tokens[*id] : "");
  };
  return Source{.text = std::string(source),
                .bos = token_text(vocabulary.special.bos),
                .eos = token_text(vocabulary.special.eos)};
}

Result<Source> read_model(const ModelChoice& choice, TemplateUse use) {
  WEFT_ASSIGN(const std::filesystem::path path, model_path(choice));
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? read_folder(path, use)
                                                      : read_file(path, use);
}

Result<Source> read_source(const TemplateOptions& options) {
  Source source;
  if (options.template_file.empty() || !options.model.model.empty()) {
    const TemplateUse use = options.tools.empty() ? TemplateUse::chat : TemplateUse::tools;
    WEFT_ASSIGN(source, read_model(options.model, use));
  }
  if (!options.template_file.empty()) {
    WEFT_ASSIGN(source.text, read_text_file(options.template_file));
  }
  return source;
}

Result<ExitCode> run(const TemplateOptions& options) {
  using GenerationPrompt = text::ChatTemplate::Options::GenerationPrompt;
  WEFT_ASSIGN(const Source source, read_source(options));
  WEFT_ASSIGN(const std::string messages, read_text_file(options.messages));
  text::ChatTemplate::Options rendering{
      .bos_token = source.bos, .eos_token = source.eos, .variables_json = options.variables};
  if (!options.tools.empty()) {
    WEFT_ASSIGN(rendering.tools_json, read_text_file(options.tools));
  }
  if (options.no_generation_prompt) rendering.generation_prompt = GenerationPrompt::leave_out;
  WEFT_ASSIGN(const auto chat_template, text::ChatTemplate::compile(source.text));
  WEFT_ASSIGN(const text::Prompt prompt, chat_template.render(messages, rendering));
  std::fwrite(prompt.text.data(), 1, prompt.text.size(), stdout);
  return kOk;
}

Action add(CLI::App& app) {
  const auto options = std::make_shared<TemplateOptions>();
  add_model_choice(app, options->model);
  app.add_option("--template-file", options->template_file,
                 "A Jinja template instead of the model's; without -m, bos and eos are empty");
  app.add_option("--messages", options->messages,
                 "A JSON file: [{\"role\": \"user\", \"content\": \"Hello\"}]")
      ->required();
  app.add_option("--tools", options->tools, "A JSON file: tool definitions as OpenAI writes them");
  app.add_option("--kwargs", options->variables,
                 "Further variables of the template: {\"enable_thinking\": false}");
  app.add_flag("--no-generation-prompt", options->no_generation_prompt,
               "Leave out the beginning of the answer");
  return [options] { return run(*options); };
}

}  // namespace

const Command kTemplate = {
    .name = "template",
    .summary = "Print the prompt that a model's chat template makes of messages",
    .examples =
        "  weft template --messages chat.json\n"
        "  weft template -m model.gguf --messages chat.json --tools tools.json\n"
        "  weft template --template-file mine.jinja --messages chat.json\n",
    .add = add,
};

}  // namespace weft::cli
