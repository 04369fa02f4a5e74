// `weft chat`: a conversation. What was said before is computed once: the engine keeps the keys and
// values of equal beginnings.
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/conversation_file.h"
#include "cli/generate.h"
#include "cli/line_editor.h"
#include "cli/load_model.h"
#include "cli/options.h"
#include "engine/chat.h"

namespace weft::cli {
namespace {

constexpr const char* kHelp =
    "/help         this list\n"
    "/clear        forget the conversation, but for the system message\n"
    "/system TEXT  set the system message, and forget the rest; without TEXT: no system message\n"
    "/save FILE    write the conversation to a file (JSON)\n"
    "/load FILE    go on with the conversation of a file\n"
    "/stats        speeds of the last answer\n"
    "/exit         end; so does Ctrl-D. Ctrl-C stops an answer.\n";

struct ChatOptions {
  ModelOptions model;
  engine::Request request;
  std::string system;
};

class Chat {
 public:
  Chat(const engine::LoadedModel& model, engine::Request request)
      : model_(model),
        engine_(model.backend(), model.tokenizer(), {}),
        request_(std::move(request)) {}

  void set_system(std::string_view text) {
    messages_.clear();
    if (!text.empty()) messages_.push_back({.role = "system", .content = std::string(text)});
  }

  // Asks the model and prints its answer while it comes. What fails changes nothing.
  Result<void> say(std::string_view line, InterruptWatch& interrupts) {
    messages_.push_back({.role = "user", .content = std::string(line)});
    Result<Answer> answer = ask(interrupts);
    if (!answer) {
      messages_.pop_back();
      return std::unexpected(std::move(answer).error());
    }
    if (!answer->text.ends_with('\n')) std::fputs("\n", stdout);
    std::fflush(stdout);
    messages_.push_back({.role = "assistant", .content = answer->text});
    stats_ = describe(answer->finish);
    return {};
  }

  // A line that begins with '/'.
  Result<void> command(std::string_view line) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(0, space);
    const std::string_view argument = line.substr(std::min(space + 1, line.size()));
    if (name == "/help") {
      std::fputs(kHelp, stdout);
    } else if (name == "/clear") {
      const bool has_system = !messages_.empty() && messages_.front().role == "system";
      messages_.resize(has_system ? 1 : 0);
    } else if (name == "/system") {
      set_system(argument);
    } else if (name == "/stats") {
      fmt::print("{}\n", stats_.empty() ? "There was no answer yet." : stats_);
    } else if (name == "/save" && !argument.empty()) {
      return save_conversation(argument, messages_);
    } else if (name == "/load" && !argument.empty()) {
      WEFT_ASSIGN(messages_, load_conversation(argument));
    } else if (name == "/save" || name == "/load") {
      return fail("{} needs the name of a file.", name);
    } else {
      return fail("There is no command '{}'. /help lists them.", name);
    }
    return {};
  }

 private:
  Result<Answer> ask(InterruptWatch& interrupts) {
    engine::Request request = request_;
    WEFT_ASSIGN(request.prompt, engine::encode_chat(model_.text(), messages_));
    return generate(engine_, std::move(request), interrupts, [](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    });
  }

  const engine::LoadedModel& model_;
  engine::Engine engine_;
  engine::Request request_;  // what all requests have in common
  std::vector<engine::Message> messages_;
  std::string stats_;
};

Result<ExitCode> run(const ChatOptions& options) {
  Progress progress;
  WEFT_ASSIGN(const auto model, load_model(options.model, progress));
  // What every answer needs: better said now than after the first question.
  WEFT_TRY(engine::encode_chat(model->text(), std::vector<engine::Message>{{"user", "?"}}));
  Chat chat(*model, options.request);
  chat.set_system(options.system);

  const Result<std::filesystem::path> cache = cache_dir();
  LineEditor editor(cache ? *cache / "chat_history" : std::filesystem::path());
  if (is_terminal(stdin) && is_terminal(stdout)) {
    fmt::print("{} on {}. /help lists the commands.\n", model->spec().name,
               model->backend().info().device);
  }
  InterruptWatch interrupts;
  while (const std::optional<std::string> line = editor.read("> ", interrupts)) {
    if (*line == "/exit") break;
    if (line->empty()) continue;
    const Result<void> done =
        line->starts_with('/') ? chat.command(*line) : chat.say(*line, interrupts);
    if (!done) print_error(done.error().message());
  }
  return interrupts.take() ? kInterrupted : kOk;  // while it waited for a pipe
}

Action add(CLI::App& app) {
  const auto options = std::make_shared<ChatOptions>();
  app.add_option("--system,--system-prompt", options->system, "The system message");
  add_answer_options(app, options->request);
  add_model_options(app, options->model);
  return [options] { return run(*options); };
}

}  // namespace

const Command kChat = {
    .name = "chat",
    .summary = "Talk with a model",
    .examples =
        "  weft chat\n"
        "  weft chat -m model.gguf --system \"You are a pirate.\" --temp 0.6\n"
        "  printf 'Hello!\\nWhat did I say?\\n' | weft chat\n",
    .add = add,
};

}  // namespace weft::cli
