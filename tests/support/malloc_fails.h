// Lets a test make malloc fail.  test_malloc.cpp replaces malloc.
#pragma once
#include <atomic>

namespace vitro::testing {

// Called before each malloc, calloc, realloc and aligned allocation, which returns null if this
// returns true.
extern constinit std::atomic<bool (*)()> g_malloc_fails;
// Whether allocations of oneDNN never fail.
extern constinit std::atomic<bool> g_malloc_spares_onednn;

}  // namespace vitro::testing
