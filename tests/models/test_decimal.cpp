// Tests decimal numbers against exact results.
#include <catch2/catch.hpp>
#include <random>

#include "models/proof/decimal.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using proof::Decimal;

namespace {

Decimal dec(double x, int decimals = 3) { return Decimal::rounded(x, decimals); }

}  // namespace

TEST_CASE("decimal: text, value and digits") {
  CHECK(dec(0.0125, 4).text() == "0.0125");
  CHECK(dec(-0.0125, 3).text() == "-0.013");  // a half goes away from zero
  CHECK(dec(0.5, 0).text() == "1");
  CHECK(dec(-0.0001).text() == "0.000");
  CHECK_FALSE(dec(-0.0001).is_negative());
  CHECK(dec(-12.5).text() == "-12.500");
  CHECK(dec(-12.5).value() == -12.5);
  CHECK(dec(-12.5).digits() == 5);
  CHECK(dec(0.012).digits() == 3);
}

TEST_CASE("decimal: the four operations are exact, then rounded once") {
  CHECK((dec(0.1) + dec(0.2)).text() == "0.300");
  CHECK((dec(0.1) - dec(0.3)).text() == "-0.200");
  CHECK((-dec(0.1)).text() == "-0.100");
  CHECK((dec(0.5) * dec(0.001)).text() == "0.001");  // 0.0005
  CHECK((dec(-0.5) * dec(0.001)).text() == "-0.001");
  CHECK((dec(0.499) * dec(0.001)).text() == "0.000");
  CHECK((dec(1) / dec(3)).text() == "0.333");
  CHECK((dec(-2) / dec(3)).text() == "-0.667");
  CHECK((dec(1) / int64_t{8}).text() == "0.125");
  CHECK((dec(0.001) / int64_t{2}).text() == "0.001");
  CHECK((dec(-0.001) / int64_t{-2}).text() == "0.001");
  CHECK(dec(1).over(dec(3), 8).text() == "0.33333333");
  CHECK(dec(100).over(dec(3), 0).text() == "33");
  CHECK(Decimal::sum_of_products(dec(0.5), dec(0.001), dec(0.499), dec(0.001)).text() == "0.001");
  CHECK(Decimal::sum_of_products(dec(0.5), dec(0.001), -dec(0.499), dec(0.001)).text() == "0.000");
}

TEST_CASE("decimal: products and quotients agree with integers") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto a = static_cast<int64_t>(random() % 2000001) - 1000000,
               b = static_cast<int64_t>(random() % 2000001) - 1000000;
    const auto rounded = [](int64_t above, int64_t below) {  // halves away from zero
      const int64_t size = (2 * std::abs(above) + std::abs(below)) / (2 * std::abs(below));
      return (above < 0) == (below < 0) ? size : -size;
    };
    const Decimal x = dec(static_cast<double>(a) / 1e6, 6),
                  y = dec(static_cast<double>(b) / 1e6, 6);
    CHECK((x * y).text() == dec(static_cast<double>(rounded(a * b, 1000000)) / 1e6, 6).text());
    if (b != 0)
      CHECK((x / y).text() == dec(static_cast<double>(rounded(a * 1000000, b)) / 1e6, 6).text());
  }
}

TEST_CASE("decimal: functions of the printed number") {
  CHECK(exp(dec(1, 6)).text() == "2.718282");
  CHECK(exp(dec(-0.5)).text() == "0.607");
  CHECK(log(dec(2, 6)).text() == "0.693147");
  CHECK(sqrt(dec(2, 6)).text() == "1.414214");
  CHECK(tanh(dec(0.5, 6)).text() == "0.462117");
  CHECK(erf(dec(0.5, 6)).text() == "0.520500");
}

TEST_CASE("decimal: what it refuses") {
  CHECK_THAT(message_of<ValueError>([] { dec(NAN); }), Contains("finite"));
  CHECK_THAT(message_of<ValueError>([] { dec(1e17); }), Contains("18 digits"));
  CHECK_THAT(message_of<ValueError>([] { dec(1, 13); }), Contains("0 to 12 decimals"));
  CHECK_THAT(message_of<ValueError>([] { dec(1) / dec(0); }), Contains("not 0"));
  CHECK_THAT(message_of<ValueError>([] { dec(1) / int64_t{0}; }), Contains("not 0"));
  CHECK_THAT(message_of<ValueError>([] { dec(1, 3) + dec(1, 4); }),
             Contains("same number of decimals"));
  CHECK_THAT(message_of<ValueError>([] { log(dec(0)); }), Contains("finite"));
  CHECK_THAT(message_of<ValueError>([] { dec(9e14) * dec(9e14); }), Contains("18 digits"));
  CHECK_THAT(message_of<ValueError>([] { dec(1).over(dec(1), 13); }), Contains("0 to 12 decimals"));
}
