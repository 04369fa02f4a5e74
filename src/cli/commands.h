// The commands of the program, in the order of `weft --help`.
#pragma once

#include <span>

#include "cli/command.h"

namespace weft::cli {

extern const Command kRun;
extern const Command kChat;
extern const Command kBench;
extern const Command kEval;
extern const Command kDevices;
extern const Command kPull;
extern const Command kList;
extern const Command kShow;
extern const Command kRemove;
extern const Command kInspect;
extern const Command kQuantize;
extern const Command kConvert;
extern const Command kTokenize;
extern const Command kTemplate;
extern const Command kCompletion;

[[nodiscard]] std::span<const Command* const> commands();

}  // namespace weft::cli
