// Slabs: gives out small blocks and takes them back.
#include "framework/base/small_blocks.h"

#include <new>

namespace vitro {

namespace {

bool has_room(const Slab& slab) { return slab.free || slab.fresh + slab.block <= kSlabBytes; }

void link(Slab*& list, Slab* slab) {
  slab->previous = nullptr, slab->next = list;
  if (list) list->previous = slab;
  list = slab;
}

void unlink(Slab*& list, Slab* slab) {
  if (slab->next) slab->next->previous = slab->previous;
  (slab->previous ? slab->previous->next : list) = slab->next;
}

void* block_of(Slab& slab) {
  ++slab.used;
  if (void* block = slab.free) {
    slab.free = *static_cast<void**>(block);
    return block;
  }
  void* block = reinterpret_cast<char*>(&slab) + slab.fresh;
  slab.fresh += slab.block;
  return block;
}

}  // namespace

void Slabs::add_empty(void* memory) {
  auto* slab = static_cast<Slab*>(memory);
  slab->next = empty, empty = slab;
  ++n_empty;
}

void* Slabs::remove_empty() {
  Slab* const slab = empty;
  if (slab) empty = slab->next, --n_empty;
  return slab;
}

void* Slabs::take(size_t c, size_t count, size_t* taken) {
  void* list = nullptr;
  void** end = &list;
  for (*taken = 0; *taken < count; ++*taken) {
    Slab* slab = with_room[c];
    if (!slab) {
      void* const room = list ? nullptr : remove_empty();
      if (!room) break;
      slab = new (room) Slab{.block = static_cast<uint32_t>(c * 64)};
      link(with_room[c], slab);
    }
    void* const block = block_of(*slab);
    *end = block, end = static_cast<void**>(block);
    if (!has_room(*slab)) unlink(with_room[c], slab);
  }
  *end = nullptr;
  return list;
}

void Slabs::put(void* block) {
  auto* slab = reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(block) & ~(kSlab - 1));
  Slab*& list = with_room[slab->block / 64];
  if (!has_room(*slab)) link(list, slab);
  *static_cast<void**>(block) = slab->free, slab->free = block;
  if (--slab->used > 0) return;
  unlink(list, slab);
  add_empty(slab);
}

}  // namespace vitro
