// libFuzzer: any text as a chat template, rendered for a short conversation with a tool.
#include <cstdint>

#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weft::text;
  const auto compiled = ChatTemplate::compile({reinterpret_cast<const char*>(data), size});
  if (!compiled) return 0;
  (void)compiled->render(
      R"([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])",
      {.bos_token = "<s>",
       .eos_token = "</s>",
       .tools_json = R"([{"type": "function", "function": {"name": "f", "parameters": {}}}])",
       .variables_json = R"({"enable_thinking": false})"});
  return 0;
}
