// Slabs: pieces of memory that the allocator cuts into small blocks.  Private to framework/base.
#pragma once
#include <cstddef>
#include <cstdint>

#include "framework/base/allocator.h"

namespace vitro {

inline constexpr size_t kSmallClasses = kSmallBlock / 64 + 1;  // class c holds blocks of 64 c bytes
inline constexpr size_t kSlab = size_t{64} << 10;              // alignment of a slab, in bytes
inline constexpr size_t kSlabBytes = kSlab - 64;  // malloc's header fits between two slabs

// The header of a slab; blocks of one size fill the rest of the slab.  Rounding the address of a
// block down to a multiple of kSlab gives its slab, so each slab can count its blocks in use.
struct Slab {
  Slab *next = nullptr, *previous = nullptr;  // in its list; an empty slab uses `next` only
  void* free = nullptr;                       // list of freed blocks; each points to the next
  uint32_t block = 0;                         // bytes of a block
  uint32_t fresh = 64;                        // offset of the first block that was never used
  uint32_t used = 0;                          // number of blocks in use
};
static_assert(sizeof(Slab) <= 64);

// All slabs of the process.  Callers hold the allocator's lock.
struct Slabs {
  Slab* with_room[kSmallClasses] = {};  // by class: the slabs that have free blocks
  Slab* empty = nullptr;                // slabs with no block in use, which belong to no class
  size_t n_empty = 0;

  // Returns a list of up to `count` blocks of class c, and sets *taken to their number.  Null if
  // there is no free block.
  void* take(size_t c, size_t count, size_t* taken);
  void put(void* block);
  void add_empty(void* memory);
  void* remove_empty();  // null if there is none
};

}  // namespace vitro
