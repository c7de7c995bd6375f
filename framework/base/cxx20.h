// The language that vitro needs.  Every public header includes this one, so that a compiler of an
// older language says one sentence and stops.
#pragma once
#if __cplusplus <= 201703L
#error vitro needs C++20: compile with -std=c++20; the CMake target vitro::vitro asks for it.
// Only an include that is not there stops the compiler; an #error lets it go on.
#include <vitro_needs_cxx20>
#endif
