// Storage: a reference-counted block of bytes that tensors and views share, with a version number.
#pragma once
#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <functional>
#include <memory>
#include <new>

#include "../base/allocator.h"

namespace [[gnu::visibility("default")]] vitro {

// An atomic reference count.  A sole owner skips the atomic decrement: nobody else can add a
// reference at the same time, since there are no weak pointers.
struct RefCount {
  mutable std::atomic<int32_t> n{0};                               // the number of references
  void add() const { n.fetch_add(1, std::memory_order_relaxed); }  // one reference more
  // One reference less; returns whether it was the last.
  bool drop() const {
    return n.load(std::memory_order_acquire) == 1 || n.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  // Whether there is only one reference.
  bool unique() const { return n.load(std::memory_order_acquire) == 1; }
};

// Data computed from the bytes of a storage at one version, such as a packed copy of a weight.  The
// storage owns it.  (A table from addresses to data would not work: the address of a freed storage
// can be that of a new one.)
struct Derived : Pooled {
  explicit Derived(uint64_t of_version) : version(of_version) {}  // computed at `of_version`
  virtual ~Derived() = default;                                   // called by the storage
  const uint64_t version;  // the storage's version when this was computed
};

// The header of a block of bytes.  Usually the bytes follow it in the same allocation.
struct Storage {
  RefCount refs;           // tensors and views that share the bytes
  uint64_t version = 0;    // number of changes in place; 64 bits never wrap
  void* data = nullptr;    // the bytes
  size_t block : 63 = 0;   // bytes of the allocation that holds this header
  size_t exposed : 1 = 0;  // mutable_data() gave out a pointer that may still be in use
  std::unique_ptr<std::function<void(void*)>> deleter;  // frees memory of the caller (from_blob)
  std::atomic<Derived*> derived{nullptr};               // owned; null if nothing was derived
};
inline constexpr size_t kStorageHeader = 64;  // bytes before the data, which stays aligned
static_assert(sizeof(Storage) <= kStorageHeader);

// Whether the bytes follow the header, rather than belong to the caller of from_blob().
inline bool owns_bytes(const Storage& s) {
  return s.data == reinterpret_cast<const char*>(&s) + kStorageHeader;
}

// Reference counting for StoragePtr.
inline void intrusive_ptr_add_ref(Storage* s) { s->refs.add(); }
inline void intrusive_ptr_release(Storage* s) {
  if (!s->refs.drop()) return;
  if (s->deleter) (*s->deleter)(s->data);
  delete s->derived.load(std::memory_order_acquire);
  size_t block = s->block;
  s->~Storage();
  deallocate(s, block);
}
// An owning pointer.
using StoragePtr = boost::intrusive_ptr<Storage>;

// A new storage of `bytes` bytes, whose values are not set.  Throws MemoryError.
inline StoragePtr new_storage(size_t bytes) {
  size_t block = kStorageHeader + bytes;
  char* memory = static_cast<char*>(allocate(block));
  auto* s = new (memory) Storage;
  s->data = memory + kStorageHeader;
  s->block = block & (~size_t{0} >> 1);
  return StoragePtr(s);
}

}  // namespace vitro
