// Parameter: a tensor that a module trains; and the mark by which a forgotten one is found.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// The base of what a module must name in members(): it carries its own address in disguise, so that
// check_members() can find it among the bytes of the module that holds it.
class Marked {
 public:
  enum class Kind : uint64_t { kModule = 0x6d6f64756c653a29, kParameter = 0x706172616d3a2928 };
  // The one of this kind that stands at p; null if none does.
  static const Marked* find(const std::byte* p, Kind kind);

  Marked(const Marked&) = delete;

 protected:
  explicit Marked(Kind kind) : mark_(mark_at(this, kind)) {}
  Marked& operator=(const Marked&) noexcept { return *this; }  // each has its own address
  // The store is volatile because a compiler leaves out what nobody may read.
  ~Marked() { *const_cast<volatile uint64_t*>(&mark_) = 0; }

 private:
  static uint64_t mark_at(const void* place, Kind kind) {
    return reinterpret_cast<uintptr_t>(place) ^ static_cast<uint64_t>(kind);
  }
  uint64_t mark_;
};

// A leaf that requires grad by its type.  Copies are ties: they hold the same leaf.
class Parameter : public Tensor, public Marked {
 public:
  Parameter() : Marked(Kind::kParameter) {}  // absent, as the bias of a layer without one
  // x itself if it is a leaf that requires grad; else a new leaf with x's storage.  Freezing it
  // takes requires_grad_(false).  DTypeError for integers and bools.
  Parameter(const Tensor& x) : Tensor(leaf_of(x)), Marked(Kind::kParameter) {}
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
