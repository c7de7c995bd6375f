// Makes malloc fail where a test wants it (test_malloc.cpp puts its own in
// place).
#pragma once
#include <atomic>

namespace vitro::testing {

// Asked before each malloc, calloc, realloc and aligned allocation: true makes
// it return null.
extern constinit std::atomic<bool (*)()> g_malloc_fails;
// Whether what oneDNN allocates never fails.
extern constinit std::atomic<bool> g_malloc_spares_onednn;

}  // namespace vitro::testing
