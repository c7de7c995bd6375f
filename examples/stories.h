// The bundled text, which the examples read wherever they are started.
#pragma once
#include <vitro/vitro.h>

// Small stories in English and Vietnamese, 32 kB.
inline std::string stories() { return vitro::read_file(EXAMPLES_DIR "/data/stories.txt"); }
