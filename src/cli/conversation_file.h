// A conversation as a file: a JSON array of messages with "role" and "content".
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "base/error.h"
#include "engine/chat.h"

namespace weft::cli {

[[nodiscard]] Result<void> save_conversation(const std::filesystem::path& path,
                                             std::span<const engine::Message> messages);
[[nodiscard]] Result<std::vector<engine::Message>> load_conversation(
    const std::filesystem::path& path);

}  // namespace weft::cli
