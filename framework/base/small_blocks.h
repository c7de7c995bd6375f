// Slabs: where the small blocks of the allocator come from and go back to.  Private to
// framework/base.
#pragma once
#include <cstddef>
#include <cstdint>

#include "framework/base/allocator.h"

namespace vitro {

inline constexpr size_t kSmallClasses = kSmallBlock / 64 + 1;  // class c holds blocks of 64 c bytes
inline constexpr size_t kSlab = size_t{64} << 10;              // and the alignment of a slab
inline constexpr size_t kSlabBytes = kSlab - 64;  // malloc's header then fits between two slabs

// The header of a slab, whose other bytes are blocks of one size.  The address of a block tells its
// slab, so a slab knows when all its blocks are back.
struct Slab {
  Slab *next = nullptr, *previous = nullptr;  // with free blocks; of the empty ones `next` only
  void* free = nullptr;                       // blocks that came back, each with the next's address
  uint32_t block = 0;                         // bytes of a block
  uint32_t fresh = 64;                        // where the first block that nobody has had begins
  uint32_t used = 0;                          // blocks that are out
};
static_assert(sizeof(Slab) <= 64);

// All slabs of the process.  Its user holds the allocator's lock.
struct Slabs {
  Slab* with_room[kSmallClasses] = {};
  Slab* empty = nullptr;  // of no class
  size_t n_empty = 0;

  // A list of up to `count` blocks of class c, and how many they are; null when a slab is missing.
  void* take(size_t c, size_t count, size_t* taken);
  void put(void* block);
  void add_empty(void* memory);
  void* remove_empty();  // null if there is none
};

}  // namespace vitro
