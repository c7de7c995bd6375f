// Storage: a counted block of bytes that tensors and their views share, with a version number.
#pragma once
#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <functional>
#include <memory>
#include <new>

#include "../base/allocator.h"

namespace [[gnu::visibility("default")]] vitro {

// An atomic count that skips the locked decrement for a sole owner (sound: no weak pointers exist).
struct RefCount {
  mutable std::atomic<int32_t> n{0};
  void add() const { n.fetch_add(1, std::memory_order_relaxed); }
  bool drop() const {
    return n.load(std::memory_order_acquire) == 1 || n.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  bool unique() const { return n.load(std::memory_order_acquire) == 1; }
};

// Something derived from the bytes of a storage at one version, such as a packed copy of a weight.
// It dies with the storage.  (An address and a version would not identify it: storage is pooled.)
struct Derived : Pooled {
  explicit Derived(uint64_t of_version) : version(of_version) {}
  virtual ~Derived() = default;
  const uint64_t version;
};

struct Storage {
  RefCount refs;
  uint64_t version = 0;  // counts the changes in place; 64 bits never wrap
  void* data = nullptr;
  size_t block : 63 = 0;   // bytes of the allocation that holds this header
  size_t exposed : 1 = 0;  // somebody got a pointer to write through, and may keep it
  std::unique_ptr<std::function<void(void*)>> deleter;  // of memory that is not ours (from_blob)
  std::atomic<Derived*> derived{nullptr};
};
inline constexpr size_t kStorageHeader = 64;  // the data follows, aligned
static_assert(sizeof(Storage) <= kStorageHeader);

// Whether the bytes are the storage's own block rather than a caller's (from_blob).
inline bool owns_bytes(const Storage& s) {
  return s.data == reinterpret_cast<const char*>(&s) + kStorageHeader;
}

inline void intrusive_ptr_add_ref(Storage* s) { s->refs.add(); }
inline void intrusive_ptr_release(Storage* s) {
  if (!s->refs.drop()) return;
  if (s->deleter) (*s->deleter)(s->data);
  delete s->derived.load(std::memory_order_acquire);
  size_t block = s->block;
  s->~Storage();
  deallocate(s, block);
}
using StoragePtr = boost::intrusive_ptr<Storage>;

inline StoragePtr new_storage(size_t bytes) {
  size_t block = kStorageHeader + bytes;
  char* memory = static_cast<char*>(allocate(block));
  auto* s = new (memory) Storage;
  s->data = memory + kStorageHeader;
  s->block = block & (~size_t{0} >> 1);
  return StoragePtr(s);
}

}  // namespace vitro
