// Random numbers from a counter: Philox4x32-10 (Salmon et al., 2011).  Number i of a draw depends
// only on the seed, the position of the draw and i, so results do not depend on the number of
// threads.
#pragma once
#include <array>
#include <atomic>

#include "tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// A sequence of random numbers: a seed and a position.  Several threads may draw from one Generator
// at the same time.  No number is drawn twice, but the order of the threads decides which thread
// gets which number.
class Generator {
 public:
  explicit Generator(uint64_t seed) : seed_(seed) {}  // starts at position 0
  // A copy starts at the same position, and is then independent of the original.
  Generator(const Generator& other) : seed_(other.seed()), position_(other.position()) {}
  Generator& operator=(const Generator& other) {
    seed_ = other.seed(), position_ = other.position();
    return *this;
  }
  uint64_t seed() const { return seed_; }                         // chooses the sequence
  uint64_t position() const { return position_; }                 // index of the next block
  void set_position(uint64_t position) { position_ = position; }  // the next draw starts there
  // Takes the next `blocks` blocks of four numbers; returns the index of the first block.
  uint64_t reserve(uint64_t blocks) { return position_.fetch_add(blocks); }
  double uniform();  // the next number in [0, 1), 53 bits

 private:
  std::atomic<uint64_t> seed_;
  std::atomic<uint64_t> position_{0};
};

// Four 32-bit numbers: block `index` of the sequence keyed by `seed`.
std::array<uint32_t, 4> philox(uint64_t seed, uint64_t index);

// The generator that random functions use if they are given none.  It is the generator of the
// calling thread's innermost ScopedGenerator, or else the program's, which starts with seed 0.
Generator& default_generator();
void manual_seed(uint64_t seed);  // restarts the default generator with this seed

// Gives the calling thread another default generator for a scope.  Dropout in modules, initial
// values and sampling use it too.  Scopes nest; other threads keep their generators.
class ScopedGenerator {
 public:
  explicit ScopedGenerator(Generator& generator);  // it must outlive the scope
  // The scope has a generator of its own, with this seed.
  explicit ScopedGenerator(uint64_t seed) : ScopedGenerator(own_) { own_ = Generator(seed); }
  ~ScopedGenerator();  // restores the previous default generator
  ScopedGenerator(const ScopedGenerator&) = delete;
  ScopedGenerator& operator=(const ScopedGenerator&) = delete;

 private:
  Generator* const before_;
  Generator own_{0};
};

// Protects the default generator of the calling thread: draws and manual_seed() in the scope do not
// change it.
class KeepGenerator {
 public:
  // Draws in the scope come from a copy of the default generator.
  KeepGenerator() : own_(default_generator()), scope_(own_) {}

 private:
  Generator own_;
  ScopedGenerator scope_;
};

// Uniform in [0, 1).  DTypeError unless the dtype is floating.
Tensor rand(const Shape& shape, DType dtype = kFloat32, Generator& generator = default_generator());
// Normal with mean 0 and standard deviation 1.  DTypeError unless the dtype is floating.
Tensor randn(const Shape& shape, DType dtype = kFloat32,
             Generator& generator = default_generator());
// Uniform whole numbers in [low, high).  ValueError if the range is empty, or if the dtype cannot
// hold every number in it exactly.
Tensor randint(int64_t low, int64_t high, const Shape& shape, DType dtype = kInt64,
               Generator& generator = default_generator());
// Overwrites x with numbers uniform in [low, high).
void fill_uniform(const Tensor& x, double low, double high,
                  Generator& generator = default_generator());
// Overwrites x with normal numbers of this mean and standard deviation.
void fill_normal(const Tensor& x, double mean, double deviation,
                 Generator& generator = default_generator());

}  // namespace vitro
