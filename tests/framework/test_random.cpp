// Tests random numbers: the published results of Philox, distributions, bounds, reproducibility.
#include <catch2/catch.hpp>
#include <limits>
#include <set>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;

namespace {

using DroppingBlock = std::array<uint32_t, 4>;

// Philox4x32-10 as in Salmon et al. (2011), for any counter.  Round r uses the key + r x Weyl.
DroppingBlock reference(const DroppingBlock& counter, std::array<uint32_t, 2> key) {
  auto [c0, c1, c2, c3] = counter;
  for (uint32_t round = 0; round < 10; ++round) {
    const uint64_t left = static_cast<uint64_t>(c0) * 3528531795u,
                   right = static_cast<uint64_t>(c2) * 3449720151u;
    const uint32_t k0 = key[0] + round * 2654435769u, k1 = key[1] + round * 3144134277u;
    c0 = static_cast<uint32_t>(right >> 32) ^ c1 ^ k0;
    c2 = static_cast<uint32_t>(left >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(right & 0xffffffffu);
    c3 = static_cast<uint32_t>(left & 0xffffffffu);
  }
  return {c0, c1, c2, c3};
}

struct Moments {
  double mean, deviation, skew, kurtosis, least, most;
};
Moments moments(const Tensor& x) {
  const std::vector<double> v = values(x);
  const auto n = static_cast<double>(v.size());
  Moments m{0, 0, 0, 0, HUGE_VAL, -HUGE_VAL};
  for (double y : v) {
    m.mean += y / n;
    m.least = std::min(m.least, y), m.most = std::max(m.most, y);
  }
  for (double y : v) m.deviation += (y - m.mean) * (y - m.mean) / n;
  m.deviation = std::sqrt(m.deviation);
  for (double y : v) {
    const double z = (y - m.mean) / m.deviation;
    m.skew += z * z * z / n, m.kurtosis += z * z * z * z / n;
  }
  return m;
}

constexpr int64_t kMany = 200'000;
constexpr DType kFloating[] = {kFloat32, kFloat64, kBFloat16};

// Sets the seed.  The destructor restores the old seed and the number of threads.
struct Fixture {
  explicit Fixture(uint64_t seed) { manual_seed(seed); }
  ~Fixture() { set_num_threads(threads); }
  KeepGenerator keep;
  int threads = get_num_threads();
};

}  // namespace

TEST_CASE("Philox gives the published numbers") {
  constexpr uint32_t kOnes = 0xffffffff;
  // Known answers of Random123 for philox4x32-10.
  CHECK(reference({0, 0, 0, 0}, {0, 0}) ==
        DroppingBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(reference({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
        DroppingBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0, 0) == DroppingBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  // vitro uses the index as the counter, in two words.
  uint64_t seed = 0x123456789abcdef, index = 42;
  for (int i = 0; i < 1000; ++i) {
    const DroppingBlock counter = {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                                   0, 0};
    REQUIRE(philox(seed, index) ==
            reference(counter, {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}));
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    index = index * 2862933555777941757u + 3037000493u;
  }
}

TEST_CASE("the same seed gives the same numbers, and another seed gives others") {
  KeepGenerator keep;
  auto draw = [](uint64_t seed) {
    manual_seed(seed);
    return std::vector<Tensor>{rand({100}),
                               randn({101}),
                               randint(0, 1000, {50}),
                               randn({7}, kFloat64),
                               dropout(ones({64}), 0.5),
                               multinomial(ones({30}), 20)};
  };
  const std::vector<Tensor> first = draw(3), again = draw(3), other = draw(4);
  for (size_t i = 0; i < first.size(); ++i) {
    CHECK(same_bits(first[i], again[i]));
    CHECK_FALSE(same_bits(first[i], other[i]));
  }
  manual_seed(3);
  CHECK_FALSE(same_bits(rand({100}), rand({100})));  // the second draw continues the sequence
}

TEST_CASE("KeepGenerator puts the default generator back") {
  Fixture fixture(11);
  const uint64_t seed = default_generator().seed(), position = default_generator().position();
  {
    KeepGenerator keep;
    manual_seed(99);
    (void)rand({10});
  }
  CHECK(default_generator().seed() == seed);
  CHECK(default_generator().position() == position);
}

TEST_CASE("a generator continues from a given position") {
  Generator a(5);
  Tensor x = empty({10}), y = empty({9}), again = empty({9});
  fill_uniform(x, 0, 1, a);
  const uint64_t position = a.position();
  fill_normal(y, 0, 1, a);
  const double number = a.uniform();
  Generator b(5);
  b.set_position(position);
  fill_normal(again, 0, 1, b);
  CHECK(same_bits(y, again));
  CHECK(b.uniform() == number);
  CHECK((0 <= number && number < 1));
}

TEST_CASE("random numbers do not depend on the number of threads") {
  Fixture fixture(0);
  auto draw = [](int threads) {
    set_num_threads(threads);
    manual_seed(8);
    Tensor columns = empty({301, 400}).t();
    fill_normal(columns, 0, 1);
    return std::vector<Tensor>{rand({kMany + 1}), randn({kMany + 3}, kBFloat16), columns,
                               randint(-9, 9, {kMany}), dropout(ones({kMany + 1}), 0.3)};
  };
  const std::vector<Tensor> one = draw(1);
  for (int threads : {2, 3, 4}) {
    const std::vector<Tensor> more = draw(threads);
    for (size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], more[i]));
  }
}

TEST_CASE("element i is the same in every layout and dtype") {
  Fixture fixture(2);
  Tensor rows = empty({40, 30}, kFloat64), columns = empty({30, 40}, kFloat64).t(),
         f = empty({40, 30});
  for (const Tensor& x : {rows, columns, f}) {
    manual_seed(2);
    fill_normal(x, 1, 2);
  }
  CHECK(same_bits(rows, columns));
  CHECK(same_bits(rows.to(kFloat32), f));
}

TEST_CASE("rand is uniform in [0, 1)") {
  Fixture fixture(1);
  for (DType d : kFloating) {
    INFO(d);
    const Moments m = moments(rand({kMany}, d));
    CHECK(m.mean == Approx(0.5).margin(0.004));
    CHECK(m.deviation == Approx(1 / std::sqrt(12.0)).epsilon(0.01));
    CHECK(m.skew == Approx(0).margin(0.03));
    CHECK(m.kurtosis == Approx(1.8).epsilon(0.02));
    CHECK((0 <= m.least && m.least < 0.001));
    CHECK((0.99 < m.most && m.most < 1));
  }
}

TEST_CASE("no rounding reaches the upper bound of a uniform draw") {
  Fixture fixture(1);
  const double bounds[][2] = {{0, 1}, {-1, 0}, {-3, -2}, {1, 1.5}, {0.1, 0.3}, {1e30, 1e31}};
  for (DType d : kFloating)
    for (auto [low, high] : bounds) {
      INFO(d << " [" << low << ", " << high << ")");
      Tensor x = empty({kMany}, d);
      fill_uniform(x, low, high);
      const Moments m = moments(x);
      const double nearest = full({}, low, d).item();
      CHECK((std::min(low, nearest) <= m.least && m.most < high));
      CHECK(m.most > low + 0.98 * (high - low));
    }
  Tensor x = empty({4});
  fill_uniform(x, 2, 2);
  CHECK(values(x) == std::vector<double>(4, 2));
}

TEST_CASE("randn is normal") {
  Fixture fixture(1);
  for (DType d : kFloating) {
    INFO(d);
    const Moments m = moments(randn({kMany}, d));
    CHECK(m.mean == Approx(0).margin(0.01));
    CHECK(m.deviation == Approx(1).epsilon(0.01));
    CHECK(m.skew == Approx(0).margin(0.03));
    CHECK(m.kurtosis == Approx(3).epsilon(0.03));
    CHECK((-6.5 < m.least && m.least < -3.8));
    CHECK((3.8 < m.most && m.most < 6.5));
    CHECK(std::isfinite(m.deviation));
  }
  // Neighbours are made from the same two numbers, and must still be independent.
  const std::vector<double> v = values(randn({kMany}));
  double product = 0, squares = 0;
  for (size_t i = 0; i + 1 < v.size(); i += 2) {
    product += v[i] * v[i + 1];
    squares += (v[i] * v[i] - 1) * (v[i + 1] * v[i + 1] - 1);
  }
  CHECK(std::abs(product) / kMany < 0.01);
  CHECK(std::abs(squares) / kMany < 0.02);
}

TEST_CASE("randint is uniform in [low, high)") {
  Fixture fixture(1);
  std::vector<int> counts(7, 0);
  for (double v : values(randint(-3, 4, {70'000}))) ++counts.at(static_cast<size_t>(v + 3));
  for (int count : counts) CHECK(std::abs(count - 10'000) < 400);
  CHECK(values(randint(5, 6, {10})) == std::vector<double>(10, 5));
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(),
                    kMost = std::numeric_limits<int64_t>::max();
  const Moments wide = moments(randint(kLeast, kMost, {kMany}));
  CHECK(wide.least < -9.2e18);
  CHECK(wide.most > 9.2e18);
  CHECK(randint(kMost - 1, kMost, {1}).item<int64_t>() == kMost - 1);
  for (DType d : {kFloat32, kFloat64, kBFloat16, kInt64, kInt32, kUInt8}) {
    const Moments m = moments(randint(0, 10, {1000}, d));
    CHECK(m.least == 0);
    CHECK(m.most == 9);
  }
  CHECK(moments(randint(0, 2, {1000}, kBool)).mean == Approx(0.5).margin(0.1));
  CHECK(moments(randint(0, 256, {100'000}, kUInt8)).most == 255);
}

TEST_CASE("randint refuses empty ranges, and numbers that the dtype cannot hold") {
  CHECK_THAT(message_of<ValueError>([] { randint(3, 3, {2}); }), Contains("got 3 and 3"));
  CHECK_THROWS_AS(randint(4, 3, {2}), ValueError);
  CHECK_THROWS_AS(
      randint(std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(), {2}),
      ValueError);
  CHECK_THAT(message_of<ValueError>([] { randint(0, 257, {2}, kUInt8); }),
             Contains("uint8") && Contains("[0, 255]") && Contains("[0, 257)"));
  CHECK_THROWS_AS(randint(-1, 3, {2}, kUInt8), ValueError);
  CHECK_THROWS_AS(randint(0, 3, {2}, kBool), ValueError);
  CHECK_THROWS_AS(randint(0, (int64_t{1} << 31) + 1, {2}, kInt32), ValueError);
  CHECK_THROWS_AS(randint(0, 1000, {2}, kBFloat16), ValueError);
  CHECK_THROWS_AS(randint(0, (int64_t{1} << 24) + 2, {2}, kFloat32), ValueError);
  CHECK_NOTHROW(randint(0, (int64_t{1} << 24) + 1, {2}, kFloat32));
  CHECK_THROWS_AS(rand({2}, kInt64), DTypeError);
  CHECK_THROWS_AS(randn({2}, kBool), DTypeError);
  CHECK(randint(0, 5, {0}).numel() == 0);
  CHECK(randn({0, 3}).numel() == 0);
}

TEST_CASE("dropout keeps a fraction 1 - p of the elements, and the mean") {
  Fixture fixture(1);
  for (double p : {0.1, 0.5, 0.9}) {
    Tensor y = dropout(ones({kMany}), p);
    double zeros = 0;
    for (double v : values(y)) {
      zeros += v == 0;
      CHECK_FALSE((v != 0 && std::abs(v - 1 / (1 - p)) > 1e-5));
    }
    CHECK(zeros / kMany == Approx(p).margin(0.005));
  }
  CHECK(values(dropout(ones({100}), 1)) == std::vector<double>(100, 0));
  CHECK(values(dropout(ones({100}), 0)) == std::vector<double>(100, 1));
  CHECK(values(dropout(ones({100}), 0.9, /*training=*/false)) == std::vector<double>(100, 1));
  CHECK_THROWS_AS(dropout(ones({2}), 1.5), ValueError);
  CHECK_THROWS_AS(dropout(ones({2}), -0.1), ValueError);
}

TEST_CASE("multinomial draws in proportion to the weights") {
  Fixture fixture(1);
  const Tensor weights = tensor({1.0, 0.0, 3.0, 4.0});
  std::vector<double> counts(4, 0);
  for (double v : values(multinomial(weights, 80'000, /*replacement=*/true)))
    ++counts.at(static_cast<size_t>(v));
  CHECK(counts[1] == 0);
  CHECK(counts[0] == Approx(10'000).epsilon(0.05));
  CHECK(counts[2] == Approx(30'000).epsilon(0.03));
  CHECK(counts[3] == Approx(40'000).epsilon(0.03));
  // Without replacement each index is drawn at most once; the first one is drawn as above.
  std::vector<double> first(4, 0);
  for (int i = 0; i < 4000; ++i) {
    const std::vector<double> drawn = values(multinomial(weights, 3));
    CHECK(std::set<double>(drawn.begin(), drawn.end()) == std::set<double>{0, 2, 3});
    ++first.at(static_cast<size_t>(drawn[0]));
  }
  CHECK(first[0] == Approx(500).margin(90));
  CHECK(first[2] == Approx(1500).margin(130));
  CHECK_THROWS_AS(multinomial(weights, 4), ValueError);
  CHECK_THROWS_AS(multinomial(tensor({1.0, -1.0}), 1), ValueError);
  CHECK_THROWS_AS(multinomial(zeros({3}), 1, /*replacement=*/true), ValueError);
  CHECK_THROWS_AS(multinomial(tensor({1.0, std::numeric_limits<double>::infinity()}), 1),
                  ValueError);
}

TEST_CASE("multinomial never draws a weight of 0, even if the others are very small") {
  const double tiny = std::numeric_limits<double>::denorm_min();
  const Tensor weights[] = {
      tensor({0.0, 1e-40, 0.0, 1e-40}), tensor({0.0, 1e-310, 0.0, 1e-310}, kFloat64),
      tensor({0.0, tiny, 0.0, 1.0}, kFloat64), tensor({0.0, 1e308, 0.0, 1e308}, kFloat64)};
  for (const Tensor& w : weights)
    for (bool replacement : {false, true})
      for (int round = 0; round < 50; ++round)
        for (double i : values(multinomial(w, 2, replacement))) CHECK((i == 1 || i == 3));
  // Equal weights are drawn equally often, even if they are denormal or their sum overflows.
  for (double w : {1e-310, tiny, 1e308})
    for (bool replacement : {false, true}) {
      double first = 0;
      for (double i : values(multinomial(full({4000, 2}, w, kFloat64), 1, replacement)))
        first += i == 0;
      CHECK((1800 < first && first < 2200));
    }
  CHECK_THROWS_AS(multinomial(tensor({0.0, 1.0, 0.0}), 2), ValueError);
}
