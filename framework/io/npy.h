// Reads and writes NumPy's .npy files.  A file contains one array, as numpy.save writes it.
// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once
#include <string>
#include <string_view>

#include "../tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// Loads versions 1 to 3, C and Fortran order, little-endian numbers of vitro's dtypes, and float16
// as float32.  Anything else is an IoError with the file and the reason.
Tensor load_npy(const std::string& path);
// Does the same with the bytes of a file, which errors call `name`.
Tensor parse_npy(std::string_view bytes, const std::string& name);

// Replaces `path` as AtomicFile does.  DTypeError for bfloat16, which NumPy does not have.
void save_npy(const std::string& path, const Tensor& x);

}  // namespace vitro
