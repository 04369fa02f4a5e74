#include "text/chat_template.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace weft::text {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;
using Options = ChatTemplate::Options;

Result<std::string> render(std::string_view source, std::string_view messages,
                           const Options& options = {}) {
  WEFT_ASSIGN(const ChatTemplate chat_template, ChatTemplate::compile(source));
  return chat_template.render(messages, options);
}

std::string error_of(const Result<std::string>& result) {
  return result ? "no error" : result.error().message();
}

// Made by goldens/make_template_goldens.py.
TEST(ChatTemplate, RendersAsJinja2Does) {
  const Json goldens = Json::parse(std::ifstream(WEFT_TEXT_GOLDENS "/template_goldens.json"));
  ASSERT_GT(goldens["cases"].size(), 50U);
  for (const Json& golden : goldens["cases"]) {
    const auto name = golden["template"].get<std::string>();
    const Json& chat = goldens["chats"][golden["chat"].get<std::string>()];
    Options options{.bos_token = "<s>", .eos_token = "</s>"};
    if (!chat["tools"].is_null()) options.tools_json = chat["tools"].dump();
    if (!golden["add_generation_prompt"].get<bool>()) {
      options.generation_prompt = Options::GenerationPrompt::leave_out;
    }
    options.variables_json = golden["variables"].dump();
    const auto output =
        render(goldens["templates"].value(name, name), chat["messages"].dump(), options);
    if (golden["output"].is_null()) {
      EXPECT_FALSE(output) << name << " gives " << *output;
    } else {
      EXPECT_EQ(output ? *output : output.error().message(), golden["output"].get<std::string>())
          << name << " with " << golden["chat"];
    }
  }
}

TEST(ChatTemplate, IsCompiledOnceAndKeepsNothing) {
  const auto chat_template = ChatTemplate::compile("{% set x = messages|length %}{{ x }}").value();
  EXPECT_EQ(chat_template.render("[1, 2]", {}).value(), "2");
  EXPECT_EQ(chat_template.render("[]", {}).value(), "0");
  EXPECT_EQ(chat_template.render("[1, 2]", {}).value(), "2");
}

TEST(ChatTemplate, ErrorsSayWhatIsWrong) {
  EXPECT_THAT(error_of(render("a\n{% if %}", "[]")), HasSubstr("line 2"));
  EXPECT_THAT(error_of(render("{{ raise_exception('no tools here') }}", "[]")),
              HasSubstr("no tools here"));
  EXPECT_THAT(error_of(render("", "[")), HasSubstr("messages"));
  EXPECT_THAT(error_of(render("", "{}")), HasSubstr("object"));
  EXPECT_THAT(error_of(render("", "[\"\xFF\"]")), HasSubstr("messages"));
  EXPECT_THAT(error_of(render("", "[]", {.tools_json = "3"})), HasSubstr("tools"));
  EXPECT_THAT(error_of(render("", "[]", {.variables_json = "[]"})), HasSubstr("variables"));
  EXPECT_THAT(error_of(render("", "[]", {.variables_json = R"({"tools": []})"})),
              HasSubstr("'tools'"));
  EXPECT_THAT(error_of(render("{{ '\xFF' }}", "[]")), HasSubstr("UTF-8"));
}

TEST(ChatTemplate, HostileInputEndsInAnError) {
  const std::string deep(200'000, '[');
  EXPECT_THAT(error_of(render("", deep)), HasSubstr("messages"));
  EXPECT_THAT(error_of(render("", deep + std::string(200'000, ']'))), HasSubstr("deeper than 100"));
  EXPECT_FALSE(
      render("{% for a in range(99999) %}{% for b in range(99999) %}"
             "{% endfor %}{% endfor %}",
             "[]"));
  EXPECT_FALSE(render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "[]"));
  EXPECT_FALSE(render(std::string(100'000, '('), "[]", {}).value_or("").empty());
  EXPECT_FALSE(render("{{ " + std::string(100'000, '(') + " }}", "[]"));
  EXPECT_FALSE(render("{{ " + std::string(100'000, '[') + " }}", "[]"));
  EXPECT_FALSE(render("{% if 1 %}" + std::string(2 << 20, 'x') + "{% endif %}", "[]"));
}

}  // namespace
}  // namespace weft::text
