#include "cli/commands.h"

namespace weft::cli {

std::span<const Command* const> commands() {
  static constexpr const Command* kAll[] = {
      &kRun,    &kChat,    &kBench,    &kEval,    &kDevices,  &kPull,     &kList,       &kShow,
      &kRemove, &kInspect, &kQuantize, &kConvert, &kTokenize, &kTemplate, &kCompletion,
  };
  return kAll;
}

}  // namespace weft::cli
