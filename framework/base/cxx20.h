// Checks that the compiler reads C++20.  Every public header includes this file, so that a compiler
// with an older standard prints one clear error and stops.
#pragma once
#if __cplusplus <= 201703L
#error vitro needs C++20: compile with -std=c++20; the CMake target vitro::vitro asks for it.
// A missing include stops the compiler; after an #error alone it would print many more errors.
#include <vitro_needs_cxx20>
#endif
