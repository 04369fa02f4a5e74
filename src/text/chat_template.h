// Chat templates: Jinja that turns messages into the prompt a model was trained on, rendered as
// Hugging Face Transformers renders it. A template comes with a model file and is not trusted: it
// sees nothing but its variables, and its work, memory and output are bounded. Nor are
// messages: a control token that is spelled out in one ("<|im_start|>") is text in the prompt.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"

struct weft_template;

namespace weft::text {

class ChatTemplate {
 public:
  // Compiled once, rendered often, also from several threads.
  [[nodiscard]] static Result<ChatTemplate> compile(std::string_view source);

  struct Options {
    enum class GenerationPrompt { add, leave_out };
    GenerationPrompt generation_prompt = GenerationPrompt::add;  // the beginning of the answer
    std::string bos_token, eos_token;                            // their texts
    std::string tools_json;      // an array of tool definitions as OpenAI writes them, or empty
    std::string variables_json;  // an object of further variables, or empty
    // Whose control tokens are text in messages, tools and variables; null: the prompt has no
    // `plain`. A token that only begins with what the template itself writes is meant by it.
    const Tokenizer* tokenizer = nullptr;
  };
  // `messages_json` is an array of objects with "role" and "content". Errors name the template's
  // line; what a template raises by raise_exception() is among them.
  [[nodiscard]] Result<Prompt> render(std::string_view messages_json, const Options& options) const;

 private:
  struct Free {
    void operator()(weft_template* handle) const;
  };

  explicit ChatTemplate(weft_template* handle) : handle_(handle) {}

  std::unique_ptr<weft_template, Free> handle_;
};

}  // namespace weft::text
