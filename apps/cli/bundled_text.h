// The stories that are compiled into the program, so that everything runs without a download.
#pragma once
#include <string_view>

extern const std::string_view kBundledText;
