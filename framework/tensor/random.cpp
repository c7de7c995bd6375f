// Draws random tensors: Philox, and the distributions made from it.
#include "framework/tensor/random.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "framework/base/philox.h"
#include "framework/tensor/loops.h"

namespace vitro {

std::array<uint32_t, 4> philox(uint64_t seed, uint64_t index) {
  std::array<uint32_t, 4> x = {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0,
                               0};
  PhiloxKey key(seed);
  for (int round = 0; round < kPhiloxRounds; ++round, key.next_round())
    philox_round(key, x[0], x[1], x[2], x[3]);
  return x;
}

static double unit53(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 21) ^ (low >> 11)) * 0x1p-53;
}

double Generator::uniform() {
  auto bits = philox(seed_, reserve(1));
  return unit53(bits[0], bits[1]);
}

static constinit thread_local Generator* t_generator = nullptr;  // of the innermost ScopedGenerator

Generator& default_generator() {
  static auto* const generator = new Generator(0);
  return t_generator ? *t_generator : *generator;
}
ScopedGenerator::ScopedGenerator(Generator& generator)
    : before_(std::exchange(t_generator, &generator)) {}
ScopedGenerator::~ScopedGenerator() { t_generator = before_; }
void manual_seed(uint64_t seed) { default_generator() = Generator(seed); }

// Sets element i of x, in row-major order, to f(u, v)[i % 2], where u and v in [0, 1) are the two
// numbers drawn for i / 2.
template <class F>
static void fill_pairs(const Tensor& x, Generator& generator, F f) {
  int64_t n = x.numel();
  uint64_t first = generator.reserve(static_cast<uint64_t>((n + 1) / 2));
  uint64_t seed = generator.seed();
  ++x.impl()->storage->version;
  auto pair = [=](int64_t i) {
    auto bits = philox(seed, first + static_cast<uint64_t>(i / 2));
    return f(unit53(bits[0], bits[1]), unit53(bits[2], bits[3]));
  };
  Walk<1> walk(x.shape(), {x.strides()});
  visit_dtype(x.dtype(), [&]<class T>() {
    parallel_for(n, 1024, [&](int64_t begin, int64_t end) {
      int64_t i = begin;
      walk.range(begin, end, [&](const auto& at, int64_t count) {
        T* p = raw<T>(x) + at[0];
        std::array<double, 2> values{};
        for (int64_t k = 0; k < count; ++k, ++i) {
          if (k == 0 || i % 2 == 0) values = pair(i);
          p[k * walk.step(0)] = static_cast<T>(values[static_cast<size_t>(i % 2)]);
        }
      });
    });
  });
}

// The largest number of `dtype` below `high`.  Rounding must not give `high` itself.
static double below(double high, DType dtype) {
  constexpr float kLeast = -std::numeric_limits<float>::infinity();
  if (dtype == kFloat32) return std::nextafter(static_cast<float>(high), kLeast);
  if (dtype != kBFloat16) return std::nextafter(high, kLeast);
  BFloat16 y(static_cast<float>(high));
  // The next smaller number has the bit pattern minus 1, or plus 1 if it is negative.
  if (y >= high) y.bits = static_cast<uint16_t>(y > 0 ? y.bits - 1 : (y.bits | 0x8000) + 1);
  return y;
}

void fill_uniform(const Tensor& x, double low, double high, Generator& generator) {
  const double largest = low < high ? below(high, x.dtype()) : high;
  fill_pairs(x, generator, [=](double u, double v) {
    return std::array{std::min(low + (high - low) * u, largest),
                      std::min(low + (high - low) * v, largest)};
  });
}

// Box and Muller (1958): sqrt(-2 log u) (cos, sin)(2 pi v)
void fill_normal(const Tensor& x, double mean, double deviation, Generator& generator) {
  fill_pairs(x, generator, [=](double u, double v) {
    double radius = deviation * std::sqrt(-2 * std::log(1 - u)), angle = 2 * std::numbers::pi * v;
    return std::array{mean + radius * std::cos(angle), mean + radius * std::sin(angle)};
  });
}

Tensor rand(const Shape& shape, DType dtype, Generator& generator) {
  check<DTypeError>(is_floating(dtype), "rand: expected a floating dtype, got ", dtype);
  Tensor x = empty(shape, dtype);
  fill_uniform(x, 0, 1, generator);
  return x;
}
Tensor randn(const Shape& shape, DType dtype, Generator& generator) {
  check<DTypeError>(is_floating(dtype), "randn: expected a floating dtype, got ", dtype);
  Tensor x = empty(shape, dtype);
  fill_normal(x, 0, 1, generator);
  return x;
}
// The range in which T can represent every whole number.
template <class T>
static std::array<int64_t, 2> whole_numbers() {
  if constexpr (std::is_integral_v<T>)
    return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  else {
    constexpr int kDigits = std::is_same_v<T, BFloat16> ? 8 : std::numeric_limits<T>::digits;
    return {-(int64_t{1} << kDigits), int64_t{1} << kDigits};
  }
}

Tensor randint(int64_t low, int64_t high, const Shape& shape, DType dtype, Generator& generator) {
  check<ValueError>(low < high, "randint: expected low below high, got ", low, " and ", high);
  auto [least, most] = visit_dtype(dtype, []<class T>() { return whole_numbers<T>(); });
  check<ValueError>(least <= low && high - 1 <= most, "randint: expected a range within [", least,
                    ", ", most, "], where ", dtype, " represents every whole number, got [", low,
                    ", ", high, ")");
  Tensor x = empty(shape, dtype);
  uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  uint64_t first = generator.reserve(static_cast<uint64_t>(x.numel())), seed = generator.seed();
  visit_dtype(dtype, [&]<class T>() {
    T* p = raw<T>(x);
    for (int64_t i = 0; i < x.numel(); ++i) {
      auto bits = philox(seed, first + static_cast<uint64_t>(i));
      uint64_t r = (uint64_t{bits[0]} << 32) | bits[1];
      auto scaled = static_cast<uint64_t>((static_cast<unsigned __int128>(r) * span) >> 64);
      p[i] = static_cast<T>(static_cast<int64_t>(static_cast<uint64_t>(low) + scaled));
    }
  });
  return x;
}

}  // namespace vitro
