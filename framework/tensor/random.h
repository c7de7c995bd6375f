// Counter-based random numbers: Philox4x32-10 (Salmon et al., 2011).  Number i of a draw depends on
// the seed, the draw's place in the sequence and i only, so results do not depend on the threads.
#pragma once
#include <array>
#include <atomic>

#include "tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// A sequence of random numbers: a key and a position in it.
class Generator {
 public:
  explicit Generator(uint64_t seed) : seed_(seed) {}
  uint64_t seed() const { return seed_; }
  uint64_t position() const { return position_; }
  void set_position(uint64_t position) { position_ = position; }
  // Takes the next n blocks of four numbers; returns the first block's index.
  uint64_t reserve(uint64_t blocks) { return std::atomic_ref(position_).fetch_add(blocks); }
  double uniform();  // the next number in [0, 1), 53 bits

 private:
  uint64_t seed_;
  uint64_t position_ = 0;
};

// Four 32-bit numbers: block `index` of the sequence keyed by `seed`.
std::array<uint32_t, 4> philox(uint64_t seed, uint64_t index);

Generator& default_generator();  // of the whole program; seeded with 0 at start
void manual_seed(uint64_t seed);

// Puts the default generator back where it was at the end of a scope.
class KeepGenerator {
 public:
  KeepGenerator() : before_(default_generator()) {}
  ~KeepGenerator() { default_generator() = before_; }
  KeepGenerator(const KeepGenerator&) = delete;
  KeepGenerator& operator=(const KeepGenerator&) = delete;

 private:
  Generator before_;
};

Tensor rand(const Shape& shape, DType dtype = kFloat32);   // uniform in [0, 1)
Tensor randn(const Shape& shape, DType dtype = kFloat32);  // normal, mean 0, deviation 1
Tensor randint(int64_t low, int64_t high, const Shape& shape, DType dtype = kInt64);  // [low, high)
void fill_uniform(const Tensor& x, double low, double high,
                  Generator& generator = default_generator());
void fill_normal(const Tensor& x, double mean, double deviation,
                 Generator& generator = default_generator());

}  // namespace vitro
