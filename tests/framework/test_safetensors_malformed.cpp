// Tests that over a hundred malformed safetensors files are refused with the right reason when they
// are read, mapped, or parsed from memory.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "framework/io/file.h"
#include "tests/support/process.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

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
// The header entry of a tensor.
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}
std::string x_is(const std::string& value) { return R"({"x":)" + value + "}"; }

void add_prefixes(std::vector<Malformed>& all) {
  const std::string good = file_with(x_is(entry("F32", "[1]", "[0,4]")), 4);
  for (size_t n = 0; n < 8; ++n)
    all.push_back({good.substr(0, n), "expected at least 8 bytes, got " + std::to_string(n)});
  const std::string rest = good.substr(8);
  all.push_back({with_length(0, rest), "expected a header, got an empty one"});
  for (uint64_t n : {rest.size() + 1, size_t{100'000'001}, size_t{1} << 32, size_t{1} << 63,
                     ~size_t{0} - 7, ~size_t{0}})
    all.push_back({with_length(n, rest), "bytes, got one of " + std::to_string(n)});
  for (size_t n : {1, 2, 5, 20})  // the header ends early, or inside a string
    all.push_back({with_length(n, rest), "expected a header that begins with {"});
  all.push_back(
      {good.substr(0, good.size() - 1), "expected data_offsets within 3 bytes, got [0, 4)"});
  all.push_back({good + '\0', "expected 4 bytes of data, as the tensors have, got 5"});
  all.push_back({good + "PK\5\6" + std::string(18, '\0'), "expected 4 bytes of data"});
}

void add_json(std::vector<Malformed>& all) {
  const std::string x = entry("U8", "[0]", "[0,0]");
  const std::pair<std::string, const char*> cases[] = {
      {"\xEF\xBB\xBF{}", "begins with {"},
      {" {}", "begins with {"},
      {"[]", "begins with {"},
      {"\"{}\"", "begins with {"},
      {"null", "begins with {"},
      {"{}\n", "begins with {"},
      {"{}\t", "begins with {"},
      {"{} x", "begins with {"},
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
      {"{\"x\":" + std::string(100'000, '[') + "}", ", got an array"},
      {"{\"x\":" + std::string(100'000, '{') + "}", "syntax error"},
      {std::string(100'000, '{') + "}", "syntax error"},
      {R"({"x":{"dtype":{"a":{"b":{}}}}})", ", got an object"},
      {"{\"a\\u0000b\":" + x + "}", "names without NUL"},
      {std::string("{\"a\0b\":1}", 9), "got a NUL byte in it"},
      {std::string("{}\0}", 4), "got a NUL byte in it"},
      {"{\"x\":" + x + ",\"x\":" + x + "}", "expected each name once, got \"x\" twice"},
      {"{\"x\":" + x + ",\"\\u0078\":" + x + "}", "expected each name once, got \"x\" twice"},
      {"{\"x\":" + entry("U8", "[1]", "[0,1]") + ",\"x\":" + entry("U8", "[1]", "[1,2]") + "}",
       "expected each name once, got \"x\" twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "expected each name once"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", "each name of metadata once, got \"a\" twice"},
      {R"({"__metadata__":{"a":1}})", ", got a number"},
      {R"({"__metadata__":{"a":null}})", ", got null"},
      {R"({"__metadata__":{"a":{}}})", ", got an object"},
      {R"({"__metadata__":{"a":["b"]}})", ", got an array"},
      {R"({"__metadata__":"a"})", ", got a text"},
      {R"({"__metadata__":[]})", ", got an array"},
      {R"({"x":null})", ", got null"},
      {R"({"x":true})", ", got true or false"},
      {R"({"x":1})", ", got a number"},
      {R"({"x":"F32"})", ", got a text"},
      {R"({"x":[]})", ", got an array"}};
  for (const auto& [json, reason] : cases) all.push_back({file_with(json), reason});
}

void add_fields(std::vector<Malformed>& all) {
  const std::pair<std::string, const char*> cases[] = {
      {"{}", "expected dtype, shape and data_offsets, got "},
      {R"({"dtype":"U8","shape":[0]})", "expected dtype, shape and data_offsets, got "},
      {R"({"shape":[0],"data_offsets":[0,0]})", "expected dtype, shape and data_offsets, got "},
      {R"({"dtype":"U8","data_offsets":[0,0]})", "expected dtype, shape and data_offsets, got "},
      {R"({"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":1})",
       "got a field \"more\" that vitro does not know"},
      {R"({"Dtype":"U8"})", "got a field \"Dtype\" that vitro does not know"},
      {R"({"dtype":"U8","dtype":"U8"})", "expected each field once, got dtype twice"},
      {R"({"shape":[0],"shape":[0]})", "expected each field once, got shape twice"},
      {R"({"data_offsets":[0,0],"data_offsets":[0,0]})",
       "expected each field once, got data_offsets twice"},
      {entry("f32", "[0]", "[0,0]"), "expected a dtype of safetensors files, got \"f32\""},
      {entry("", "[0]", "[0,0]"), "expected a dtype of safetensors files, got \"\""},
      {entry("F33", "[0]", "[0,0]"), "expected a dtype of safetensors files, got \"F33\""},
      {entry("float32", "[0]", "[0,0]"), "expected a dtype of safetensors files, got \"float32\""},
      {entry("F16", "[1]", "[0,0]"), "expected 2 bytes for its shape and dtype, got 0"},
      {entry("I8", "[0]", "[0,0]"), "expected a dtype that vitro supports, got I8"},
      {entry("I16", "[0]", "[0,0]"), "expected a dtype that vitro supports, got I16"},
      {entry("U16", "[0]", "[0,0]"), "expected a dtype that vitro supports, got U16"},
      {entry("U32", "[0]", "[0,0]"), "expected a dtype that vitro supports, got U32"},
      {entry("U64", "[0]", "[0,0]"), "expected a dtype that vitro supports, got U64"},
      {entry("F8_E4M3", "[0]", "[0,0]"), "expected a dtype that vitro supports, got F8_E4M3"},
      {R"({"dtype":1})", ", got a number"},
      {R"({"dtype":["U8"]})", ", got an array"},
      {R"({"dtype":null})", ", got null"},
      {R"({"shape":1})", ", got a number"},
      {R"({"shape":"[1]"})", ", got a text"},
      {R"({"shape":{}})", ", got an object"},
      {R"({"shape":[[1]]})", ", got an array"},
      {R"({"shape":["1"]})", ", got a text"},
      {R"({"shape":[-1]})", ", got a negative number"},
      {R"({"shape":[-0]})", ", got a negative number"},
      {R"({"shape":[1.0]})", ", got a fraction"},
      {R"({"shape":[1e2]})", ", got a fraction"},
      {R"({"shape":[1e999]})", "number overflow"},
      {R"({"shape":[NaN]})", "syntax error"},
      {R"({"shape":[01]})", "syntax error"},
      {R"({"shape":[null]})", ", got null"},
      {R"({"shape":[9223372036854775808]})", "expected a size below 2^63"},
      {R"({"shape":[18446744073709551616]})", ", got a fraction"},
      {R"({"shape":[1,1,1,1,1,1,1,1,1]})", "expected at most 8 axes"},
      {R"({"data_offsets":[]})", "expected 2 data_offsets, got 0"},
      {R"({"data_offsets":[0]})", "expected 2 data_offsets, got 1"},
      {R"({"data_offsets":[0,0,0]})", "expected 2 data_offsets, got 3"},
      {R"({"data_offsets":[-1,0]})", ", got a negative number"},
      {R"({"data_offsets":[0.5,1]})", ", got a fraction"},
      {R"({"data_offsets":["0","0"]})", ", got a text"}};
  for (const auto& [json, reason] : cases) all.push_back({file_with(x_is(json)), reason});
}

void add_sizes(std::vector<Malformed>& all) {
  const std::tuple<const char*, const char*, const char*, size_t, const char*> cases[] = {
      {"F32", "[1]", "[0,3]", 3, "expected 4 bytes for its shape and dtype, got 3"},
      {"F32", "[2]", "[0,4]", 4, "expected 8 bytes for its shape and dtype, got 4"},
      {"F32", "[]", "[0,0]", 0, "expected 4 bytes for its shape and dtype, got 0"},
      {"F32", "[0]", "[0,4]", 4, "expected 0 bytes for its shape and dtype, got 4"},
      {"U8", "[4294967296,4294967296]", "[0,0]", 0, "expected a shape of less than 2^63 bytes"},
      {"U8", "[4194305,4194305,211106198978564]", "[0,4]", 4,
       "expected a shape of less than 2^63 bytes"},
      {"F64", "[2305843009213693952]", "[0,0]", 0, "expected a shape of less than 2^63 bytes"},
      {"F64", "[1152921504606846976]", "[0,0]", 0, "expected a shape of less than 2^63 bytes"},
      {"U8", "[9223372036854775807]", "[0,0]", 0, "expected 9223372036854775807 bytes"},
      {"U8", "[0,9223372036854775807,3]", "[0,0]", 0, "expected a shape of less than 2^63 bytes"},
      {"U8", "[1]", "[1,0]", 1, "got [1, 0)"},
      {"U8", "[1]", "[1,2]", 1, "expected data_offsets within 1 bytes, got [1, 2)"},
      {"U8", "[1]", "[1,2]", 2, "expected data from byte 0 on, got a gap until byte 1"},
      {"U8", "[1]", "[0,1]", 2, "expected 1 bytes of data, as the tensors have, got 2"},
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
  two("[0,2]", "[1,3]", 3, "tensor \"b\": expected bytes of its own");
  two("[0,2]", "[0,2]", 2, "expected bytes of its own");
  two("[2,4]", "[1,3]", 4, "expected data from byte 0 on, got a gap until byte 1");
  two("[0,2]", "[3,5]", 5, "expected data from byte 2 on, got a gap until byte 3");
  std::string strange = file_with(x_is(entry("BOOL", "[2]", "[0,2]")), 2);
  strange.back() = '\2';
  all.push_back({strange, "expected 0 or 1 for each bool"});
}

void add_other_formats(std::vector<Malformed>& all) {
  all.push_back({"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
                 "it is a Git LFS pointer"});
  all.push_back({"PK\3\4" + std::string(60, 'z'), "it is a ZIP archive, as torch.save writes"});
  all.push_back({"\x80\2cmodel" + std::string(60, 'z'), "it is a Python pickle"});
  all.push_back({"GGUF\3" + std::string(60, 'z'), "it is a GGUF file"});
  all.push_back({std::string(64, '\0'), "expected a header, got an empty one"});
  all.push_back({std::string(64, '\xff'), "bytes, got one of 18446744073709551615"});
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
      CHECK_THROWS_WITH(way == 2 ? parse_safetensors(file.bytes, path)
                                 : load_safetensors(path, {.map = way == 1}),
                        StartsWith("safetensors file " + path + ": ") && Contains(file.reason));
    }
  }
}

TEST_CASE("safetensors: a directory, a FIFO, a missing file and an empty file are refused") {
  TemporaryDirectory directory;
  const std::string fifo = directory / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  for (const auto& [path, reason] :
       {std::pair{directory / "", "it is a directory"}, std::pair{fifo, "not a regular file"},
        std::pair{directory / "none", "No such file"},
        std::pair{directory.write("empty", ""), "expected at least 8 bytes, got 0"}})
    for (bool map : {false, true})
      CHECK_THROWS_WITH(load_safetensors(path, {.map = map}), Contains(path) && Contains(reason));
}

TEST_CASE("safetensors: a file may have a million tensors") {
  std::string header = "{";
  for (int i = 0; i < 1'000'000; ++i)
    header += (i ? ",\"" : "\"") + std::to_string(i) +
              R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK(parse_safetensors(file_with(header + '}'), "file").tensors.size() == 1'000'000);
}
