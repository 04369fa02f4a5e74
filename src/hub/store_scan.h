// Part of store.cpp: how each kind of store keeps its models.
#pragma once

#include <vector>

#include "hub/store.h"

namespace weft::hub {

[[nodiscard]] std::vector<FoundModel> scan(const Store& store);

}  // namespace weft::hub
