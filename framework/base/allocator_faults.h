// Lets tests decide which allocations fail.  Private to framework/base and the tests.
#pragma once

namespace vitro {

// Sets a function that every allocation on any thread calls first.  If it returns true, the
// allocation throws MemoryError.  While one is set, threads keep no lists of small blocks, so that
// no allocation passes it by.  Null removes it.
using AllocationFails = bool (*)();
void set_allocation_fails(AllocationFails fails);

}  // namespace vitro
