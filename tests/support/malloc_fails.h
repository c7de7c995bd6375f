// Lets a test make malloc fail.  test_malloc.cpp replaces malloc.
#pragma once
#include <atomic>

namespace vitro::testing {

// Called before each malloc, calloc, realloc and aligned allocation.  If it returns true, the
// allocation returns null.
extern constinit std::atomic<bool (*)()> g_malloc_fails;
// If true, allocations of oneDNN never fail.
extern constinit std::atomic<bool> g_malloc_spares_onednn;

}  // namespace vitro::testing
