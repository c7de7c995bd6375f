// Tests NumPy files: reads and writes the bytes that NumPy writes, and refuses malformed files.
#include <boost/algorithm/hex.hpp>
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/golden.h"
#include "tests/support/process.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;

namespace {

// A NumPy file of version 1 with this header.
std::string npy_file(const std::string& header, const std::string& data = "") {
  return "\x93NUMPY\1" + std::string(1, '\0') + static_cast<char>(header.size() % 256) +
         static_cast<char>(header.size() / 256) + header + data;
}
std::string with(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

}  // namespace

TEST_CASE("npy: files of NumPy are read, and saved with the same bytes") {
  TemporaryDirectory directory;
  const std::string file = directory / "x.npy";
  int compared = 0;
  for (const GoldenCase& c : read_goldens("npy")) {
    INFO(c.name);
    const std::string bytes = boost::algorithm::unhex(c.arg("bytes").get<std::string>());
    CHECK(difference(parse_npy(bytes, c.name), c.outputs[0], 0, 0) == "");
    write_file(file, bytes);
    CHECK(difference(load_npy(file), c.outputs[0], 0, 0) == "");
    if (c.arg("is_saved_so")) {
      save_npy(file, c.outputs[0]);
      CHECK(read_file(file) == bytes);
    }
    ++compared;
  }
  CHECK(compared == 16);
}

TEST_CASE("npy: views are saved with the values that they show; bfloat16 is refused") {
  TemporaryDirectory directory;
  const std::string file = directory / "x.npy";
  Tensor x = arange(24).reshape({2, 3, 4});
  save_npy(file, x.permute({2, 0, 1}));
  CHECK(same_bits(load_npy(file), x.permute({2, 0, 1})));
  save_npy(file, x.slice(2, 1, 4, 2));
  CHECK(same_bits(load_npy(file), x.slice(2, 1, 4, 2)));
  const std::string before = read_file(file);
  CHECK_THAT(message_of<DTypeError>([&] { save_npy(file, ones({2}, kBFloat16)); }),
             Contains("expected a dtype that NumPy has, got bfloat16; convert with to()"));
  CHECK(message_of<ValueError>([&] { save_npy(file, Tensor()); }) ==
        "save_npy: expected a defined tensor, got an undefined one");
  CHECK(read_file(file) == before);
  CHECK_THAT(message_of<IoError>([&] { save_npy(directory / "no/x.npy", x); }),
             Contains("No such file"));
  CHECK_THAT(message_of<IoError>([&] { load_npy(directory / "none.npy"); }),
             Contains("none.npy: cannot be read: No such file"));
}

TEST_CASE("npy: malformed files are refused by name and reason") {
  const std::string good = npy_file(with("'<f4'", "False", "(2,)"), std::string(8, '\0'));
  REQUIRE(parse_npy(good, "good").shape() == Shape{2});
  struct Malformed {
    std::string bytes;
    const char* reason;
  };
  std::vector<Malformed> all = {
      {"PK\3\4", "expected \\x93NUMPY at the beginning"},
      {"\x93NUMPX\1" + good.substr(7), "expected \\x93NUMPY at the beginning"},
      {good.substr(0, 6) + '\4' + good.substr(7), "expected version 1, 2 or 3, got 4"},
      {good.substr(0, 6) + '\2' + good.substr(7, 1) + "\xff\xff\xff\xff" + good.substr(12),
       "got one of 4294967295"},
      {good + '\0', "expected 8 bytes of data, got 9"},
      {npy_file(with("'<f4'", "False", "(1,)"), "abc"), "expected 4 bytes of data, got 3"},
      {npy_file(with("'|b1'", "False", "(1,)"), "\2"), "expected 0 or 1 for each bool"},
      {npy_file(with("'<f4'", "False", "(4611686018427387904, 4)")), "shape"},
      {npy_file(with("'<f4'", "False", "(4611686018427387904, 0)")), "shape"},
      {npy_file(with("'<f4'", "False", "(9223372036854775808,)")), "whole numbers"},
      {npy_file(with("'<f4'", "False", "(-1,)")), "whole numbers"},
      {npy_file(with("'<f4'", "False", "(1.5,)")), "whole numbers between commas"},
      {npy_file(with("'<f4'", "False", "(1 2)")), "whole numbers between commas"},
      {npy_file(with("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)")),
       "expected a shape of at most 8 axes"},
      {npy_file(with("'<f4'", "False", "2")), "expected ( in the header"},
      {npy_file(with("'<f4'", "False", "(2,")), "whole numbers"},
      {npy_file(with("'<f4'", "0", "(2,)")), "True or False"},
      {npy_file(with("<f4", "False", "(2,)")), "expected ' in the header"},
      {npy_file(with("'<f4", "False", "(2,)")), "expected } in the header"},
      {npy_file("{'descr': '<f4"), "got one without end"},
      {npy_file(""), "expected { in the header"},
      {npy_file("{}"), "expected descr, fortran_order and shape in the header"},
      {npy_file("{'descr': '<f4', 'shape': (2,)}"), "expected descr, fortran_order and shape"},
      {npy_file("{'descr': '<f4', 'descr': '<f4'}"), "expected each key once"},
      {npy_file("{'colour': 'red'}"), "in the header, got colour"},
      {npy_file("{'shape': (2,) 'descr': '<f4'}"), "expected } in the header"},
      {npy_file(with("'<f4'", "False", "(2,)") + "x"), "expected the end of the header after }"},
  };
  for (const char* descr : {"'>f4'", "'>f2'", "'<c8'", "'|S4'", "'<U1'", "'|O'", "'f4'", "''"})
    all.push_back({npy_file(with(descr, "False", "(2,)"), std::string(8, '\0')),
                   "expected a dtype of <f2, <f4"});
  for (size_t n = 0; n < good.size(); ++n) all.push_back({good.substr(0, n), ""});
  for (const Malformed& m : all) {
    INFO(m.bytes.size() << " bytes: " << m.bytes);
    const std::string message = message_of<IoError>([&] { parse_npy(m.bytes, "bad.npy"); });
    CHECK_THAT(message, Catch::Matchers::StartsWith("NumPy file bad.npy: "));
    CHECK_THAT(message, Contains(m.reason));
  }
}

TEST_CASE("npy: float16 is read as the float32 of the same value") {
  const std::pair<uint16_t, float> table[] = {
      {0x0000, 0.0f},        {0x8000, -0.0f},    {0x3c00, 1.0f},     {0xc100, -2.5f},
      {0x3555, 0x1.554p-2f}, {0x7bff, 65504.0f}, {0x0001, 0x1p-24f}, {0x03ff, 0x1.ff8p-15f},
      {0x0400, 0x1p-14f},    {0x7c00, INFINITY}};
  std::string data;
  for (const auto& [bits, value] : table)
    data += {static_cast<char>(bits & 0xff), static_cast<char>(bits >> 8)};
  for (const bool is_fortran : {false, true}) {
    const Tensor x = parse_npy(
        npy_file(with("'<f2'", is_fortran ? "True" : "False", "(2, 5)"), data), "half.npy");
    CHECK(x.dtype() == kFloat32);
    CHECK(x.shape() == Shape{2, 5});
    for (int64_t i = 0; i < 10; ++i) {
      const int64_t row = is_fortran ? i % 2 : i / 5, column = is_fortran ? i / 2 : i % 5;
      CHECK(x[row][column].item<float>() == table[i].second);
    }
  }
  CHECK(std::signbit(
      parse_npy(npy_file(with("'<f2'", "False", "(10,)"), data), "half.npy")[1].item<float>()));
  CHECK(std::isnan(
      parse_npy(npy_file(with("'<f2'", "False", "()"), "\x01\x7e"), "half.npy").item<float>()));
  CHECK(parse_npy(npy_file(with("'<f2'", "False", "(0, 3)")), "half.npy").shape() == Shape{0, 3});
  CHECK_THROWS_WITH(parse_npy(npy_file(with("'<f2'", "False", "(2,)"), "abc"), "half.npy"),
                    Contains("expected 4 bytes of data, got 3"));
}
