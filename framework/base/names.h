// Interned names: a module path or a parameter's name costs a node four bytes.
#pragma once
#include <cstdint>
#include <string>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

using NameId = uint32_t;  // 0 is the empty name
NameId intern(const std::string& name);
const std::string& interned(NameId id);

}  // namespace vitro
