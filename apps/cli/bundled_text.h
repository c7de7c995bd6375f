// The stories that the program carries, so that everything runs with no download.
#pragma once
#include <string_view>

extern const std::string_view kBundledText;
