// Counter-based random numbers: Philox4x32-10 (Salmon et al., 2011).  Number i of a draw depends on
// the seed, the draw's place in the sequence and i only, so results do not depend on the threads.
#pragma once
#include <array>
#include <atomic>

#include "tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// A sequence of random numbers: a key and a position in it.  Threads may draw from one at the same
// time: no number comes twice, but who gets which depends on their order.
class Generator {
 public:
  explicit Generator(uint64_t seed) : seed_(seed) {}
  Generator(const Generator& other) : seed_(other.seed()), position_(other.position()) {}
  Generator& operator=(const Generator& other) {
    seed_ = other.seed(), position_ = other.position();
    return *this;
  }
  uint64_t seed() const { return seed_; }
  uint64_t position() const { return position_; }
  void set_position(uint64_t position) { position_ = position; }
  // Takes the next n blocks of four numbers; returns the first block's index.
  uint64_t reserve(uint64_t blocks) { return position_.fetch_add(blocks); }
  double uniform();  // the next number in [0, 1), 53 bits

 private:
  std::atomic<uint64_t> seed_;
  std::atomic<uint64_t> position_{0};
};

// Four 32-bit numbers: block `index` of the sequence keyed by `seed`.
std::array<uint32_t, 4> philox(uint64_t seed, uint64_t index);

// The generator that random functions draw from unless they are given one: the innermost
// ScopedGenerator's of the calling thread, or else the program's, which starts with seed 0.
Generator& default_generator();
void manual_seed(uint64_t seed);  // of the default generator

// Gives the calling thread a default generator of its own for a scope, also to dropout in modules,
// initial values and sampling.  Scopes nest; other threads keep theirs.
class ScopedGenerator {
 public:
  explicit ScopedGenerator(Generator& generator);  // which must outlive the scope
  explicit ScopedGenerator(uint64_t seed) : ScopedGenerator(own_) { own_ = Generator(seed); }
  ~ScopedGenerator();
  ScopedGenerator(const ScopedGenerator&) = delete;
  ScopedGenerator& operator=(const ScopedGenerator&) = delete;

 private:
  Generator* const before_;
  Generator own_{0};
};

// The default generator is at the end of a scope where it was at its start, whatever the scope
// draws and seeds.
class KeepGenerator {
 public:
  KeepGenerator() : own_(default_generator()), scope_(own_) {}

 private:
  Generator own_;
  ScopedGenerator scope_;
};

// Uniform in [0, 1).
Tensor rand(const Shape& shape, DType dtype = kFloat32, Generator& generator = default_generator());
// Normal, mean 0, deviation 1.
Tensor randn(const Shape& shape, DType dtype = kFloat32,
             Generator& generator = default_generator());
// Whole numbers in [low, high).
Tensor randint(int64_t low, int64_t high, const Shape& shape, DType dtype = kInt64,
               Generator& generator = default_generator());
void fill_uniform(const Tensor& x, double low, double high,
                  Generator& generator = default_generator());
void fill_normal(const Tensor& x, double mean, double deviation,
                 Generator& generator = default_generator());

}  // namespace vitro
