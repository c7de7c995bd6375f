// Tests operator<< against NumPy's str(), and the output for bfloat16 and undefined tensors.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <limits>
#include <sstream>

#include "tests/support/golden.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

std::string printed(const Tensor& x) {
  std::ostringstream out;
  out << x;
  return out.str();
}

}  // namespace

TEST_CASE("tensors print as NumPy's arrays") {
  int cases = 0;
  for (const GoldenCase& c : read_goldens("printing")) {
    INFO(c.name << ", " << c.json.at("dtype"));
    CHECK(printed(golden_tensor(c.json)) == c.json.at("text"));
    ++cases;
  }
  CHECK(cases >= 58);
}

TEST_CASE("the layout in memory does not change the text") {
  Tensor x = arange(24, kFloat64).reshape({2, 3, 4}) / 7;
  CHECK(printed(x.transpose(0, 2)) == printed(x.transpose(0, 2).contiguous()));
  CHECK(printed(x.slice(2, 1, 4, 2)) == printed(x.slice(2, 1, 4, 2).contiguous()));
  CHECK(printed(tensor({1, 2}).unsqueeze(0).expand({2, 2})) == "[[1 2]\n [1 2]]");
}

TEST_CASE("a tensor with a gradient prints its values, an undefined one says so") {
  Tensor x = tensor({0.5, 1.0});
  x.requires_grad_();
  CHECK(printed(x) == "[0.5 1. ]");
  CHECK(printed(Tensor()) == "undefined");
}

TEST_CASE("int32 prints as int64, and bytes as numbers") {
  CHECK(printed(tensor({65, -2}, kInt32)) == "[65 -2]");
  CHECK(printed(tensor({65, 66}, kUInt8)) == "[65 66]");
  CHECK(printed(tensor(65, kUInt8)) == "65");
}

TEST_CASE("a bfloat16 prints the fewest digits that give the same number when read") {
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(printed(tensor(0.1, kBFloat16)) == "0.1");
  CHECK(printed(tensor({0.1, 1.5, -2.0}, kBFloat16)) == "[ 0.1  1.5 -2. ]");
  CHECK(printed(tensor({1.0078125, 3.140625}, kBFloat16)) == "[1.01 3.14]");
  CHECK(printed(tensor({1e-5, 1.0}, kBFloat16)) == "[1.e-05 1.e+00]");
  CHECK(printed(tensor({inf, -inf}, kBFloat16)) == "[ inf -inf]");
  // The text of every finite number gives the same number when it is read.
  for (uint32_t bits = 0; bits < 0x7f80; bits += 7) {
    Tensor x = empty({}, kBFloat16);
    x.mutable_data<BFloat16>()->bits = static_cast<uint16_t>(bits);
    REQUIRE(BFloat16(std::strtof(printed(x).c_str(), nullptr)).bits == bits);
  }
}
