// Lets tests decide which allocations fail.  Private to framework/base and the tests.
#pragma once

namespace vitro {

// Sets a function that every allocation on any thread calls first.  If it returns true, the
// allocation throws MemoryError.  While a function is set, threads keep no lists of small blocks,
// from which they could allocate without a call.  Null removes the function.
using AllocationFails = bool (*)();
void set_allocation_fails(AllocationFails fails);

}  // namespace vitro
