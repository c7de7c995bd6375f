// The malformed catalogue: over a hundred files, each with the reason for which it must be refused,
// by reading, by mapping and from memory alike.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "framework/io/file.h"
#include "tests/support/process.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;

namespace {

struct Malformed {
  std::string bytes, reason;
};

std::string with_length(uint64_t length, const std::string& rest) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + rest;
}
std::string file_with(const std::string& header, size_t data_bytes = 0) {
  return with_length(header.size(), header + std::string(data_bytes, '\0'));
}
// A tensor's entry without its braces' name: {"x": entry}.
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}
std::string x_is(const std::string& value) { return R"({"x":)" + value + "}"; }

void add_prefixes(std::vector<Malformed>& all) {
  const std::string good = file_with(x_is(entry("F32", "[1]", "[0,4]")), 4);
  for (size_t n = 0; n < 8; ++n)
    all.push_back({good.substr(0, n), "it has only " + std::to_string(n) + " bytes"});
  const std::string rest = good.substr(8);
  all.push_back({with_length(0, rest), "its header is empty"});
  for (uint64_t n : {rest.size() + 1, size_t{100'000'001}, size_t{1} << 32, size_t{1} << 63,
                     ~size_t{0} - 7, ~size_t{0}})
    all.push_back({with_length(n, rest), "a header of " + std::to_string(n) + " bytes"});
  for (size_t n : {1, 2, 5, 20})  // cut inside the header, and inside a string of it
    all.push_back({with_length(n, rest), "its header must begin with {"});
  all.push_back({good.substr(0, good.size() - 1), "data_offsets [0, 4) of 3 bytes"});
  all.push_back({good + '\0', "bytes 4 to 5 belong to no tensor"});
  all.push_back({good + "PK\5\6" + std::string(18, '\0'), "belong to no tensor"});
}

void add_json(std::vector<Malformed>& all) {
  const std::string x = entry("U8", "[0]", "[0,0]");
  const std::pair<std::string, const char*> cases[] = {
      {"\xEF\xBB\xBF{}", "must begin with {"},
      {" {}", "must begin with {"},
      {"[]", "must begin with {"},
      {"\"{}\"", "must begin with {"},
      {"null", "must begin with {"},
      {"{}\n", "must begin with {"},
      {"{}\t", "must begin with {"},
      {"{} x", "must begin with {"},
      {"{}{}", "syntax error"},
      {"{},{}", "syntax error"},
      {"{\"x\"}", "syntax error"},
      {"{'x':1}", "syntax error"},
      {"{\"x\":" + x + ",}", "syntax error"},
      {"{//\n}", "syntax error"},
      {"{\"\xff\":" + x + "}", "ill-formed UTF-8"},
      {"{\"\xc3\":" + x + "}", "ill-formed UTF-8"},
      {"{\"\xed\xa0\x80\":" + x + "}", "ill-formed UTF-8"},
      {"{\"\\ud800\":" + x + "}", "surrogate"},
      {"{\"a\nb\":" + x + "}", "control character"},
      {"{\"x\":" + std::string(100'000, '[') + "}", "an array is not expected"},
      {"{\"x\":" + std::string(100'000, '{') + "}", "syntax error"},
      {std::string(100'000, '{') + "}", "syntax error"},
      {R"({"x":{"dtype":{"a":{"b":{}}}}})", "an object is not expected"},
      {"{\"a\\u0000b\":" + x + "}", "holds a NUL"},
      {std::string("{\"a\0b\":1}", 9), "holds a NUL byte"},
      {std::string("{}\0}", 4), "holds a NUL byte"},
      {"{\"x\":" + x + ",\"x\":" + x + "}", "\"x\" is given twice"},
      {"{\"x\":" + x + ",\"\\u0078\":" + x + "}", "\"x\" is given twice"},
      {"{\"x\":" + entry("U8", "[1]", "[0,1]") + ",\"x\":" + entry("U8", "[1]", "[1,2]") + "}",
       "\"x\" is given twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "is given twice"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", "metadata \"a\" is given twice"},
      {R"({"__metadata__":{"a":1}})", "a number is not expected"},
      {R"({"__metadata__":{"a":null}})", "null is not expected"},
      {R"({"__metadata__":{"a":{}}})", "an object is not expected"},
      {R"({"__metadata__":{"a":["b"]}})", "an array is not expected"},
      {R"({"__metadata__":"a"})", "a text is not expected"},
      {R"({"__metadata__":[]})", "an array is not expected"},
      {R"({"x":null})", "null is not expected"},
      {R"({"x":true})", "true or false is not expected"},
      {R"({"x":1})", "a number is not expected"},
      {R"({"x":"F32"})", "a text is not expected"},
      {R"({"x":[]})", "an array is not expected"}};
  for (const auto& [json, reason] : cases) all.push_back({file_with(json), reason});
}

void add_fields(std::vector<Malformed>& all) {
  const std::pair<std::string, const char*> cases[] = {
      {"{}", "dtype, shape and data_offsets expected"},
      {R"({"dtype":"U8","shape":[0]})", "dtype, shape and data_offsets expected"},
      {R"({"shape":[0],"data_offsets":[0,0]})", "dtype, shape and data_offsets expected"},
      {R"({"dtype":"U8","data_offsets":[0,0]})", "dtype, shape and data_offsets expected"},
      {R"({"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":1})", "\"more\" is unknown"},
      {R"({"Dtype":"U8"})", "\"Dtype\" is unknown"},
      {R"({"dtype":"U8","dtype":"U8"})", "field dtype is given twice"},
      {R"({"shape":[0],"shape":[0]})", "field shape is given twice"},
      {R"({"data_offsets":[0,0],"data_offsets":[0,0]})", "field data_offsets is given twice"},
      {entry("f32", "[0]", "[0,0]"), "dtype \"f32\" is unknown"},
      {entry("", "[0]", "[0,0]"), "dtype \"\" is unknown"},
      {entry("F33", "[0]", "[0,0]"), "dtype \"F33\" is unknown"},
      {entry("float32", "[0]", "[0,0]"), "dtype \"float32\" is unknown"},
      {entry("F16", "[1]", "[0,0]"), "2 bytes expected of its shape and dtype: 0"},
      {entry("I8", "[0]", "[0,0]"), "dtype I8 is not supported"},
      {entry("I16", "[0]", "[0,0]"), "dtype I16 is not supported"},
      {entry("U16", "[0]", "[0,0]"), "dtype U16 is not supported"},
      {entry("U32", "[0]", "[0,0]"), "dtype U32 is not supported"},
      {entry("U64", "[0]", "[0,0]"), "dtype U64 is not supported"},
      {entry("F8_E4M3", "[0]", "[0,0]"), "dtype F8_E4M3 is not supported"},
      {R"({"dtype":1})", "a number is not expected"},
      {R"({"dtype":["U8"]})", "an array is not expected"},
      {R"({"dtype":null})", "null is not expected"},
      {R"({"shape":1})", "a number is not expected"},
      {R"({"shape":"[1]"})", "a text is not expected"},
      {R"({"shape":{}})", "an object is not expected"},
      {R"({"shape":[[1]]})", "an array is not expected"},
      {R"({"shape":["1"]})", "a text is not expected"},
      {R"({"shape":[-1]})", "a negative number is not expected"},
      {R"({"shape":[-0]})", "a negative number is not expected"},
      {R"({"shape":[1.0]})", "a fraction is not expected"},
      {R"({"shape":[1e2]})", "a fraction is not expected"},
      {R"({"shape":[1e999]})", "number overflow"},
      {R"({"shape":[NaN]})", "syntax error"},
      {R"({"shape":[01]})", "syntax error"},
      {R"({"shape":[null]})", "null is not expected"},
      {R"({"shape":[9223372036854775808]})", "a size below 2^63 expected"},
      {R"({"shape":[18446744073709551616]})", "a fraction is not expected"},
      {R"({"shape":[1,1,1,1,1,1,1,1,1]})", "at most 8 axes expected"},
      {R"({"data_offsets":[]})", "two data_offsets expected: 0"},
      {R"({"data_offsets":[0]})", "two data_offsets expected: 1"},
      {R"({"data_offsets":[0,0,0]})", "two data_offsets expected: 3"},
      {R"({"data_offsets":[-1,0]})", "a negative number is not expected"},
      {R"({"data_offsets":[0.5,1]})", "a fraction is not expected"},
      {R"({"data_offsets":["0","0"]})", "a text is not expected"}};
  for (const auto& [json, reason] : cases) all.push_back({file_with(x_is(json)), reason});
}

void add_sizes(std::vector<Malformed>& all) {
  const std::tuple<const char*, const char*, const char*, size_t, const char*> cases[] = {
      {"F32", "[1]", "[0,3]", 3, "4 bytes expected of its shape and dtype: 3"},
      {"F32", "[2]", "[0,4]", 4, "8 bytes expected of its shape and dtype: 4"},
      {"F32", "[]", "[0,0]", 0, "4 bytes expected of its shape and dtype: 0"},
      {"F32", "[0]", "[0,4]", 4, "0 bytes expected of its shape and dtype: 4"},
      {"U8", "[4294967296,4294967296]", "[0,0]", 0, "its shape is too large"},
      {"U8", "[4194305,4194305,211106198978564]", "[0,4]", 4, "its shape is too large"},
      {"F64", "[2305843009213693952]", "[0,0]", 0, "its shape is too large"},
      {"F64", "[1152921504606846976]", "[0,0]", 0, "its shape is too large"},
      {"U8", "[9223372036854775807]", "[0,0]", 0, "9223372036854775807 bytes expected"},
      {"U8", "[0,9223372036854775807,3]", "[0,0]", 0, "its shape is too large"},
      {"U8", "[1]", "[1,0]", 1, "data_offsets [1, 0)"},
      {"U8", "[1]", "[1,2]", 1, "data_offsets [1, 2) of 1 bytes"},
      {"U8", "[1]", "[1,2]", 2, "bytes 0 to 1 belong to no tensor"},
      {"U8", "[1]", "[0,1]", 2, "bytes 1 to 2 belong to no tensor"},
      {"U8", "[1]", "[18446744073709551614,18446744073709551615]", 1, "data_offsets"},
      {"U8", "[1]", "[18446744073709551615,0]", 1, "data_offsets"},
      {"U8", "[1]", "[0,18446744073709551615]", 1, "data_offsets"}};
  for (const auto& [dtype, shape, offsets, bytes, reason] : cases)
    all.push_back({file_with(x_is(entry(dtype, shape, offsets)), bytes), reason});
  auto two = [&](const char* a, const char* b, size_t bytes, const char* reason) {
    all.push_back(
        {file_with("{\"a\":" + entry("U8", "[2]", a) + ",\"b\":" + entry("U8", "[2]", b) + "}",
                   bytes),
         reason});
  };
  two("[0,2]", "[1,3]", 3, "\"b\": its bytes overlap");
  two("[0,2]", "[0,2]", 2, "its bytes overlap");
  two("[2,4]", "[1,3]", 4, "bytes 0 to 1 belong to no tensor");
  two("[0,2]", "[3,5]", 5, "bytes 2 to 3 belong to no tensor");
  std::string strange = file_with(x_is(entry("BOOL", "[2]", "[0,2]")), 2);
  strange.back() = '\2';
  all.push_back({strange, "a bool is neither 0 nor 1"});
}

void add_other_formats(std::vector<Malformed>& all) {
  all.push_back({"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
                 "it is a Git LFS pointer"});
  all.push_back({"PK\3\4" + std::string(60, 'z'), "it is a ZIP archive, as torch.save writes"});
  all.push_back({"\x80\2cmodel" + std::string(60, 'z'), "it is a Python pickle"});
  all.push_back({"GGUF\3" + std::string(60, 'z'), "it is a GGUF file"});
  all.push_back({std::string(64, '\0'), "its header is empty"});
  all.push_back({std::string(64, '\xff'), "a header of 18446744073709551615 bytes"});
}

}  // namespace

TEST_CASE("safetensors: every malformed file is refused for its reason") {
  std::vector<Malformed> all;
  add_prefixes(all);
  add_json(all);
  add_fields(all);
  add_sizes(all);
  add_other_formats(all);
  CHECK(all.size() >= 100);
  TemporaryDirectory directory;
  for (const Malformed& file : all) {
    INFO(file.reason << " of " << file.bytes.substr(0, 200));
    const std::string path = directory.write("file.safetensors", file.bytes);
    CHECK_THROWS_AS(load_safetensors(path), IoError);
    for (int way = 0; way < 3; ++way) {
      INFO(way);
      CHECK_THROWS_WITH(
          way == 2 ? parse_safetensors(file.bytes, path)
                   : load_safetensors(path, {.map = way == 1}),
          Contains(path + ": expected a safetensors file: ") && Contains(file.reason));
    }
  }
}

TEST_CASE("safetensors: what is no file is refused") {
  TemporaryDirectory directory;
  const std::string fifo = directory / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  for (const auto& [path, reason] :
       {std::pair{directory / "", "it is a directory"}, std::pair{fifo, "not a regular file"},
        std::pair{directory / "none", "No such file"},
        std::pair{directory.write("empty", ""), "only 0 bytes"}})
    for (bool map : {false, true})
      CHECK_THROWS_WITH(load_safetensors(path, {.map = map}), Contains(path) && Contains(reason));
}

TEST_CASE("safetensors: a million tensors are many, not too many") {
  std::string header = "{";
  for (int i = 0; i < 1'000'000; ++i)
    header += (i ? ",\"" : "\"") + std::to_string(i) +
              R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK(parse_safetensors(file_with(header + '}'), "file").tensors.size() == 1'000'000);
}
