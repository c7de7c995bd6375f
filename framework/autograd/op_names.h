// op_names() lists all ops, so that tests can find an op without a test.
#pragma once
#include <string_view>
#include <vector>

namespace vitro {

const std::vector<std::string_view>& op_names();  // filled by list_op() (node.cpp)

}  // namespace vitro
