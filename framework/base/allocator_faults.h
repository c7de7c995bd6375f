// Lets tests decide which allocations fail.  Private to framework/base and the tests.
#pragma once

namespace vitro {

// Asked before every allocation on any thread: true makes it throw MemoryError.  While one is set,
// threads keep no lists of small blocks.  Null ends it.
using AllocationFails = bool (*)();
void set_allocation_fails(AllocationFails fails);

}  // namespace vitro
