// Ready oneDNN primitives, kept per thread.  Private to this room.
#pragma once
#include <oneapi/dnnl/dnnl.h>

#include <array>
#include <cstdint>
#include <string>

#include "framework/dtype.h"

namespace vitro::onednn {

// Everything that shapes a primitive, as words; first the threads, for which oneDNN plans it.
struct Key {
  Key();
  std::array<int64_t, 20> words{};
  int count = 0;
  void add(int64_t word) { words[static_cast<size_t>(count++)] = word; }
  bool operator==(const Key&) const = default;
};

// A primitive with its memory objects and prepared arguments.
class Primitive {
 public:
  Primitive(const_dnnl_primitive_desc_t description, std::string name);  // takes its own reference
  ~Primitive();
  Primitive(const Primitive&) = delete;
  Primitive& operator=(const Primitive&) = delete;

  void add_argument(int role, const dnnl_memory_desc_t& layout);  // in the order that run() takes
  void run(std::initializer_list<const void*> pointers);

  const std::string& name() const { return name_; }  // what it computes
  const std::string& implementation() const {
    return implementation_;
  }  // oneDNN's name of the kernel
  size_t bytes() const;
  uint64_t last_use = 0;
  int64_t runs = 0;

 private:
  dnnl_primitive_t primitive_ = nullptr;
  std::array<dnnl_exec_arg_t, 6> arguments_{};
  int count_ = 0;
  dnnl_memory_t scratchpad_ = nullptr;
  size_t scratchpad_bytes_ = 0;
  std::string name_, implementation_;
};

// The primitive for `key`; a missing one is made by make(), which returns a new Primitive.
Primitive* find(const Key& key);
Primitive& keep(const Key& key, Primitive* made);

void check_status(dnnl_status_t status, const char* what);
dnnl_engine_t engine();
dnnl_data_type_t data_type(DType dtype);
dnnl_primitive_attr_t new_attributes();  // with the scratchpad in our hands

}  // namespace vitro::onednn
