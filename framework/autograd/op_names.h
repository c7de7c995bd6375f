// The names of all ops, for tests that look for ops without a test.
#pragma once
#include <string_view>
#include <vector>

namespace vitro {

const std::vector<std::string_view>& op_names();  // defined in node.cpp

}  // namespace vitro
