// A cache of oneDNN primitives: one per shape in the process, with memory objects per thread.
// Private to ops/onednn/.
#pragma once
#include <oneapi/dnnl/dnnl.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/base/dtype.h"

namespace vitro::onednn {

// Owns an object of oneDNN, and destroys it at the end of its scope.
template <class T, dnnl_status_t (*destroy)(T*)>
struct Destroy {
  void operator()(T* handle) const { destroy(handle); }
};
template <class T, dnnl_status_t (*destroy)(T*)>
using Handle = std::unique_ptr<T, Destroy<T, destroy>>;
using Attributes = Handle<dnnl_primitive_attr, dnnl_primitive_attr_destroy>;
using PostOps = Handle<dnnl_post_ops, dnnl_post_ops_destroy>;
using Description = Handle<dnnl_primitive_desc, dnnl_primitive_desc_destroy>;
using Runnable = Handle<dnnl_primitive, dnnl_primitive_destroy>;
using Memory = Handle<dnnl_memory, dnnl_memory_destroy>;

// Everything on which a primitive depends, as words.
struct Key {
  std::array<int64_t, 20> words{};
  int count = 0;
  void add(int64_t word) { words[static_cast<size_t>(count++)] = word; }
  bool operator==(const Key&) const = default;
};

// A primitive, and the layouts of its arguments in the order in which Execution::run takes them.
// All threads share it.  It is planned to run on one thread.
class Primitive {
 public:
  // The caller still owns `description`.
  Primitive(const_dnnl_primitive_desc_t description, std::string name);
  Primitive(const Primitive&) = delete;
  Primitive& operator=(const Primitive&) = delete;

  void add_argument(int role, const dnnl_memory_desc_t& layout) {
    arguments_.push_back({role, layout});
  }
  size_t bytes() const;

 private:
  friend class Execution;
  friend struct Statistics;
  struct Argument {
    int role;
    dnnl_memory_desc_t layout;
  };
  Runnable primitive_;
  std::vector<Argument> arguments_;
  dnnl_memory_desc_t scratchpad_{};
  size_t scratchpad_bytes_ = 0;
  std::string name_, implementation_;   // its computation, and oneDNN's name of the kernel
  std::atomic<int64_t> ended_runs_{0};  // runs of executions that no longer exist
};

// Runs a primitive on one thread, with memory objects of its own and scratch memory from our
// allocator.  (Two threads that run one primitive with oneDNN's own scratchpad get wrong numbers.)
class Execution {
 public:
  explicit Execution(std::shared_ptr<Primitive> primitive);
  ~Execution();
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  void run(std::initializer_list<const void*> pointers);

  uint64_t last_use = 0;

 private:
  friend struct Statistics;
  std::shared_ptr<Primitive> primitive_;
  std::array<dnnl_exec_arg_t, 6> arguments_{};
  std::array<Memory, 6> memory_;  // owns the memory objects in arguments_
  int count_ = 0;
  std::atomic<int64_t> runs_{0};
};

// find returns this thread's execution for `key`, or null.  add makes one; it calls make() only if
// the process has no primitive for `key`.  prepared calls find, then add if find returned null.
using Make = std::function<std::shared_ptr<Primitive>()>;
Execution* find(const Key& key);
Execution& add(const Key& key, const Make& make);
template <class F>
Execution& prepared(const Key& key, const F& make) {
  Execution* const found = find(key);
  return found ? *found : add(key, make);
}

// Throws if `status` is a failure: MemoryError if memory ran out, else Error.  `what` names the
// call.
void check_status(dnnl_status_t status, const char* what);
dnnl_engine_t engine();
dnnl_data_type_t data_type(DType dtype);
Attributes new_attributes();  // for primitives that get their scratch memory from us

}  // namespace vitro::onednn
