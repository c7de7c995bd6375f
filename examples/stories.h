// Reads the bundled text for the examples, in whatever folder they are started.
#pragma once
#include <vitro/vitro.h>

// Short stories in English and Vietnamese, 32 kB.
inline std::string stories() { return vitro::read_file(EXAMPLES_DIR "/data/stories.txt"); }
