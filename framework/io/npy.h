// NumPy's .npy files: one array each, as numpy.save writes it.
// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once
#include <string>
#include <string_view>

#include "../tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// Versions 1 to 3, C and Fortran order, little-endian numbers of vitro's dtypes.  IoError, naming
// the file and the reason, for anything else.
Tensor load_npy(const std::string& path);
// The same of a file's bytes in memory; `name` stands for it in errors.
Tensor parse_npy(std::string_view bytes, const std::string& name);

// Replaces `path` as AtomicFile does.  DTypeError for bfloat16, which NumPy has not.
void save_npy(const std::string& path, const Tensor& x);

}  // namespace vitro
