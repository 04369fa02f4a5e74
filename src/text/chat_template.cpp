#include "text/chat_template.h"

#include <nlohmann/json.hpp>

#include "text/rust_call.h"

namespace weft::text {
namespace {

using Json = nlohmann::ordered_json;  // templates see members in the order of the request

constexpr int kMaxDepth = 100;

// `what` begins the errors: "The messages".
Result<Json> parse(std::string_view what, std::string_view text, Json::value_t expected) {
  bool too_deep = false;
  const auto stop_at_depth = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  Json value;
  try {
    value = Json::parse(text, stop_at_depth);
  } catch (const Json::parse_error& error) {
    const std::string_view reason = error.what();  // "[json.exception.parse_error.101] ..."
    return fail("{} are no JSON: {}.", what, reason.substr(reason.find("] ") + 2));
  }
  if (too_deep) return fail("{} are nested deeper than {}.", what, kMaxDepth);
  if (value.type() != expected) {
    return fail("{} are a JSON {} and should be an {}.", what, value.type_name(),
                Json(expected).type_name());
  }
  return value;
}

Result<Json> variables_of(std::string_view messages_json, const ChatTemplate::Options& options) {
  using GenerationPrompt = ChatTemplate::Options::GenerationPrompt;
  Json variables;
  WEFT_ASSIGN(variables["messages"], parse("The messages", messages_json, Json::value_t::array));
  // Transformers defines these two in every case.
  variables["tools"] = nullptr;
  variables["documents"] = nullptr;
  if (!options.tools_json.empty()) {
    WEFT_ASSIGN(variables["tools"], parse("The tools", options.tools_json, Json::value_t::array));
  }
  variables["add_generation_prompt"] = options.generation_prompt == GenerationPrompt::add;
  variables["bos_token"] = options.bos_token;
  variables["eos_token"] = options.eos_token;
  if (options.variables_json.empty()) return variables;
  WEFT_ASSIGN(const Json extra,
              parse("The template's variables", options.variables_json, Json::value_t::object));
  for (const auto& [name, value] : extra.items()) {
    if (name == "messages" || name == "tools" || name == "bos_token" || name == "eos_token") {
      return fail("The template's variables contain '{}', which is given apart.", name);
    }
    variables[name] = value;
  }
  return variables;
}

}  // namespace

void ChatTemplate::Free::operator()(weft_template* handle) const { weft_template_free(handle); }

Result<ChatTemplate> ChatTemplate::compile(std::string_view source) {
  WEFT_ASSIGN(weft_template* const handle, rust_call(weft_template_compile, borrow(source)));
  return ChatTemplate(handle);
}

Result<Prompt> ChatTemplate::render(std::string_view messages_json, const Options& options) const {
  WEFT_ASSIGN(const Json variables, variables_of(messages_json, options));
  const std::string json = variables.dump(-1, ' ', false, Json::error_handler_t::replace);
  const weft_tokenizer* tokenizer = options.tokenizer ? options.tokenizer->handle() : nullptr;
  weft_text text{};
  weft_ids plain{};
  WEFT_TRY(rust_call(weft_template_render, handle_.get(), borrow(json), tokenizer, &text, &plain));
  Prompt prompt{.text = take(text), .plain = {plain.data, plain.data + plain.size}};
  weft_ids_free(plain);
  return prompt;
}

}  // namespace weft::text
