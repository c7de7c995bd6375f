// Interned names: a node stores a module path or a parameter's name in four bytes.
#pragma once
#include <cstdint>
#include <string>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// The number of an interned name.  0 is the empty name.
using NameId = uint32_t;
// The id of `name`.  Equal names have the same id, which never changes.
NameId intern(const std::string& name);
// The name that has this id.
const std::string& interned(NameId id);

}  // namespace vitro
