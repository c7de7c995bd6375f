// Parameter: a tensor that a module trains.  Marked: a base class by which check_members() finds
// members in memory.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// The base of Module and Parameter, which members() must name.  Its only field is its own address
// XOR a constant, so that check_members() can find it among the bytes of a module.
class Marked {
 public:
  // The constant of each kind.
  enum class Kind : uint64_t {
    kModule = 0x6d6f64756c653a29,    // the Marked is the base of a Module
    kParameter = 0x706172616d3a2928  // the Marked is the base of a Parameter
  };
  // The Marked of this kind at address p; null if there is none.
  static const Marked* find(const std::byte* p, Kind kind);

  Marked(const Marked&) = delete;  // the mark of a copy would not match its address

 protected:
  // Writes the mark.  Assignment keeps it, because each object has its own address.
  explicit Marked(Kind kind) : mark_(mark_at(this, kind)) {}
  Marked& operator=(const Marked&) noexcept { return *this; }
  // Clears the mark.  Without volatile the compiler drops a store into a dying object.
  ~Marked() { *const_cast<volatile uint64_t*>(&mark_) = 0; }

 private:
  static uint64_t mark_at(const void* place, Kind kind) {
    return reinterpret_cast<uintptr_t>(place) ^ static_cast<uint64_t>(kind);
  }
  uint64_t mark_;
};

// A leaf tensor that requires grad.  A copy is tied to the original: both are the same leaf.
class Parameter : public Tensor, public Marked {
 public:
  Parameter() : Marked(Kind::kParameter) {}  // undefined: the layer has no such parameter
  // The leaf x itself if x is a leaf that requires grad, else a new leaf that shares x's storage.
  // Only requires_grad_(false) freezes a Parameter.  DTypeError for integers and bools.
  Parameter(const Tensor& x) : Tensor(leaf_of(x)), Marked(Kind::kParameter) {}
  // Copies and moves have the same leaf.
  Parameter(const Parameter& x) : Tensor(x), Marked(Kind::kParameter) {}
  Parameter(Parameter&& x) noexcept : Tensor(std::move(x)), Marked(Kind::kParameter) {}
  Parameter& operator=(const Parameter&) & = default;
  Parameter& operator=(Parameter&&) & noexcept = default;
  ~Parameter() = default;

 private:
  static Tensor leaf_of(const Tensor& x);
};

}  // namespace nn
}  // namespace vitro
