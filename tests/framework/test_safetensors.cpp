// Tests safetensors files: saved tensors are loaded again, and the bytes follow the format.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "framework/io/file.h"
#include "framework/tensor/loops.h"
#include "tests/support/process.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;

namespace {

std::string file_of(const std::string& header, const std::string& data = "") {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

void check_same(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  REQUIRE(a.dtype() == b.dtype());
  Tensor x = contiguous(a), y = contiguous(b);
  CHECK(std::memcmp(raw_bytes(x), raw_bytes(y),
                    static_cast<size_t>(x.numel()) * item_size(x.dtype())) == 0);
}

const Tensor& tensor_of(const Safetensors& file, const std::string& name) {
  for (const auto& [n, x] : file.tensors)
    if (n == name) return x;
  FAIL("no tensor " << name);
  return file.tensors[0].second;
}

NamedTensors one_of_each() {
  manual_seed(5);
  NamedTensors all;
  for (DType d : {kFloat32, kFloat64, kBFloat16, kInt64, kInt32, kUInt8, kBool}) {
    const std::string name(dtype_name(d));
    all.emplace_back(name, is_floating(d) ? randn({3, 5}, d) : randint(0, 2, {3, 5}).to(d));
    all.emplace_back(name + ".scalar", ones({}, d));
    all.emplace_back(name + ".empty", zeros({2, 0, 3}, d));
  }
  all.emplace_back("strided", all[0].second.t());
  return all;
}

}  // namespace

TEST_CASE("safetensors: every dtype and shape is saved and loaded: read, mapped, from memory") {
  TemporaryDirectory directory;
  const std::string path = directory / "all.safetensors";
  const NamedTensors all = one_of_each();
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"t\u00e9xt", "\"\n"}};
  save_safetensors(path, all, metadata);
  for (int way = 0; way < 3; ++way) {
    const Safetensors file = way == 0   ? load_safetensors(path)
                             : way == 1 ? load_safetensors(path, {.map = true})
                                        : parse_safetensors(read_file(path), "memory");
    CHECK(file.metadata == metadata);
    REQUIRE(file.tensors.size() == all.size());
    for (const auto& [name, x] : all) check_same(tensor_of(file, name), x);
  }
}

TEST_CASE("safetensors: the writer's bytes are fixed") {
  TemporaryDirectory directory;
  const std::string path = directory / "file.safetensors";
  const NamedTensors tensors = {{"b", tensor({1, 2}, kUInt8)},
                                {"c", tensor({1.0, -2.0})},
                                {"a", tensor({true})},
                                {"d", tensor({3}, kInt64)}};
  const std::string header =
      R"({"__metadata__":{"k":"v"},"d":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
      R"("c":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
      R"("a":{"dtype":"BOOL","shape":[1],"data_offsets":[16,17]},)"
      R"("b":{"dtype":"U8","shape":[2],"data_offsets":[17,19]}})";
  const std::string data("\3\0\0\0\0\0\0\0\0\0\200\77\0\0\0\300\1\1\2", 19);
  save_safetensors(path, tensors, {{"k", "v"}});
  CHECK(read_file(path) == file_of(header + std::string((8 - header.size() % 8) % 8, ' '), data));
  save_safetensors(path, {tensors.rbegin(), tensors.rend()}, {{"k", "v"}});
  CHECK(read_file(path) == file_of(header + std::string((8 - header.size() % 8) % 8, ' '), data));
  save_safetensors(path, {});
  CHECK(read_file(path) == file_of("{}      "));
  CHECK(load_safetensors(path).tensors.empty());
}

TEST_CASE("safetensors: unusual valid files load") {
  const std::string data("\1\0\0\0\0\0\200\77", 8);
  const std::pair<std::string, std::string> files[] = {
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}      )", data},
      {R"({ "x" : {"data_offsets":[4,8],"shape":[],"dtype":"F32"}, )"
       R"("y": {"shape":[4],"dtype":"U8","data_offsets":[0,4]} })",
       data},
      {R"({"e":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},)"
       R"("f":{"dtype":"F64","shape":[7,0],"data_offsets":[4,4]},)"
       R"("g":{"dtype":"U8","shape":[0,4611686018427387904],"data_offsets":[0,0]},)"
       R"("x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
       R"("y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       data},
      {R"({"x\u00e9":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},)"
       R"("":{"dtype":"U8","shape":[1,1,1,1,1,1,1,4],"data_offsets":[0,4]}})",
       data},
      {R"({"__metadata__":{}})", ""},
      {"{}", ""}};
  for (const auto& [header, bytes] : files) {
    INFO(header);
    CHECK_NOTHROW(parse_safetensors(file_of(header, bytes), "file"));
  }
}

TEST_CASE("safetensors: misaligned bytes are copied") {
  TemporaryDirectory directory;
  const std::string path = directory.write(
      "odd.safetensors", file_of(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                 R"("x":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                 std::string("\7\0\0\200\77", 5)));
  for (bool map : {false, true}) {
    const Safetensors file = load_safetensors(path, {.map = map});
    CHECK(tensor_of(file, "b").data<uint8_t>()[0] == 7);
    CHECK(tensor_of(file, "x").item() == 1);
  }
}

TEST_CASE("safetensors: the tensor keeps its mapping, and writes do not change the file") {
  TemporaryDirectory directory;
  const std::string path = directory / "x.safetensors";
  save_safetensors(path, {{"x", arange(4, kFloat32)}});
  Tensor x = load_safetensors(path, {.map = true}).tensors[0].second;
  x.add_(1);
  CHECK(x[3].item() == 4);
  CHECK(load_safetensors(path).tensors[0].second[3].item() == 3);
}

TEST_CASE("safetensors: large files are read by several threads") {
  TemporaryDirectory directory;
  const std::string path = directory / "large.safetensors";
  manual_seed(2);
  const NamedTensors tensors = {{"a", randint(0, 256, {20'000'001}, kUInt8)},
                                {"b", randn({1'000'003})},
                                {"c", randn({3}, kFloat64)}};
  save_safetensors(path, tensors);
  const Safetensors file = load_safetensors(path);
  for (const auto& [name, x] : tensors) check_same(tensor_of(file, name), x);
}

TEST_CASE("safetensors: float16 is read as float32, exactly, also by several threads") {
  TemporaryDirectory directory;
  constexpr int64_t kAll = 65536, kTimes = 150;  // every float16, 20 MB in all, at an odd offset
  std::string data(1, '\7');
  for (int64_t i = 0; i < kAll * kTimes; ++i)
    data += {static_cast<char>(i & 0xff), static_cast<char>(i >> 8 & 0xff)};
  const std::string bytes =
      file_of(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
              R"("x":{"dtype":"F16","shape":[150,65536],"data_offsets":[1,19660801]}})",
              data);
  const std::string path = directory.write("half.safetensors", bytes);
  for (int way = 0; way < 3; ++way) {
    const Tensor x = tensor_of(
        way == 2 ? parse_safetensors(bytes, "memory") : load_safetensors(path, {.map = way == 1}),
        "x");
    REQUIRE(x.shape() == Shape{kTimes, kAll});
    REQUIRE(x.dtype() == kFloat32);
    const float* values = x.data<float>();
    for (int64_t i = 0; i < kAll; ++i) {
      const int64_t exponent = i >> 10 & 31, digits = i & 1023;
      const double size = exponent == 31
                              ? (digits ? NAN : HUGE_VAL)
                              : std::ldexp(static_cast<double>(digits + (exponent ? 1024 : 0)),
                                           static_cast<int>(std::max<int64_t>(exponent, 1)) - 25);
      const bool same =
          std::isnan(size) ? std::isnan(values[i]) : values[i] == (i >> 15 ? -size : size);
      if (!same || std::signbit(values[i]) != (i >> 15)) FAIL("pattern " << i << ": " << values[i]);
    }
    for (int64_t row = 1; row < kTimes; ++row)
      REQUIRE(std::memcmp(values, values + row * kAll, kAll * sizeof(float)) == 0);
  }
}

TEST_CASE("safetensors: shards are joined as their index says") {
  TemporaryDirectory directory;
  const NamedTensors all = one_of_each(), a(all.begin(), all.begin() + 9),
                     b(all.begin() + 9, all.end());
  save_safetensors(directory / "m-1.safetensors", a, {{"format", "pt"}});
  save_safetensors(directory / "m-2.safetensors", b, {{"format", "pt"}});
  std::string map;
  for (size_t i = 0; i < all.size(); ++i)
    map +=
        (i ? "," : "") + ('"' + all[i].first) + "\":\"m-" + (i < 9 ? "1" : "2") + ".safetensors\"";
  auto index = [&](const std::string& json) {
    return directory.write("model.safetensors.index.json", json);
  };
  const std::string path = index(R"({"metadata":{"total_size":123},"weight_map":{)" + map + "}}");
  for (bool mapped : {false, true}) {
    const Safetensors file = load_safetensors(path, {.map = mapped});
    REQUIRE(file.tensors.size() == all.size());
    for (const auto& [name, x] : all) check_same(tensor_of(file, name), x);
    CHECK(file.metadata == std::map<std::string, std::string>{{"format", "pt"}});
  }
  const std::pair<std::string, const char*> cases[] = {
      {"{}", "expected a field weight_map, got none"},
      {"[]", "got an array where none is allowed"},
      {R"({"weight_map":{)" + map + R"(,"more":"m-2.safetensors"}})", "expected 14 tensors"},
      {R"({"weight_map":{"float32":"m-1.safetensors"}})", "expected only tensors that "},
      {R"({"weight_map":{"x":"../m-1.safetensors"}})",
       "expected a file in the folder of the index"},
      {R"({"weight_map":{"x":"/etc/passwd"}})", "expected a file in the folder of the index"},
      {R"({"weight_map":{"x":""}})", "expected a file in the folder of the index"},
      {R"({"weight_map":{"x":".."}})", "expected a file in the folder of the index"},
      {R"({"weight_map":{"x":"none.safetensors"}})", "No such file"},
      {R"({"weight_map":{"x":"a","x":"b"}})", "expected each tensor once"},
      {R"({"weight_map":{},"weight_map":{}})", "expected each field once"},
      {R"({"weight_map":{"x":1}})", "expected a file name, got a number"},
      {R"({"weight_map":{"x":{}}})", "got an object inside of weight_map"},
      {R"({"other":1})", "got a field \"other\" that vitro does not know"},
      {R"({"weight_map":{"x":"a"})", "syntax error"},
      {"", "unexpected end of input"}};
  for (const auto& [json, reason] : cases) {
    INFO(json);
    CHECK_THROWS_WITH(load_safetensors(index(json)), Contains(reason));
    CHECK_THROWS_AS(load_safetensors(index(json)), IoError);
  }
}

TEST_CASE("safetensors: a tensor with an invalid name is refused, and the old file stays") {
  TemporaryDirectory directory;
  const std::string path = directory.write("file", "old");
  const Tensor x = ones({1});
  CHECK_THROWS_AS(save_safetensors(path, {{"x", x}, {"x", x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(path, {{"__metadata__", x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(path, {{"\xff", x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(path, {{std::string(1, '\0'), x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(directory / "none/x", {{"x", x}}), IoError);
  CHECK(read_file(path) == "old");
}
